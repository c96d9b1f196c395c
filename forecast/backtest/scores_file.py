"""`out/backtest.json`: every past campaign forecast as of its lead, beside plain peers, by kind and over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime
from scipy.stats import binomtest

from campaign.documents import FileRecord
from forecast.backtest.again import Tested, wape
from forecast.backtest.peers import LAST_WEEK, OURS, PeerForecast

Floats = NDArray[np.float64]

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


class MethodScore(FileRecord):
    """One method on one campaign, by hour on the total of all services.

    wape_ratio: sum of absolute errors over sum of actuals; peak_error_ratio: |forecast / actual - 1|, busiest hour;
    within_p90, within_p99: the busiest hour stayed inside; p90_to_peak_ratio: the head-room paid for that.
    """

    wape_ratio: float
    peak_error_ratio: float
    within_p90: bool | None = None
    within_p99: bool | None = None
    p90_to_peak_ratio: float | None = None
    p99_to_peak_ratio: float | None = None


class CampaignTest(FileRecord):
    campaign: str
    kind: str
    as_of_utc: AwareDatetime
    peak_hour_requests_per_second: float
    methods: dict[str, MethodScore]


class MethodSummary(FileRecord):
    """A method over several campaigns; intervals are exact binomial ones at 95 %."""

    campaigns: int
    wape_ratio: float
    peak_error_ratio: float
    peaks_within_p90: int | None = None
    peaks_within_p90_interval: tuple[float, float] | None = None
    peaks_within_p99: int | None = None
    peaks_within_p99_interval: tuple[float, float] | None = None
    p90_to_peak_median_ratio: float | None = None
    p99_to_peak_median_ratio: float | None = None


class Reliability(FileRecord):
    """Of all campaigns, the share whose busiest hour stayed below the forecast's quantile."""

    level: float
    share_ratio: float


class BackTestFile(FileRecord):
    schema_version: Literal[1] = 1
    lead_days: float
    inputs: dict[str, str]
    campaigns: tuple[CampaignTest, ...]
    over_all: dict[str, MethodSummary]
    by_kind: dict[str, dict[str, MethodSummary]]
    reliability: tuple[Reliability, ...]
    last_week_wins: bool


def backtest_file(
    tested: Sequence[Tested],
    peers: Mapping[str, Sequence[PeerForecast]],
    lead_days: float,
    inputs: dict[str, str],
) -> BackTestFile:
    """Put scores together; `peers` holds each campaign's other forecasts by campaign id."""
    tests = tuple(_campaign(one, peers.get(one.score.campaign, ())) for one in tested)
    kinds = sorted({test.kind for test in tests})
    over_all = summaries(tests)
    floor = over_all.get(LAST_WEEK)
    return BackTestFile(
        lead_days=lead_days,
        inputs=inputs,
        campaigns=tests,
        over_all=over_all,
        by_kind={kind: summaries([t for t in tests if t.kind == kind]) for kind in kinds},
        reliability=reliability(tested),
        last_week_wins=bool(floor and OURS in over_all and floor.wape_ratio < over_all[OURS].wape_ratio),
    )


def _campaign(tested: Tested, peers: Sequence[PeerForecast]) -> CampaignTest:
    methods = {OURS: score_of(tested.actual, tested.middle, tested.peak_hours)}
    methods |= {name: score_of(tested.actual, middle, None) for name, middle in tested.members.items()}
    for peer in peers:
        known = ~np.isnan(peer.middle)
        if known.any():
            methods[peer.method] = score_of(tested.actual[known], peer.middle[known], peer.peak_hours)
    return CampaignTest(
        campaign=tested.score.campaign,
        kind=tested.score.kind,
        as_of_utc=tested.as_of,
        peak_hour_requests_per_second=float(tested.actual.max()),
        methods=methods,
    )


def score_of(actual: Floats, middle: Floats, peak_hours: Floats | None) -> MethodScore:
    """Score hours [hour] and, where there are paths, the busiest hour of each [path]."""
    top = float(actual.max())
    if peak_hours is None:
        return MethodScore(wape_ratio=wape(actual, middle), peak_error_ratio=abs(float(middle.max()) / top - 1.0))
    p50, p90, p99 = (float(q) for q in np.quantile(peak_hours, [0.5, 0.9, 0.99]))
    return MethodScore(
        wape_ratio=wape(actual, middle),
        peak_error_ratio=abs(p50 / top - 1.0),
        within_p90=top <= p90,
        within_p99=top <= p99,
        p90_to_peak_ratio=p90 / top,
        p99_to_peak_ratio=p99 / top,
    )


def summaries(tests: Sequence[CampaignTest]) -> dict[str, MethodSummary]:
    methods = sorted({name for test in tests for name in test.methods})
    return {name: _summary([t.methods[name] for t in tests if name in t.methods]) for name in methods}


def _summary(scores: Sequence[MethodScore]) -> MethodSummary:
    drawn = [score for score in scores if score.within_p90 is not None]
    plain = MethodSummary(
        campaigns=len(scores),
        wape_ratio=float(np.mean([score.wape_ratio for score in scores])),
        peak_error_ratio=float(np.mean([score.peak_error_ratio for score in scores])),
    )
    if not drawn:
        return plain
    inside90, inside99 = sum(bool(s.within_p90) for s in drawn), sum(bool(s.within_p99) for s in drawn)
    return plain.model_copy(
        update={
            "peaks_within_p90": inside90,
            "peaks_within_p90_interval": interval(inside90, len(drawn)),
            "peaks_within_p99": inside99,
            "peaks_within_p99_interval": interval(inside99, len(drawn)),
            "p90_to_peak_median_ratio": float(np.median([s.p90_to_peak_ratio or 0.0 for s in drawn])),
            "p99_to_peak_median_ratio": float(np.median([s.p99_to_peak_ratio or 0.0 for s in drawn])),
        }
    )


def interval(inside: int, of: int) -> tuple[float, float]:
    """Clopper-Pearson interval of a share at 95 %."""
    found = binomtest(inside, of).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def reliability(tested: Sequence[Tested]) -> tuple[Reliability, ...]:
    """For each level, how often the busiest hour stayed below that quantile."""
    return tuple(
        Reliability(
            level=level,
            share_ratio=float(np.mean([t.actual.max() <= np.quantile(t.peak_hours, level) for t in tested])),
        )
        for level in LEVELS
        if tested
    )
