"""Traffic model in, scenario out: which curve, which part of it, at what speed, walked by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import QUANTILES, TrafficModel, TrafficPaths
from loadtest.admission import limited_streams
from loadtest.curves import (
    WORST,
    Curve,
    Part,
    chosen_curve,
    compressed,
    parts_of,
    steepest_window,
    with_flashes,
)
from loadtest.funnel import funnel_stages, reach_ratios, requests_per_visit, service_stages, visits_per_second
from loadtest.notes import Note
from loadtest.policy import shipped_profiles
from loadtest.profiles import OWN_CURVE, judged_seconds, profile_notes, profile_seconds, shaped
from loadtest.reached import MINUTE, highest_mean
from loadtest.scenario import PROFILES, AdmissionWanted, Profile, Scenario, ScenarioStage, Stream, Stretch
from loadtest.schedule import segments_of

WINDOW_MINUTES = 60
REAL_TIME_MINUTES = 5
COMPRESSION_MAX = 10
ARRIVALS_MAX = 50_000_000
Drive = Literal["journeys", "endpoints"]


@dataclass(frozen=True)
class Wanted:
    """What was asked for: `curve` is a quantile's name or `worst`; `seconds` the window's length in campaign time, or
    the run's where the profile has a shape of its own."""

    curve: str = "p90"
    around: datetime | None = None
    seconds: int | None = None
    profile: Profile = "replay"
    admission: AdmissionWanted | None = None
    whole: bool = False
    compression: int = 1
    scale_ratio: float = 1.0
    even: bool = False
    drive: Drive | None = None
    writes_allowed: bool = False
    abort_error_ratio: float = 0.5
    abort_slow_ratio: float = 1.0
    seed: int = 0

    def problems(self) -> list[Problem]:
        found = []
        if self.curve not in QUANTILES and self.curve != WORST:
            key, todo = "--quantile or --path", say("known: p10, p50, p90, p99, worst")
            found.append(Problem(say("{curve} is no curve", curve=self.curve), todo, key=key))
        if not 1 <= self.compression <= COMPRESSION_MAX:
            what = say("compression {given} is not between 1 and {max}", given=self.compression, max=COMPRESSION_MAX)
            found.append(Problem(what, say("beyond that a test no longer resembles the campaign"), key="--compress"))
        if not 0 < self.scale_ratio <= 100:
            what = say("scale {given} is not between 0 and 100", given=f"{self.scale_ratio:g}")
            found.append(Problem(what, say("1 sends the forecast itself"), key="--scale"))
        if self.seconds is not None and self.seconds < 2:
            found.append(Problem(say("a run needs at least two seconds"), say("ask for more"), key="--seconds"))
        if self.profile not in OWN_CURVE and (self.compression > 1 or self.whole):
            what = say("the profile {name} has a shape of its own", name=self.profile)
            found.append(Problem(what, say("leave out --compress and --whole"), key="--profile"))
        if (self.profile == "limits") != (self.admission is not None):
            what = say("--service and --admitted belong to --profile limits")
            found.append(Problem(what, say("leave them out, or add it"), key="--admitted"))
        if self.admission is not None and self.scale_ratio != 1:
            what = say("limits cannot be tested at a scale")
            found.append(Problem(what, say("leave out --scale"), key="--scale"))
        return found


def build_scenario(
    paths: TrafficPaths, model: TrafficModel, plan: Plan, settings: Settings, wanted: Wanted, inputs: dict[str, str]
) -> Scenario:
    """The scenario of one run.

    Raises:
        UserError: the request cannot be met, or nothing arrives in the chosen window.
    """
    problems = wanted.problems()
    if problems:
        raise UserError(problems)
    peaks = {s: _peak(model, s, wanted.curve) for s in paths.services}
    curve, lifts = chosen_curve(paths, wanted.curve, peaks)
    curve = with_flashes(curve, model.second_profiles)
    stages, drive, said = _stages(settings, curve.services, wanted.drive)
    policy = shipped_profiles()
    length = wanted.seconds or 0
    if wanted.profile not in OWN_CURVE:
        length = length or profile_seconds(wanted.profile, policy)
    played, shorter = _held(curve, plan, stages, drive, wanted, length)
    streams, rates, own = played.streams, played.rates, played.own
    if wanted.admission is not None:
        stages, streams = limited_streams(stages, wanted.admission, length, policy)
        drive = "endpoints"
    _check_arrivals(streams)
    return Scenario(
        campaign=plan.id,
        curve=wanted.curve,
        profile=wanted.profile,
        judged_seconds=judged_seconds(wanted.profile, length, policy),
        admission=wanted.admission,
        scale_ratio=wanted.scale_ratio,
        starts_at_utc=_aware(played.curve.starts_at_utc),
        ends_at_utc=_aware(played.curve.starts_at_utc + np.timedelta64(played.curve.requests_per_second.shape[1], "s")),
        duration_seconds=rates.shape[-1],
        seed=wanted.seed,
        arrivals="even" if wanted.even else "poisson",
        stretches=_stretches(played.curve, played.parts),
        stages=stages,
        streams=streams,
        forecast_requests_per_second_peak={s: float(r.max()) for s, r in played.curve.rates().items()},
        wanted_requests_per_second={
            s: min(highest_mean(r, MINUTE), highest_mean(o, MINUTE))
            for s, r, o in zip(curve.services, rates, own, strict=True)
            if r.any() and wanted.admission is None
        },
        window_seconds=10 if rates.shape[-1] >= 300 else 2,
        abort_error_ratio=wanted.abort_error_ratio,
        abort_slow_ratio=min(wanted.abort_slow_ratio, 0.5)
        if wanted.profile == "breakpoint"
        else wanted.abort_slow_ratio,
        marker=f"surgeplan-{plan.id}"[:100],
        allowed_hosts=settings.allowed_hosts,
        writes_allowed=wanted.writes_allowed,
        inputs=inputs,
        assumptions=tuple(Note.of(text) for text in said + shorter + _lift_notes(lifts) + _drive_notes(stages, drive)),
        invalidates=tuple(
            Note.of(text) for text in invalidated(wanted.scale_ratio, wanted.compression, wanted.profile)
        ),
    )


