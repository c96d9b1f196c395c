"""What a decision did: the hour in which its effect is looked for, beside what would have come without it.

Without it would have come what the frozen paths say once they know everything up to the decision (the same re-forecast
as the live one, made as of then): a share of the paths lies above and below, and that is how sure one can be. It shows
what happened in that hour, not that nothing else did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from campaign.language import Text, say
from campaign.store.live import Measured
from campaign.traffic import LiveSettings, TrafficPaths
from forecast.epochs import epochs
from warroom.live.actions.ahead import HOUR_SECONDS, Floats
from warroom.live.actions.log import Decision, Outcome
from warroom.live.actions.records import Range
from warroom.live.expected.reforecast import reforecast
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets, Ints, mean_over

LEAST_DRAWN = 1e-9
LASTS = {"hold": timedelta(hours=2), "stagger": timedelta(hours=3), "agents": timedelta(hours=2)}


def told(
    real: Range, observed: float, without: Range | None, together: tuple[str, ...] = (), note: Text | None = None
) -> Outcome:
    """A change whose range leaves out zero is told; any other may be none. note: how it was measured."""
    sure = real.p10 > 0 or real.p90 < 0
    return Outcome("told" if sure else "not-told-apart", real, observed, without, note, together)


def as_of(decision: Decision) -> datetime:
    """Up to when what came knew nothing of the decision: a held send would not have been there before its time."""
    return decision.effect.starts if decision.kind in ("hold", "stagger") else decision.at


def requests_outcome(
    decision: Decision,
    paths: TrafficPaths,
    came: Mapping[str, Buckets],
    settings: LiveSettings | None,
    together: tuple[str, ...],
) -> Outcome | None:
    """From sample paths; None while the hour is not told to its end.

    paths: as decided on without this decision.
    """
    service, observed = decision.effect.name, observed_in(decision, came)
    if observed is None or service not in paths.services:
        return None
    without = reforecast(paths, came, as_of(decision), settings)
    draws = over_hour(without, service, int(decision.effect.starts.timestamp()))
    return told(Range.drawn(observed - draws), observed, Range.drawn(draws), together)


def banded_outcome(
    decision: Decision, band: Band, came: Mapping[str, Buckets], together: tuple[str, ...]
) -> Outcome | None:
    """From the frozen band alone, moved by the hour before: wider than paths would say. None while not told."""
    service, observed = decision.effect.name, observed_in(decision, came)
    begins, starts = int(as_of(decision).timestamp()), int(decision.effect.starts.timestamp())
    if observed is None:
        return None
    before = _mean(came[service], begins - HOUR_SECONDS)
    rows = [Buckets(band.starts, band.seconds, row) for row in band.quantiles[:3]]
    wanted, ahead = _mean(rows[1], begins - HOUR_SECONDS), [_mean(row, starts) for row in rows]
    if not math.isfinite(before) or not wanted > 0 or not all(map(math.isfinite, ahead)):
        return None
    without = Range.of([before / wanted * value for value in ahead])
    real = Range(observed - without.p90, observed - without.p50, observed - without.p10)
    return told(real, observed, without, together)


def observed_in(decision: Decision, came: Mapping[str, Buckets]) -> float | None:
    """Requests per second of the hour, once all of it is told."""
    buckets = came.get(decision.effect.name)
    value = math.nan if buckets is None else _mean(buckets, int(decision.effect.starts.timestamp()))
    return value if math.isfinite(value) else None


def _mean(buckets: Buckets, starts: int) -> float:
    return float(mean_over(buckets, np.array([starts]), np.array([HOUR_SECONDS]))[0])


def over_hour(paths: TrafficPaths, service: str, starts: int) -> Floats:
    """Each path's mean rate [path] over the hour from `starts`."""
    begins: Ints = epochs(paths.starts_at_utc)
    inside = np.minimum(begins + paths.seconds, starts + HOUR_SECONDS) - np.maximum(begins, starts)
    weight = np.clip(inside, 0, None).astype(np.float64)
    mean: Floats = paths.requests_per_second[:, paths.index(service)] @ weight / max(weight.sum(), LEAST_DRAWN)
    return mean


def capacity_outcome(decision: Decision, readings: Iterable[Measured]) -> Outcome | None:
    """What the replicas that became ready carry; None where none of the hour was read."""
    first, last = (moment.timestamp() for moment in decision.looked_for)
    ready = [r.value for r in readings if r.name == decision.effect.name and first <= r.starts_at < last]
    if not ready or decision.base is None or not decision.amount or decision.amount <= decision.base:
        return None
    share = (float(np.mean(ready)) - decision.base) / (decision.amount - decision.base)
    expected = decision.effect.largest
    real = Range.of([share * value for value in (expected.p10, expected.p50, expected.p90)])
    return told(real, float(np.mean(ready)), None)


def together_with(decision: Decision, others: Sequence[Decision]) -> tuple[str, ...]:
    """Other decisions that still worked on the same service or desk in its hour."""
    first, last = decision.looked_for
    return tuple(
        other.id
        for other in others
        if other.id != decision.id
        and {effect.name for effect in other.effects} & {decision.effect.name}
        and other.effect.measure == decision.effect.measure
        and other.at < last
        and other.effect.starts < last
        and (other.ended_at is None or other.ended_at > first)
        and works_until(other) > first
    )


def works_until(decision: Decision) -> datetime:
    """Until when a decision changes what comes, if nobody takes it back: a send's people have come after two hours, or
    three where it is spread out; people called in stay for two; floors hold as long as they were raised for; the rest
    works on."""
    if decision.until is not None:
        return decision.until
    lasts = LASTS.get(decision.kind)
    return decision.effect.starts + lasts if lasts else datetime.max.replace(tzinfo=UTC)


def given_up(decision: Decision, now: datetime, wait: timedelta) -> bool:
    return now >= decision.looked_for[1] + wait


def taken_back_too_soon(decision: Decision) -> Outcome | None:
    """A decision that did not stand through its hour has no effect to tell."""
    if decision.ended_at is None or decision.ended_at >= decision.looked_for[1]:
        return None
    return Outcome("unknown", why=say("taken back before its hour was over"))
