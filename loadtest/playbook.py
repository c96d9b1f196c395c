"""What the playbook lets in where a limit ends before the demand does: `out/<id>/playbook/autoscaling.json`."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ConfigDict

from campaign.documents import FileRecord, read_json
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.workspace import Workspace
from loadtest.build import Wanted
from loadtest.scenario import AdmissionWanted


class PartOfPlan(FileRecord):
    """The part of the playbook's file that is read here."""

    model_config = ConfigDict(extra="ignore")


class LimitHit(PartOfPlan):
    admitted_requests_per_second: float


class PlannedService(PartOfPlan):
    limits_hit: tuple[LimitHit, ...] = ()


class PlannedServices(PartOfPlan):
    services: dict[str, PlannedService] = {}


def admission_wanted(
    workspace: Workspace, campaign: str, wanted: Wanted, service: str | None, admitted: float | None, code: int
) -> Wanted:
    """The same wish with what is to be let in: given by hand, or read from the playbook.

    Raises:
        UserError: the profile is `limits` and nobody says what is let in, or several services are limited.
    """
    if wanted.profile != "limits":
        if service is None and admitted is None:
            return wanted
        what = say("--service and --admitted belong to --profile limits")
        raise UserError(Problem(what, say("leave them out, or add it"), key="--profile"))
    planned = admitted_by_playbook(workspace, campaign)
    known = planned if service is None or service not in planned else {service: planned[service]}
    if admitted is None and (len(known) != 1 or (service is not None and service not in known)):
        raise UserError(_undecided(service, planned))
    if service is None and len(known) != 1:
        raise UserError(Problem(say("which service is limited?"), say("name it with --service"), key="--service"))
    name = service or next(iter(known))
    rate = admitted if admitted is not None else known[name]
    return replace(
        wanted,
        admission=AdmissionWanted(service=name, admitted_requests_per_second=rate, refusal_codes=(code,)),
    )


def admitted_by_playbook(workspace: Workspace, campaign: str) -> dict[str, float]:
    """Requests per second let in at the worst minute, by limited service; empty where there is no playbook."""
    file = workspace.out(campaign) / "playbook" / "autoscaling.json"
    if not file.is_file():
        return {}
    planned = read_json(file, f"out/{campaign}/playbook/autoscaling.json", PlannedServices)
    return {
        name: min(hit.admitted_requests_per_second for hit in service.limits_hit)
        for name, service in planned.services.items()
        if service.limits_hit
    }


def _undecided(service: str | None, planned: dict[str, float]) -> Problem:
    if not planned or service is not None:
        what = say("the playbook limits no such service")
        return Problem(what, say("say what is let in: --service NAME --admitted RATE"), key="--admitted")
    what = say("several services are limited: {names}", names=", ".join(sorted(planned)))
    return Problem(what, say("choose one with --service"), key="--service")
