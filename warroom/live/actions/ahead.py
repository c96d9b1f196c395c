"""What is expected of a service from now on and what it carries, minute by minute: what every action changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.workspace import Workspace
from warroom.live.expected.percentile import known
from warroom.live.expected.yardstick import TOTAL
from warroom.live.records import BandSeries, Capacity, Column, LiveState, Minutes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HORIZON = timedelta(hours=3)
"""How far ahead an action must help to count as an answer to what stands now."""
HOUR_SECONDS = 3600
P10, P50, P90 = 0, 1, 2


@dataclass(frozen=True)
class Ahead:
    """One service from `now` on.

    starts, seconds [interval]: those that are not over yet, in seconds of UTC. expected [p10 p50 p90, interval]:
    requests per second, the re-forecast where there is one. frozen [interval]: the frozen p50. carries [interval]:
    requests per second, infinite where nothing is known. tested: a load test showed them, else replicas are planned.
    replicas [interval]: those that are counted on; None where nothing is known.
    """

    service: str
    now: datetime
    starts: Ints
    seconds: Ints
    expected: Floats
    frozen: Floats
    carries: Floats
    tested: bool = False
    replicas: Ints | None = None

    def near(self, since: datetime | None = None) -> NDArray[np.bool_]:
        """The intervals within the horizon, from `since` on."""
        inside = self.starts < (self.now + HORIZON).timestamp()
        return inside if since is None else inside & (self.starts + self.seconds > since.timestamp())

    def changed(self, by: Floats) -> Ahead:
        """With `by` [interval] requests per second more (or fewer), never below none."""
        return replace(self, expected=np.maximum(self.expected + by, 0.0))

    def with_capacity(self, more: float, least: float, since: datetime) -> Ahead:
        """With replicas that carry `more` requests per second than those there were, and `least` altogether: on top of
        what was tested, else instead of what was planned where that is less."""
        raised = self.carries + more if self.tested else np.maximum(self.carries, least)
        return replace(self, carries=np.where(self.starts >= since.timestamp(), raised, self.carries))

    def tightest(self, since: datetime) -> int:
        """The interval of the horizon in which p90 comes nearest to what is carried, or goes furthest beyond."""
        over = self.expected[P90] - self.carries
        use = self.near(since)
        return int(np.where(use if use.any() else self.near(), over, -np.inf).argmax())

    def beyond(self) -> float:
        """Requests per second beyond the capacity at p90, mean over the horizon."""
        over = np.maximum(self.expected[P90] - self.carries, 0.0)
        inside = np.where(self.near(), self.seconds, 0)
        return float(over @ inside / HORIZON.total_seconds())

    def headroom(self, since: datetime | None = None) -> float | None:
        """The least share of the capacity that is kept at p90 within the horizon; None where no capacity is known."""
        use = self.near(since) & np.isfinite(self.carries)
        return float((1.0 - self.expected[P90][use] / self.carries[use]).min()) if use.any() else None

    def over(self, values: Floats, starts: datetime, seconds: int = HOUR_SECONDS) -> Floats:
        """Mean of `values` [..., interval] over [starts, starts + seconds), each interval by how much of it lies there;
        what lies before the first or after the last interval counts as nothing."""
        first, last = starts.timestamp(), starts.timestamp() + seconds
        inside = np.clip(np.minimum(self.starts + self.seconds, last) - np.maximum(self.starts, first), 0.0, None)
        mean: Floats = values @ inside / seconds
        return mean

    def moment(self, index: int) -> datetime:
        """When an interval begins, and not before now."""
        return max(datetime.fromtimestamp(int(self.starts[index]), UTC), self.now)


def ahead_of(workspace: Workspace, state: LiveState) -> dict[str, Ahead]:
    """Every service of the yardstick that is in surgeplan.yaml."""
    names = [name for name in state.minutes if name != TOTAL and name in workspace.settings.service_names]
    return {name: _carrying(_ahead(state.minutes[name], state.now), state.capacities.get(name)) for name in names}


def _ahead(minutes: Minutes, now: datetime) -> Ahead:
    starts, seconds = np.array(minutes.starts_at, dtype=np.int64), np.array(minutes.seconds, dtype=np.int64)
    use = starts + seconds > now.timestamp()
    frozen = _band(minutes.frozen)[:, use]
    expected = frozen
    if minutes.reforecast is not None:
        again = _band(minutes.reforecast)[:, use]
        expected = np.where(np.isfinite(again), again, frozen)
    return Ahead(
        minutes.service, now, starts[use], seconds[use], np.nan_to_num(expected), np.nan_to_num(frozen[P50]),
        np.full(int(use.sum()), np.inf),
    )  # fmt: skip


def _band(band: BandSeries) -> Floats:
    return np.array([_floats(column) for column in (band.p10, band.p50, band.p90)])


def _floats(column: Column) -> Floats:
    return np.array([known(value) for value in column], dtype=np.float64)


def _carrying(ahead: Ahead, capacity: Capacity | None) -> Ahead:
    """With what is trusted in each interval: what a load test proved, else what plan and HPA carry."""
    if capacity is None or not capacity.over_time:
        return ahead
    since = len(capacity.over_time) - len(ahead.starts)
    replicas = np.array(capacity.replicas[since:], np.int64) if capacity.replicas else None
    carries = _floats(capacity.over_time)[since:]
    return replace(ahead, carries=carries, tested=capacity.basis == "tested", replicas=replicas)


def relieved(before: Mapping[str, Ahead], after: Mapping[str, Ahead]) -> dict[str, float]:
    """Requests per second beyond the capacity that are no more, by service that changes."""
    return {name: before[name].beyond() - changed.beyond() for name, changed in after.items()}
