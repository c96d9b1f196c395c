"""The profile `limits`: more than a limiter may let in, and whether it lets in what was agreed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from loadtest.funnel import reach_ratios
from loadtest.observations import OK, REFUSED, SENT, Observations
from loadtest.policy import Profiles
from loadtest.results import AdmissionResult, PracticeTarget
from loadtest.scenario import AdmissionWanted, Scenario, ScenarioStage, Stream
from loadtest.schedule import segments_of
from loadtest.verdict import Cause


def limited_streams(
    stages: tuple[ScenarioStage, ...], wanted: AdmissionWanted, seconds: int, policy: Profiles
) -> tuple[tuple[ScenarioStage, ...], tuple[Stream, ...]]:
    """The stages that ask the limited service, each on a steady curve: together `limits_ratio` times what is admitted.

    Raises:
        UserError: no stage asks that service.
    """
    asking = [
        (stage, reach)
        for stage, reach in zip(stages, reach_ratios(stages), strict=True)
        if stage.requests.get(wanted.service, 0) > 0 and reach > 0
    ]
    per_visit = sum(reach * stage.requests[wanted.service] for stage, reach in asking)
    if not per_visit:
        known = sorted({name for stage in stages for name in stage.requests})
        what = say("no stage of the funnel asks {service}", service=wanted.service)
        raise UserError(Problem(what, nearest(wanted.service, known), key="--service"))
    visits = policy.limits_ratio * wanted.admitted_requests_per_second / per_visit
    streams = tuple(
        Stream(stream=s.stage, stage=s.stage, goes_on=False, segments=segments_of(np.full(seconds, visits * reach)))
        for s, reach in asking
    )
    return tuple(stage for stage, _reach in asking), streams


def with_agreed_limit(target: PracticeTarget, scenario: Scenario) -> PracticeTarget:
    """A practice target that lets in what was agreed, in its own requests, unless it has a limit already."""
    wanted = scenario.admission
    if wanted is None or target.admits_per_second is not None:
        return target
    at_the_door = {s.stage: s.segments[0].arrivals_per_second for s in scenario.streams}
    asked = sum(at_the_door[stage.stage] * stage.requests[wanted.service] for stage in scenario.stages)
    share = wanted.admitted_requests_per_second / asked
    return target.model_copy(update={"admits_per_second": share * sum(at_the_door.values())})


def admission_seen(scenario: Scenario, seen: Observations, policy: Profiles) -> AdmissionResult | None:
    """What was offered, let in and refused once the limiter's bucket was empty; None for other profiles."""
    wanted, first = scenario.admission, policy.limits_settle_seconds
    if wanted is None or scenario.duration_seconds <= first:
        return None
    seconds = scenario.duration_seconds - first
    offered, admitted, refused = 0.0, 0.0, 0
    for index, stage in enumerate(scenario.stages):
        counts = seen.counts(index, scenario.duration_seconds + 1)[first : scenario.duration_seconds].sum(axis=0)
        each = stage.requests.get(wanted.service, 0.0)
        offered, admitted = offered + each * counts[SENT], admitted + each * counts[OK]
        refused += int(counts[REFUSED])
    return AdmissionResult(
        service=wanted.service,
        planned_requests_per_second=wanted.admitted_requests_per_second,
        offered_requests_per_second=float(offered / seconds),
        admitted_requests_per_second=float(admitted / seconds),
        refused=refused,
        refusal_codes=wanted.refusal_codes,
    )


def judge_admission(admission: AdmissionResult | None, policy: Profiles) -> Iterator[Cause]:
    """Too much or too little let in is a NO-GO; that refusals carry other codes shows as errors of the stages."""
    if admission is None:
        return
    planned, found = admission.planned_requests_per_second, admission.admitted_requests_per_second
    codes = ", ".join(map(str, admission.refusal_codes))
    if not admission.refused:
        what = say("{service}: nothing was refused with {codes} at {offered} requests per second: is the limit on?",
                   service=admission.service, codes=codes,
                   offered=f"{admission.offered_requests_per_second:.4g}")  # fmt: skip
        yield Cause("not-limited", "NO-GO", what)
    elif abs(found - planned) > policy.limits_tolerance_ratio * planned:
        what = say("{service}: {found} requests per second were let in, the plan is {planned} ± {tolerance} %",
                   service=admission.service, found=f"{found:.4g}", planned=f"{planned:.4g}",
                   tolerance=f"{100 * policy.limits_tolerance_ratio:g}")  # fmt: skip
        yield Cause("admission-off", "NO-GO", what)
