"""GO with limits: the decision's caps as rules, and what of the plan is above them."""

from __future__ import annotations

from campaign.files import write_json
from campaign.language import Text, say
from campaign.limits import LIMITS, CampaignLimits, Cap
from campaign.numbers import local_minute, spoken
from campaign.store.events import Event
from campaign.workspace import Workspace
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.finding import PASS, Finding, joined


def limits_of(decision: Event, currency: str) -> CampaignLimits | None:
    """The caps of a decision; None for GO and NO-GO."""
    given = decision.body.get("limits", {})
    units = {"spend": currency, "push_per_second": "messages/s"}
    caps = tuple(Cap(measure=name, at_most=given[name], unit=unit) for name, unit in units.items() if name in given)
    if not caps:
        return None
    return CampaignLimits(
        campaign=decision.campaign,
        decided_by=decision.actor,
        decided_at_utc=decision.at_utc,
        bundle=decision.body.get("bundle"),
        caps=caps,
    )


def publish_limits(workspace: Workspace, decision: Event) -> CampaignLimits | None:
    """Write `out/<id>/limits.json`, or take it away where the decision sets none.

    Raises:
        UserError: the folder cannot be written to.
    """
    limits = limits_of(decision, workspace.settings.currency)
    file = workspace.out(decision.campaign) / LIMITS
    if limits is None:
        file.unlink(missing_ok=True)
    else:
        write_json(file, limits.model_dump(mode="json"))
    return limits


def limits_kept(evidence: Evidence) -> Finding:
    """The plan keeps to the caps; what is above them must be capped where it is sent or spent, and signed."""
    decided = evidence.standing.decision
    caps = decided.body.get("limits", {}) if decided else {}
    above = [*_pushes_above(evidence, caps.get("push_per_second")), *_spend_above(evidence, caps.get("spend"))]
    return Finding("pending", joined(above)) if above else PASS


def _pushes_above(evidence: Evidence, cap: float | None) -> list[Text]:
    if cap is None:
        return []
    zone = evidence.settings.zone
    return [
        say(
            "{channel} at {at} sends {planned}/s, at most {cap}/s is allowed",
            channel=channel.name,
            at=local_minute(send.at, zone),
            planned=spoken(send.per_second) if send.per_second else "?",
            cap=spoken(cap),
        )
        for channel in evidence.plan.channels
        for send in channel.sends
        if send.per_second is None or send.per_second > cap
    ]


def _spend_above(evidence: Evidence, cap: float | None) -> list[Text]:
    planned = sum(channel.spend or 0.0 for channel in evidence.plan.channels)
    if cap is None or planned <= cap:
        return []
    return [
        say(
            "{planned} {currency} are planned, at most {cap} may be spent",
            planned=spoken(planned),
            cap=spoken(cap),
            currency=evidence.settings.currency,
        )
    ]
