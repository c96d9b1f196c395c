"""What the commands say, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign.console import table
from campaign.language import _
from campaign.numbers import spoken

if TYPE_CHECKING:
    from campaign.capacity import Capacity
    from loadtest.calibrate import Calibration
    from loadtest.measurement import Measurement
    from loadtest.past_peaks import Carried
    from loadtest.results import EndpointResult, Results, ServiceResult
    from loadtest.scenario import Scenario
    from loadtest.verdict import Judgement


def scenario_text(scenario: Scenario, time_zone: str) -> str:
    """What was built, for people."""
    from zoneinfo import ZoneInfo

    starts = scenario.starts_at_utc.astimezone(ZoneInfo(time_zone))
    arrivals = sum(s.seconds * s.arrivals_per_second for stream in scenario.streams for s in stream.segments)
    lines = [
        _("curve {curve} from {start}, {seconds} s of run, scale {scale}").format(
            curve=scenario.curve, start=starts.isoformat(" ", "minutes"), seconds=scenario.duration_seconds,
            scale=f"{scenario.scale_ratio:g}"),
        _("{arrivals} visitors expected, {stages} stages").format(
            arrivals=f"{arrivals:.0f}", stages=len(scenario.stages)),
        *(_("does not show: {text}").format(text=text) for text in scenario.invalidates),
        *(_("assumed: {text}").format(text=text) for text in scenario.assumptions),
    ]  # fmt: skip
    return "\n".join(lines)


def results_text(results: Results, judgement: Judgement) -> str:
    """The verdict, why, and the endpoints' figures, for people."""
    from loadtest.report import outcome_in_words

    headings = [_("stage"), "", *figure_headings()]
    rows = [[e.stage, e.outcome, *figures(e)] for e in results.endpoints]
    generator = results.generator
    lines = [f"{results.outcome}: {outcome_in_words(results.outcome)}"]
    lines += [f"- {cause.what}" for cause in judgement.causes]
    lines += profile_lines(results)
    if not results.counts_for_campaign:
        lines.append(_("This run does not count for the campaign: a practice target or a scaled curve was used."))
    lines.append(table(headings, rows, left=2))
    lines += services_lines(results)
    if results.changes:
        changes = ", ".join(
            f"{c.stage} {milliseconds(c.p99_ms_before)} → {milliseconds(c.p99_ms)}" for c in results.changes
        )
        lines.append(_("p99 since the run before, ms: {changes}").format(changes=changes))
    if generator.kind == "unknown":
        lines.append(_("made with another tool: generator validity unknown"))
        return "\n".join(lines)
    lines += [
        _("{arrived} of {scheduled} visitors started by {workers} workers").format(
            arrived=generator.arrived, scheduled=generator.scheduled, workers=generator.workers),
        _("generator lag p99 {lag} ms, share of a core {run}").format(
            lag=_figure(generator.lag_p99_ms), run=_figure(generator.cpu_run_ratio)),
    ]  # fmt: skip
    return "\n".join(lines)


def figure_headings() -> list[str]:
    return [_("p99, ms"), _("objective, ms"), _("slow, %"), _("requests"), _("errors"), _("p50, ms"),
            _("p99 from sending, ms")]  # fmt: skip


def figures(endpoint: EndpointResult) -> list[str]:
    """One table row, what is judged first: p99 from the intended start, its objective, slow %, requests, failed, p50,
    p99 from sending."""
    response, service = endpoint.response_ms, endpoint.service_ms
    return [
        milliseconds(response.p99) if response else "-",
        f"{endpoint.p99_objective_ms:,g}",
        f"{100 * endpoint.slow_ratio.mid:.3g}" if endpoint.slow_ratio else "-",
        f"{endpoint.sent:,}",
        f"{endpoint.failed:,}",
        milliseconds(response.p50) if response else "-",
        milliseconds(service.p99) if service else "-",
    ]


