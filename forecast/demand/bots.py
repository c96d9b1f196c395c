"""Bots and scalpers: a demand of their own, kept out of ordinary traffic and out of orders, but served by capacity.

Windows known as bots (found or declared) are masked wherever rhythm and campaigns are learned. What they added there,
over the hours beside them, comes back on top of the paths: as often as past campaigns had them, at the same distance
from the start, as large as they were against the service's usual level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.plan import Plan
from campaign.traffic import Effect, EffectQuantiles
from forecast.epochs import HOUR, epoch, moment_of
from forecast.evidence import Disturbed, Evidence

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

DRIVER = "bots"
MARGIN_SECONDS = 6 * HOUR
JITTER_SECONDS = 300.0
SIZE_LOG_SD, SIZE_PRIOR = 0.6, 3.0
COVETED = ("coupon-drop", "flash-sale")


@dataclass(frozen=True)
class Visit:
    """Bots on one service in one past campaign: seconds after its start, how long, and how large against usual."""

    campaign: str
    service: str
    after_seconds: float
    seconds: float
    ratio: float


@dataclass(frozen=True)
class Bots:
    """What is known of bots: their visits, and how many campaigns were looked at."""

    visits: tuple[Visit, ...]
    campaigns: int

    @property
    def visited(self) -> tuple[str, ...]:
        return tuple(sorted({visit.campaign for visit in self.visits}))


def learn_bots(evidence: Evidence, past: Sequence[Plan]) -> Bots:
    """Every window of bots that lies in or near a past campaign."""
    usual = {name: float(np.nanmedian(evidence.hourly[name].to_numpy())) for name in evidence.services}
    visits = []
    for window in evidence.disturbed:
        plan = _campaign_of(window, past) if window.kind == "bot" else None
        if plan is not None and usual[window.service] > 0:
            ratio = added(evidence, window) / usual[window.service]
            if ratio > 0:
                after = float(window.starts - epoch(plan.starts_at))
                visits.append(Visit(plan.id, window.service, after, float(window.ends - window.starts), ratio))
    return Bots(tuple(visits), len(past))


def _campaign_of(window: Disturbed, past: Sequence[Plan]) -> Plan | None:
    """The campaign that a window lies in, or next to; the latest one where several do."""
    near = [
        plan
        for plan in past
        if window.starts < epoch(plan.ends_at) + MARGIN_SECONDS and epoch(plan.starts_at) - MARGIN_SECONDS < window.ends
    ]
    return max(near, key=lambda plan: plan.starts_at, default=None)


def added(evidence: Evidence, window: Disturbed) -> float:
    """Requests per second above the hour before and the hour after a window; zero where that is not known."""
    inside = mean_rate(evidence, window.service, window.starts, window.ends)
    beside = [
        mean_rate(evidence, window.service, window.starts - HOUR, window.starts),
        mean_rate(evidence, window.service, window.ends, window.ends + HOUR),
    ]
    known = [rate for rate in beside if not np.isnan(rate)]
    return 0.0 if np.isnan(inside) or not known else max(inside - float(np.mean(known)), 0.0)


def mean_rate(evidence: Evidence, service: str, starts: int, ends: int) -> float:
    """Mean requests per second over [starts, ends), from native buckets where there are any, else from whole hours."""
    for stretch in evidence.stretches:
        if stretch.service == service:
            use = (stretch.starts >= starts) & (stretch.starts < ends) & ~np.isnan(stretch.rates)
            if use.any():
                return float(np.average(stretch.rates[use], weights=stretch.seconds[use]))
    hours = evidence.hours
    use = (hours + HOUR > starts) & (hours < ends)
    rates = evidence.hourly[service].to_numpy()[use]
    return float(np.nanmean(rates)) if use.any() and not np.isnan(rates).all() else float("nan")


def bot_paths(
    bots: Bots,
    evidence: Evidence,
    target: Plan,
    starts: NDArray[np.int64],
    seconds: NDArray[np.int64],
    paths: int,
    seed: int,
) -> Singles | None:
    """Requests per second that bots add [path, service, interval]; None where none are known of.

    Each path draws whether bots come (Jeffreys' beta over past campaigns), which past campaign's visits it sees, and
    their size.
    """
    if not bots.visits:
        return None
    rng = np.random.default_rng([seed, 7331])
    found = np.zeros((paths, len(evidence.services), len(starts)), dtype=np.float32)
    visited = bots.visited
    share = rng.beta(len(visited) + 0.5, max(bots.campaigns - len(visited), 0) + 0.5, paths)
    comes = rng.random(paths) < share
    which = rng.integers(0, len(visited), paths)
    jitter = rng.normal(0.0, JITTER_SECONDS, paths)
    size = np.exp(rng.normal(0.0, size_log_sd(bots), paths))
    ends = starts + seconds
    for visit in bots.visits:
        s = evidence.services.index(visit.service)
        rows = np.flatnonzero(comes & (which == visited.index(visit.campaign)))
        usual = float(np.nanmedian(evidence.hourly[visit.service].to_numpy()))
        first = epoch(target.starts_at) + visit.after_seconds + jitter[rows]
        covered = np.minimum(ends, (first + visit.seconds)[:, None]) - np.maximum(starts, first[:, None])
        shape = np.clip(covered / seconds, 0.0, 1.0)
        found[rows, s] += (usual * visit.ratio * size[rows, None] * shape).astype(np.float32)
    return found


def size_log_sd(bots: Bots) -> float:
    """How much visits differ in size, on the log scale, pulled to a prior: few visits say little about it."""
    logs = np.log([visit.ratio for visit in bots.visits])
    away = float(np.sum((logs - logs.mean()) ** 2))
    return float(np.sqrt((SIZE_PRIOR * SIZE_LOG_SD**2 + away) / (SIZE_PRIOR + len(logs))))


def bots_said(bots: Bots, drawn: Singles | None, target: Plan) -> tuple[Text, ...]:
    """What the forecast takes for granted about bots."""
    if drawn is None:
        if any(moment.kind in COVETED for moment in target.moments):
            return (
                say(
                    "no bots are known in past campaigns, so none are added for scalpers: name their hours under "
                    "history.bots in surgeplan.yaml"
                ),
            )
        return ()
    most = float(np.quantile(drawn.sum(axis=1).max(axis=1), 0.9))
    return (
        say(
            "bots came in {visited} of {count} past campaigns: on top of people's demand, up to {rate} requests per "
            "second (p90), for capacity only; sessions, orders and contacts do not count them",
            visited=len(bots.visited),
            count=bots.campaigns,
            rate=f"{most:,.0f}",
        ),
    )


def bot_effects(drawn: Singles | None, services: Sequence[str], starts: NDArray[np.int64]) -> tuple[Effect, ...]:
    """What bots add on each service that they visit, at the instant where they add most on average."""
    effects = []
    for s, service in enumerate(services if drawn is not None else ()):
        mine = drawn[:, s] if drawn is not None else np.zeros((1, 1))
        top = int(mine.mean(axis=0).argmax())
        p10, p50, p90 = (float(q) for q in np.quantile(mine[:, top], [0.1, 0.5, 0.9]))
        if mine.any():
            quantiles = EffectQuantiles(p10=p10, p50=p50, p90=p90)
            at = moment_of(int(starts[top]))
            effects.append(Effect(driver=DRIVER, at_utc=at, service=service, added_requests_per_second=quantiles))
    return tuple(effects)