def invalidated(scale_ratio: float, compression: int, profile: Profile = "replay") -> list[Text]:
    """What a run of that profile at that scale and speed cannot show."""
    texts = profile_notes(profile, shipped_profiles())
    if scale_ratio != 1:
        texts.append(
            say("sent at {scale} of the forecast: it shows that the scenario works, not that the system holds",
                scale=f"{scale_ratio:g}")
        )  # fmt: skip
    if compression > 1:
        texts.append(
            say("quiet parts played {c} times as fast: autoscaling, cache warm-up, numbers of open sessions and the "
                "build-up of queues there are not those of the campaign", c=compression)
        )  # fmt: skip
    return texts


def _peak(model: TrafficModel, service: str, curve: str) -> float:
    peak = model.services.get(service)
    return float(getattr(peak.peak_requests_per_second, curve)) if peak and curve != WORST else 0.0


@dataclass(frozen=True)
class _Played:
    """The part of the curve that is played, at its own rates and as sent [service, second], and who arrives."""

    curve: Curve
    parts: list[Part]
    own: NDArray[np.float64]
    rates: NDArray[np.float64]
    streams: tuple[Stream, ...]


def _held(
    curve: Curve, plan: Plan, stages: tuple[ScenarioStage, ...], drive: Drive, wanted: Wanted, length: int
) -> tuple[_Played, list[Text]]:
    """What is played; where nobody says how long, whole minutes around the peak as far as one run can hold them."""
    asked = wanted.seconds if wanted.profile in OWN_CURVE else None
    seconds = asked or WINDOW_MINUTES * MINUTE
    played = _played(curve, plan, stages, drive, wanted, length, seconds)
    if asked or wanted.whole or wanted.profile not in OWN_CURVE or _arrivals(played.streams) <= ARRIVALS_MAX:
        return played, []
    while (arrivals := _arrivals(played.streams)) > ARRIVALS_MAX and seconds > MINUTE:
        seconds = max(min(int(seconds * ARRIVALS_MAX / arrivals), seconds - MINUTE) // MINUTE * MINUTE, MINUTE)
        played = _played(curve, plan, stages, drive, wanted, length, seconds)
    shorter = say(
        "{minutes} min around the peak instead of {usual}: an hour would be more arrivals than one run can hold",
        minutes=seconds // MINUTE,
        usual=WINDOW_MINUTES,
    )
    return played, [shorter]


def _played(
    curve: Curve,
    plan: Plan,
    stages: tuple[ScenarioStage, ...],
    drive: Drive,
    wanted: Wanted,
    length: int,
    seconds: int,
) -> _Played:
    cut = curve.cut(*_window(curve, plan, wanted, seconds))
    parts = _parts(cut, plan, wanted)
    own = compressed(cut.requests_per_second, parts) * wanted.scale_ratio
    rates = shaped(own, wanted.profile, length, shipped_profiles())
    return _Played(cut, parts, own, rates, _streams(stages, dict(zip(cut.services, rates, strict=True)), drive))


def _window(curve: Curve, plan: Plan, wanted: Wanted, seconds: int) -> tuple[int, int]:
    """First second and length of the part of the curve that is played."""
    available = curve.requests_per_second.shape[1]
    if wanted.whole:
        return 0, available
    seconds = min(seconds, available)
    if wanted.around is not None:
        middle = _second_of(curve, wanted.around)
        if not 0 <= middle < available:
            what = say("{at} is outside the traffic model", at=wanted.around.isoformat())
            raise UserError(Problem(what, say("choose a moment of the campaign"), key="--around"))
        return min(max(middle - seconds // 2, 0), available - seconds), seconds
    return steepest_window(curve.total, _main_second(curve, plan), seconds), seconds


def _main_second(curve: Curve, plan: Plan) -> int:
    """The instant of the plan nearest to the highest rate; that rate's own second where none is within an hour."""
    highest = int(np.argmax(curve.total))
    instants = [_second_of(curve, at) for at in plan.instants]
    near = [s for s in instants if abs(s - highest) <= 3600 and 0 <= s < len(curve.total)]
    return min(near, key=lambda s: abs(s - highest), default=highest)


def _parts(curve: Curve, plan: Plan, wanted: Wanted) -> list[Part]:
    """1:1 within five minutes of the plan's instants and of the peak, compressed elsewhere."""
    around = REAL_TIME_MINUTES * 60
    middles = [_second_of(curve, at) for at in plan.instants] + [int(np.argmax(curve.total))]
    spans = [(middle - around, middle + around) for middle in middles]
    return parts_of(curve.requests_per_second.shape[1], spans, wanted.compression)


def _stretches(curve: Curve, parts: list[Part]) -> tuple[Stretch, ...]:
    found, second = [], 0
    for part in parts:
        starts, ends = (_aware(curve.starts_at_utc + np.timedelta64(s, "s")) for s in (part.first, part.last))
        found.append(Stretch(starts_at_utc=starts, ends_at_utc=ends, from_seconds=second, compression=part.compression))
        second += part.run_seconds
    return tuple(found)


def _stages(
    settings: Settings, services: tuple[str, ...], drive: Drive | None
) -> tuple[tuple[ScenarioStage, ...], Drive, list[Text]]:
    stages, said = funnel_stages(settings)
    if set(requests_per_visit(stages)) & set(services):
        return stages, drive or "journeys", said
    if drive == "journeys":
        what = say("the funnel asks no service of the traffic model")
        todo = say("name services under funnel: requests: in surgeplan.yaml, or use --drive endpoints")
        raise UserError(Problem(what, todo, file="surgeplan.yaml", key="funnel"))
    stages, said = service_stages(settings, services)
    return stages, "endpoints", said


def _streams(
    stages: tuple[ScenarioStage, ...], rates: dict[str, NDArray[np.float64]], drive: Drive
) -> tuple[Stream, ...]:
    if drive == "journeys":
        visits = visits_per_second(stages, rates)
        return (Stream(stream="visits", stage=stages[0].stage, goes_on=True, segments=segments_of(visits)),)
    if all(stage.requests == {stage.stage: 1.0} for stage in stages):
        curves = {stage.stage: rates[stage.stage] for stage in stages}
    else:
        visits = visits_per_second(stages, rates)
        curves = {s.stage: visits * reach for s, reach in zip(stages, reach_ratios(stages), strict=True)}
    return tuple(
        Stream(stream=name, stage=name, goes_on=False, segments=segments_of(curve)) for name, curve in curves.items()
    )


def _arrivals(streams: tuple[Stream, ...]) -> float:
    return sum(s.seconds * s.arrivals_per_second for stream in streams for s in stream.segments)


def _check_arrivals(streams: tuple[Stream, ...]) -> None:
    expected = _arrivals(streams)
    if expected < 1:
        raise UserError(
            Problem(
                say("nothing arrives in this window at this scale"), say("choose a longer window or a larger scale")
            )
        )
    if expected > ARRIVALS_MAX:
        what = say("{n} arrivals are more than one run can hold", n=f"{expected:.3g}")
        raise UserError(Problem(what, say("choose a shorter window with --minutes, or --compress")))


def _lift_notes(lifts: dict[str, float]) -> list[Text]:
    return [
        say("{service}: the curve is lifted by {factor} so that its highest minute is the forecast's peak",
            service=service, factor=f"{factor:.3f}")
        for service, factor in lifts.items() if factor > 1.0005
    ]  # fmt: skip


def _drive_notes(stages: tuple[ScenarioStage, ...], drive: Drive) -> list[Text]:
    if drive == "endpoints":
        return []
    ratios = ", ".join(f"{s} {n:.3g}" for s, n in sorted(requests_per_visit(stages).items()))
    return [
        say("requests of each service per visit: {ratios}; visits follow the service that needs most", ratios=ratios)
    ]


def _second_of(curve: Curve, at: datetime) -> int:
    moment = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")
    return int((moment - curve.starts_at_utc) / np.timedelta64(1, "s"))


def _aware(at: np.datetime64) -> datetime:
    seconds = int(at.astype("datetime64[s]").astype(np.int64))
    return datetime.fromtimestamp(seconds, UTC)


def known_profile(given: str) -> Profile:
    """Raises UserError where it is none."""
    for profile in PROFILES:
        if given == profile:
            return profile
    raise UserError(Problem(say("{given} is no profile", given=given), nearest(given, PROFILES), key="--profile"))


def known_drive(given: str | None) -> Drive | None:
    """Raises UserError where it is neither journeys nor endpoints."""
    if given is None or given == "journeys" or given == "endpoints":
        return given  # type: ignore[return-value]
    raise UserError(
        Problem(say("{given} is no way to drive", given=given), say("known: journeys, endpoints"), key="--drive")
    )