def milliseconds(value: float) -> str:
    """`1,848`, `19.3`: as many digits as such a figure is worth."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def services_lines(results: Results) -> list[str]:
    """What each service behind the gateway was asked in its highest minute."""
    if not results.services:
        return []
    headings = [_("service"), _("highest minute, requests/s"), _("planned, requests/s"), ""]
    rows = [
        [name, spoken(s.requests_per_second), _spoken(s.wanted_requests_per_second), _exercised(s)]
        for name, s in results.services.items()
    ]
    lines = [table(headings, rows)]
    if all_from_funnel(results):
        lines.append(_("computed from replies and the funnel: no Prometheus among the sources was asked"))
    return lines


def all_from_funnel(results: Results) -> bool:
    """Whether nobody measured what the services were asked."""
    return all(service.read_from == "funnel" for service in results.services.values())


def _spoken(value: float | None) -> str:
    return "-" if value is None else spoken(value)


def _exercised(service: ServiceResult) -> str:
    words = {True: _("exercised"), False: _("not exercised"), None: "-"}
    return words[service.exercised]


def profile_lines(results: Results) -> list[str]:
    """What the profiles `limits` and `breakpoint` found."""
    admission, broken = results.admission, results.breaks_first
    lines = []
    if admission is not None:
        lines.append(
            _("{service}: {admitted} of {offered} requests per second let in, {refused} requests refused").format(
                service=admission.service,
                admitted=f"{admission.admitted_requests_per_second:.4g}",
                offered=f"{admission.offered_requests_per_second:.4g}",
                refused=admission.refused,
            )
        )
    if broken is not None:
        lines.append(
            _("{stage} breaks first, at {multiple} times the peak (second {second})").format(
                stage=broken.stage, multiple=f"{broken.peak_multiple:.2f}", second=broken.second
            )
        )
        if broken.generator_late:
            lines.append(_("the generator was late there too: it may be the generator that broke"))
    elif results.profile == "breakpoint":
        lines.append(_("nothing broke as far as the run went"))
    return lines  # fmt: skip


def calibration_text(found: Calibration) -> str:
    """What each rate did to the generator, and the rate to plan a worker with."""
    headings = [_("offered per second"), _("generator lag p99, ms"), _("share of a core"), _("waited for a core"), ""]
    rows = [
        [f"{r.requests_per_second:.0f}", f"{r.lag_p99_ms:.1f}", f"{r.cpu_run_ratio:.2f}", _figure(r.cpu_wait_ratio),
         _("clean") if r.clean else _("not clean")] for r in found.rungs
    ]  # fmt: skip
    best, planned = found.clean_requests_per_second, found.planned_requests_per_second
    if best is None:
        words = _("this machine is too busy for a clean run at any rate")
    else:
        words = _("one worker sends up to {best} requests per second cleanly; plan with {planned}").format(
            best=f"{best:.0f}", planned=f"{planned:.0f}"
        )
    return f"{table(headings, rows, left=0)}\n{words}"


def carried_text(carried: Carried, time_zone: str) -> str:
    """When past peaks carried the most, and with what."""
    from zoneinfo import ZoneInfo

    at = carried.starts_at_utc.astimezone(ZoneInfo(time_zone)).isoformat(" ", "minutes")
    return _("best five minutes: from {at}, {replicas} replicas, p99 up to {p99} ms").format(
        at=at, replicas=f"{carried.replicas:.4g}", p99=f"{carried.p99_ms:.4g}")  # fmt: skip


def steps_text(found: Measurement) -> str:
    """The steps as a table, the fitted law and the practice target's truth, for people."""
    headings = [_("offered per second"), _("achieved per second"), _("p99, ms"), _("generator lag p99, ms")]
    rows = [
        [f"{s.offered_per_second:.0f}", f"{s.achieved_per_second:.0f}", f"{s.p99_ms:.1f}",
         f"{s.generator_lag_p99_ms:.1f}"] for s in found.steps
    ]  # fmt: skip
    lines = [table(headings, rows, left=0)]
    if found.log_p99_knee_requests_per_second:
        by_p99 = f"{found.log_p99_knee_requests_per_second:.0f}"
        lines.append(_("isotonic regression of log p99 says {rate} per second and replica").format(rate=by_p99))
    if found.usl and found.outcome != "generator-too-slow":
        lines.append(_("saturates at {rate} per second (Universal Scalability Law)").format(
            rate=f"{found.usl.peak_requests_per_second:.0f}"))  # fmt: skip
    if found.practice_truth_requests_per_second:
        truth = f"{found.practice_truth_requests_per_second:.0f}"
        lines.append(_("the practice target's true figure is {rate}").format(rate=truth))
    return "\n".join(lines)


def scaling_lines(capacity: Capacity | None) -> list[str]:
    """What each number of replicas carried, and what the law expects of more."""
    if capacity is None or len(capacity.replicas) < 2:
        return []
    headings = [_("replicas"), _("per replica, per second"), _("of one replica's own"), _("saturated, all together")]
    rows = [
        [str(r.replicas), f"{r.capacity_requests_per_second_per_replica.low:.0f}", _share(r.efficiency_ratio),
         f"{r.saturated_requests_per_second.mid:.0f}" if r.saturated_requests_per_second else "-"]
        for r in capacity.replicas
    ]  # fmt: skip
    lines = [table(headings, rows, left=0)]
    if capacity.scaling is None:
        lines.append(_("how more replicas scale is not known: it takes three numbers of them, each saturated once"))
        return lines
    for found in capacity.scaling.expected:
        ratio = found.efficiency_ratio
        lines.append(
            _("{replicas} replicas: each is expected to carry {mid} of one's own, {low} to {high}").format(
                replicas=found.replicas, mid=_share(ratio.mid), low=_share(ratio.low), high=_share(ratio.high)
            )
        )
    lines.append(_("plans use the lowest figure measured: measure near the number of replicas you plan"))
    return lines


def _share(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0%}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
