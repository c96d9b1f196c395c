"""What the live rules find, and how often they speak for nothing; what the re-forecast is worth. By replay.

    .venv/bin/python benchmarks/warroom/live_rules.py ../shared/data/wc98_web_minute [--workspace FOLDER] [--only SET]

Hourly: simulated events, where what is normal is known. By the minute, and the re-forecast: matches of the 1998 World
Cup, each forecast three days before by the command itself. `--workspace` keeps those forecasts for the next run;
`--only untouched` (or `chosen`) takes half of the matches.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.documents import read_json, read_yaml
from campaign.plan import Plan
from campaign.traffic import QUANTILES, LiveSettings, TrafficModel, TrafficPaths
from campaign.workspace import open_workspace
from forecast.epochs import HOUR, epochs, moment_of
from forecast.nowcast import interval_quantiles
from playbooks.growth.live_policy import LiveRules, MinuteWindows
from playbooks.growth.policy import SHIPPED
from surgeplan.cli import main as command
from warroom.live.due import AFTER, BEFORE
from warroom.live.expected.percentile import z_scores
from warroom.live.expected.reforecast import as_learned, reforecast
from warroom.live.judging.level import departures, usual_departure
from warroom.live.judging.rules import Episode, Reading, episodes
from warroom.retrospective.timeline import Buckets

Floats = NDArray[np.float64]

SERVICE = "web"
UNTOUCHED, TUNED = range(27, 39), range(39, 51)
SETS = {"untouched": UNTOUCHED, "chosen": TUNED, "both": range(27, 51)}
"""Matches of the data's last two weeks; the minute rule's figures were chosen by the second half of them."""
EVENTS, HOURS, WARM, NOISE, CORRELATION = 4000, 48, 12, 0.10, 0.5
SHIFT_AT = 24
INJECTED, SHIFT = 20, 1.5  # shifts are put where a quarter of an hour still follows
T0 = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = [T0 + timedelta(hours=n) for n in range(HOURS)]
RULES = LiveRules.model_validate(read_yaml(SHIPPED, SHIPPED.name).content["live"])


def simulated(shift: float, rng: np.random.Generator) -> Floats:
    """Standard deviations by hour of one event whose hourly log error is AR(1); a factor `shift` from half-time on."""
    errors = np.zeros(HOURS + WARM)
    for i in range(1, HOURS + WARM):
        errors[i] = CORRELATION * errors[i - 1] + math.sqrt(1 - CORRELATION**2) * rng.normal()
    z = errors[WARM:]
    z[SHIFT_AT:] += math.log(shift) / NOISE
    return z


def any_hour_outside(z: Floats, most: float) -> list[Episode]:
    """The plain rule: every hour outside starts, or goes on with, an alert; every hour inside ends it."""
    found: list[Episode] = []
    for i, value in enumerate(z):
        stands = bool(found) and found[-1].cleared_at is None
        if abs(value) > most and not stands:
            found.append(Episode("up" if value > 0 else "down", TIMES[i], None, False))
        elif abs(value) <= most and stands:
            last = found[-1]
            found[-1] = Episode(last.direction, last.fired_at, TIMES[i], False)
    return found


def hourly() -> None:
    print(f"Hourly rule, {EVENTS} simulated events of {HOURS} h, hourly log error 10 %, AR(1) 0.5\n")
    print("| rule | shift | starts | messages | found within 2 h | median hours |")
    print("|---|---:|---:|---:|---:|---:|")
    for title, plain in (("shipped", None), ("any hour outside 95 %", 1.96), ("any hour outside 80 %", 1.2816)):
        for shift in (1.0, 1.3, 1.5, 0.7):
            rng = np.random.default_rng(0)
            starts, messages, delays = [], [], []
            for _ in range(EVENTS):
                z = simulated(shift, rng)
                readings = [Reading(at, value) for at, value in zip(TIMES, z, strict=True)]
                found = list(episodes(readings, RULES.hourly)) if plain is None else any_hour_outside(z, plain)
                starts.append(len(found))
                messages.append(sum(1 + (e.cleared_at is not None) for e in found))
                delays.append(hours_to_find(found, shift))
            within = np.mean(np.array(delays) <= 2)
            said = f"{within:.0%} | {np.median(delays):.0f}" if shift != 1 else "- | -"
            print(f"| {title} | {shift - 1:+.0%} | {np.mean(starts):.2f} | {np.mean(messages):.2f} | {said} |")


def hours_to_find(found: Sequence[Episode], shift: float) -> float:
    """Hours of the shift that had closed when an alert in its direction stood; infinite where none ever did."""
    way, begins = ("up" if shift > 1 else "down"), TIMES[SHIFT_AT]
    fitting = [e for e in found if e.direction == way and (e.cleared_at is None or e.cleared_at > begins)]
    return max((fitting[0].fired_at - begins) / timedelta(hours=1) + 1, 0.0) if fitting else math.inf


@dataclass(frozen=True)
class Match:
    """One match: its frozen paths, and what came minute by minute."""

    number: int
    plan: Plan
    model: TrafficModel
    paths: TrafficPaths
    actual: Floats

    def watched(self) -> NDArray[np.bool_]:
        """The minutes that the minute clock watches."""
        starts = epochs(self.paths.starts_at_utc)
        first, last = min(self.plan.instants) - BEFORE, max(self.plan.instants) + AFTER
        inside: NDArray[np.bool_] = (starts >= first.timestamp()) & (starts < last.timestamp())
        return np.logical_and(inside, self.paths.seconds == 60)


def surgeplan(*words: str) -> None:
    """Run a command; what it says goes where progress goes."""
    with contextlib.redirect_stdout(sys.stderr):
        if command(words):
            raise SystemExit(f"surgeplan {' '.join(words)} failed")


def matches(data: Path, folder: Path, wanted: range) -> Iterator[Match]:
    """Every match that is wanted, forecast as of three days before where that was not done yet."""
    if not (folder / "surgeplan.yaml").is_file():
        surgeplan("init", str(folder), "--example", "worldcup98", "--data", str(data))
    frame = pd.read_csv(data / "requests_per_minute.csv.gz", parse_dates=["ts_utc"])
    rates = frame.set_index("ts_utc")["requests"] / 60
    for plan in open_workspace(folder).plans:
        number = int(plan.id.partition("-")[0].removeprefix("m"))
        if number not in wanted:
            continue
        out = folder / "out" / plan.id
        if not (out / "traffic_paths.npz").is_file():
            surgeplan("forecast", plan.id, "--workspace", str(folder))
        paths = TrafficPaths.load(out / "traffic_paths.npz")
        model = read_json(out / "traffic.json", "traffic.json", TrafficModel)
        actual = rates.reindex(pd.DatetimeIndex(paths.starts_at_utc)).to_numpy(dtype=np.float64)
        yield Match(number, plan, model, paths, actual)


@dataclass(frozen=True)
class MinuteScore:
    """Alerts without any injected shift, and minutes until each injected one was found."""

    up: int
    down: int
    frozen_band: int
    delays: list[float]


def minute_score(match: Match, rule: MinuteWindows) -> MinuteScore:
    use = match.watched()
    logs = np.log(np.maximum(match.paths.requests_per_second[:, 0, use].astype(np.float64), 1e-6))
    middle = np.median(logs, axis=0)
    ratios = np.log(np.maximum(match.actual[use], 1e-6)) - middle
    usual = usual_departure(logs - middle, rule)
    times = [moment_of(at + 60) for at in epochs(match.paths.starts_at_utc)[use]]
    quiet = departures(times, ratios, usual, rule)
    rng = np.random.default_rng(match.number)
    delays = [
        minutes_to_find(times, ratios, usual, int(at), rule) for at in rng.integers(40, len(times) - 15, INJECTED)
    ]
    z = z_scores(match.actual[use], np.exp(np.quantile(logs, list(QUANTILES.values()), axis=0)))
    outside = np.abs(z) > 1.2816
    band = int((outside[1:] & ~outside[:-1]).sum())
    ups = sum(e.direction == "up" for e in quiet)
    return MinuteScore(ups, len(quiet) - ups, band, delays)


def minutes_to_find(times: list[datetime], ratios: Floats, usual: Floats, at: int, rule: MinuteWindows) -> float:
    """Minutes of the shift that had closed when an upward alert stood; infinite where none did within a quarter."""
    shifted = ratios[: at + 15].copy()
    shifted[at:] += math.log(SHIFT)
    found = departures(times[: at + 15], shifted, usual[: at + 15], rule)
    ups = [e for e in found if e.direction == "up" and (e.cleared_at is None or e.cleared_at > times[at])]
    return max((ups[-1].fired_at - times[at]) / timedelta(minutes=1) + 1, 0.0) if ups else math.inf


def by_the_minute(known: Sequence[Match]) -> None:
    print(f"\nMinute rule on real matches, {INJECTED} shifts of +50 % injected into each\n")
    print("| matches | false alarms an event (up, down) | found within 3 min | within 15 | median minutes "
          "| starts of `any minute outside 80 % of the frozen band` |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|")
    for title, numbers in (("untouched", UNTOUCHED), ("chosen by", TUNED)):
        scores = [minute_score(match, RULES.minute) for match in known if match.number in numbers]
        if not scores:
            continue
        delays = np.array([delay for score in scores for delay in score.delays])
        up, down, band = (np.mean([getattr(s, name) for s in scores]) for name in ("up", "down", "frozen_band"))
        print(
            f"| {title} ({len(scores)}) | {up + down:.2f} ({up:.2f}, {down:.2f}) | {np.mean(delays <= 3):.0%} "
            f"| {np.mean(np.isfinite(delays)):.0%} | {np.median(delays):.0f} | {band:.0f} |"
        )


@dataclass(frozen=True)
class Band:
    """What came, and the p10, p50 and p90 that a re-forecast had of it."""

    actual: Floats
    low: Floats
    middle: Floats
    high: Floats

    @property
    def inside(self) -> NDArray[np.bool_]:
        return np.logical_and(self.actual >= self.low, self.actual <= self.high)


@dataclass(frozen=True)
class Rest:
    """The rest of one event: by the minute, with the frozen median, and by the hour."""

    minutes: Band
    frozen: Floats
    hours: Band


def rest_of(match: Match, hours: float, settings: LiveSettings | None) -> Rest:
    now = match.plan.starts_at + timedelta(hours=hours)
    starts = epochs(match.paths.starts_at_utc)
    past = starts + match.paths.seconds <= now.timestamp()
    came = {SERVICE: Buckets(starts[past], match.paths.seconds[past], match.actual[past])}
    ahead = reforecast(match.paths, came, now, settings)
    use = epochs(ahead.starts_at_utc) < match.plan.ends_at.timestamp()
    draws, seconds = ahead.requests_per_second[:, 0, use].astype(np.float64), ahead.seconds[use]
    actual = match.actual[-len(use) :][use]
    frozen = np.median(match.paths.requests_per_second[:, 0].astype(np.float64), axis=0)[-len(use) :][use]
    first = np.flatnonzero(np.diff(epochs(ahead.starts_at_utc)[use] // HOUR, prepend=0))
    draws_by_hour, by_hour = (
        np.add.reduceat(rates * seconds, first, axis=-1) / np.add.reduceat(seconds, first) for rates in (draws, actual)
    )
    minutes = Band(actual, *interval_quantiles(draws, seconds, as_learned(settings))[:3])
    return Rest(minutes, frozen, Band(by_hour, *np.quantile(draws_by_hour, [0.1, 0.5, 0.9], axis=0)))


AFTER_HOURS = (1.0, 1.5, 2.0, 3.0)


def reforecasts(known: Sequence[Match]) -> None:
    found = {hours: [rest_of(match, hours, match.model.nowcast) for match in known] for hours in AFTER_HOURS}
    print("\nThe rest of the event, forecast again (WAPE by the minute)\n")
    print("| after | frozen | again | less | frozen, all events together | again | less |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for hours, rests in found.items():
        missed = np.array([[np.abs(r.minutes.actual - f).sum() for f in (r.frozen, r.minutes.middle)] for r in rests])
        came = np.array([r.minutes.actual.sum() for r in rests])
        each, pooled = (missed / came[:, None]).mean(axis=0), missed.sum(axis=0) / came.sum()
        cells = [f"{f:.3f} | {a:.3f} | {1 - a / f:.0%}" for f, a in (each, pooled)]
        print(f"| {hours:g} h | {cells[0]} | {cells[1]} |")
    print("\nIts 80 % band; width: mean of p90 - p10 over what came; pinball losses beside the mean of what came\n")
    columns = "inside 80 % | p90 over p10 | width | pinball p10 | pinball p90"
    print(f"| matches | after | minutes {columns} | hours {columns} |")
    print("|---|---|" + "---:|" * 10)
    for title, numbers in (("untouched", UNTOUCHED), ("chosen by", TUNED)):
        for hours, rests in found.items():
            some = [rest for match, rest in zip(known, rests, strict=True) if match.number in numbers]
            if some:
                bands = " | ".join(covered(each) for each in ([r.minutes for r in some], [r.hours for r in some]))
                print(f"| {title} ({len(some)}) | {hours:g} h | {bands} |")


def covered(bands: Sequence[Band]) -> str:
    """How much of what came lay inside, how wide the bands were (geometric mean, and beside what came), and what they
    lost by either end."""
    inside = np.mean(np.concatenate([band.inside for band in bands]))
    ratio = np.exp(np.mean(np.concatenate([np.log(band.high / band.low) for band in bands])))
    width = np.mean(np.concatenate([(band.high - band.low) / band.actual for band in bands]))
    low, high = (np.mean([pinball(b.actual, end, q) for b, end in zip(bands, ends, strict=True)])
                 for q, ends in ((0.1, [b.low for b in bands]), (0.9, [b.high for b in bands])))  # fmt: skip
    return f"{inside:.0%} | {ratio:.2f} | {width:.2f} | {low:.4f} | {high:.4f}"


def pinball(actual: Floats, quantile: Floats, ratio: float) -> float:
    """Mean loss of a quantile, beside the mean of what came: least where it is exceeded as often as it says."""
    above = actual - quantile
    return float(np.maximum(ratio * above, (ratio - 1) * above).mean() / actual.mean())


LOOK = timedelta(minutes=5)
BANDS = ("as shipped", "three fifths as wide", "frozen")
NARROW_RATIO = 0.6
"""Of the width of the re-forecast: as if it were too sure of itself."""
LEVELS = ("p50", "p90", "p99")
HALF_HOUR = timedelta(minutes=30)
SEEN_AHEAD = timedelta(minutes=75)


@dataclass(frozen=True)
class Looks:
    """What a match's live room saw every five minutes. times: seconds of UTC; starts: of the minutes watched, and what
    came in them; p90: by band, one row a look [look, minute], of the minutes within `SEEN_AHEAD` of it."""

    match: Match
    times: Floats
    starts: NDArray[np.int64]
    actual: Floats
    p90: tuple[Floats, ...]

    def capacity(self, level: str) -> float:
        """A level of the frozen peak, as if just so much had been bought."""
        return float(getattr(self.match.model.services[SERVICE].peak_requests_per_second, level))

    def exceeded_at(self, capacity: float) -> float | None:
        return _first(self.starts, self.actual > capacity)

    def speaks_at(self, band: int, capacity: float) -> float | None:
        """The first look that finds the capacity reached soon enough for the alert."""
        within = self.starts - self.times[:, None] <= RULES.capacity.fires_minutes * 60
        return _first(self.times, np.any((self.p90[band] > capacity) & within, axis=1))

    def half_hours(self, band: int, capacity: float) -> Iterator[tuple[bool, bool]]:
        """For the half hour after each moment: whether the newest look before it said that p90 does not fit, and
        whether what came did not."""
        for at in (moment.at.timestamp() for moment in self.match.plan.moments):
            inside = (self.starts >= at) & (self.starts < at + HALF_HOUR.total_seconds())
            look = np.flatnonzero(self.times < at)
            if inside.any() and len(look):
                said = self.p90[band][look[-1], inside] > capacity
                yield bool(said.any()), bool((self.actual[inside] > capacity).any())


def _first(times: NDArray[np.generic], found: NDArray[np.bool_]) -> float | None:
    return float(times[found.argmax()]) if found.any() else None


def looks_at(match: Match) -> Looks:
    use, settings = match.watched(), match.model.nowcast
    starts = epochs(match.paths.starts_at_utc)
    times = np.arange(starts[use][0], starts[use][-1], LOOK.total_seconds())
    frozen = np.quantile(match.paths.requests_per_second[:, 0, use].astype(np.float64), QUANTILES["p90"], axis=0)
    p90 = tuple(np.full((len(times), int(use.sum())), np.nan) for _ in BANDS)
    for i, at in enumerate(times):
        past = starts + match.paths.seconds <= at
        came = {SERVICE: Buckets(starts[past], match.paths.seconds[past], match.actual[past])}
        ahead = reforecast(match.paths, came, moment_of(int(at)), settings)
        ends = epochs(ahead.starts_at_utc) < at + SEEN_AHEAD.total_seconds()
        left = use[-len(ahead.seconds) :] & ends
        draws = ahead.requests_per_second[:, 0, left].astype(np.float64)
        columns = np.searchsorted(starts[use], epochs(ahead.starts_at_utc)[left])
        middle, high = interval_quantiles(draws, ahead.seconds[left], as_learned(settings))[1:3]
        p90[0][i, columns] = high
        p90[1][i, columns] = middle * (high / middle) ** NARROW_RATIO
        p90[2][i, columns] = frozen[columns]
    return Looks(match, times, starts[use], match.actual[use], p90)


def capacity_alert(known: Sequence[Match]) -> None:
    print("\nThe capacity alert, where just so much of the frozen peak had been bought; a look every five minutes\n")
    print("| bought | p90 of | matches never above it | spoke all the same | matches above it | spoke before "
          "| a quarter of an hour before | median minutes before | half hours after a moment that fit: "
          "said not to | that did not fit: said so |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    seen = [looks_at(match) for match in known]
    for level in LEVELS:
        for band, title in enumerate(BANDS):
            print(f"| {level} | {title} | {alert_cells(seen, level, band)} |")


def alert_cells(seen: Sequence[Looks], level: str, band: int) -> str:
    spoke: list[bool] = []
    ahead: list[float] = []
    fitted: list[bool] = []
    unfitted: list[bool] = []
    for looks in seen:
        capacity = looks.capacity(level)
        at, really = looks.speaks_at(band, capacity), looks.exceeded_at(capacity)
        if really is None:
            spoke.append(at is not None)
        else:
            ahead.append(-math.inf if at is None else (really - at) / 60)
        for said, short in looks.half_hours(band, capacity):
            (unfitted if short else fitted).append(said)
    minutes = np.array(ahead)
    warned = f"{(minutes > 0).sum()} | {(minutes >= 15).sum()} | {np.median(minutes):.0f}" if ahead else "- | - | -"
    halves = " | ".join(f"{sum(said)} of {len(said)}" for said in (fitted, unfitted))
    return f"{len(spoke)} | {sum(spoke)} | {len(ahead)} | {warned} | {halves}"


def main(data: Path, folder: Path | None, wanted: range) -> None:
    hourly()
    with tempfile.TemporaryDirectory() as scratch:
        known = list(matches(data, folder or Path(scratch) / "worldcup98", wanted))
    by_the_minute(known)
    reforecasts(known)
    capacity_alert(known)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--only", choices=SETS, default="both")
    given = parser.parse_args()
    main(given.data, given.workspace, SETS[given.only])
