"""What came, from history: minutes of requests by service, and closed hours of every metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from campaign.plan import Plan
from campaign.store.live import Measured
from campaign.workspace import Workspace
from forecast.epochs import epochs
from forecast.history.reading import open_history, read_contacts, read_desks, read_orders
from metrics.intake.contacts import SERVED, STATES
from warroom.live.due import hours_of
from warroom.live.expected.yardstick import MINUTE, TOTAL
from warroom.retrospective.timeline import HOUR, Buckets, Floats, Ints, mean_over

AROUND = timedelta(hours=6)
DESK_MEASURES = ("contacts", "bot_resolved", *SERVED)
FED_BY = {"requests": "traffic", "peak": "traffic", "bot_resolved": "contacts"} | dict.fromkeys(SERVED, "desks")
"""The source's measure of what is not called like it."""
MINUTES_LEAST = 54
"""A busiest minute of an hour of which more than a tenth is not known may be another one."""


@dataclass(frozen=True)
class Counts:
    """Counts by the start of their bucket, in time order; `bucket` is its length in seconds."""

    starts: Ints
    counts: Floats
    bucket: int

    @property
    def until(self) -> int:
        """How far the rows reach."""
        return int(self.starts[-1]) + self.bucket


@dataclass(frozen=True)
class Came:
    """Requests per second by service around the campaign, and counts by measure. desks: contacts, those that the bot
    resolved, and how people served, by measure and desk. until: how far each measure is told, in seconds of UTC."""

    requests: Mapping[str, Buckets]
    counts: Mapping[str, Counts]
    desks: Mapping[tuple[str, str], Counts] = field(default_factory=dict)

    @property
    def until(self) -> dict[str, int]:
        ends = [int(b.starts[-1] + b.seconds[-1]) for b in self.requests.values() if len(b.starts)]
        marks = {name: counted.until for name, counted in self.counts.items()}
        served = [counted.until for (name, _), counted in self.desks.items() if name in SERVED]
        return marks | ({"traffic": min(ends)} if ends else {}) | ({"desks": max(served)} if served else {})


def what_history_says(workspace: Workspace, plan: Plan, services: Sequence[str], now: datetime) -> Came:
    """Rows of six hours before the campaign to six hours after it, up to `now`.

    Raises:
        UserError: a file of history that cannot be read. A workspace without history says nothing.
    """
    starts, ends = plan.starts_at - AROUND, plan.ends_at + AROUND
    requests: dict[str, Buckets] = {}
    if workspace.history_files("traffic"):
        history = open_history(workspace, before=now)
        for service in services:
            if service in history.services:
                frame = history.buckets(service, starts, ends)
                requests[service] = Buckets(
                    epochs(frame["starts_at_utc"]),
                    frame["seconds"].to_numpy(dtype=np.int64),
                    frame["requests_per_second"].to_numpy(dtype=np.float64),
                )
    frames = {"orders": read_orders(workspace, now), "contacts": read_contacts(workspace, now)}
    counted = {name: _counts(frame, name, starts, ends) for name, frame in frames.items() if frame is not None}
    desks = _by_desk(frames["contacts"], DESK_MEASURES[:2], starts, ends)
    desks |= _by_desk(read_desks(workspace, now), SERVED, starts, ends)
    return Came(requests, {name: counts for name, counts in counted.items() if counts is not None}, desks)


def _by_desk(
    frame: pd.DataFrame | None, measures: Sequence[str], starts: datetime, ends: datetime
) -> dict[tuple[str, str], Counts]:
    """Each measure of each desk; an hour that does not tell it has no such value."""
    found: dict[tuple[str, str], Counts] = {}
    for desk, rows in frame.groupby("desk", sort=True) if frame is not None else ():
        for measure in measures:
            counts = _counts(rows, measure, starts, ends)
            if counts is not None:
                found[measure, str(desk)] = counts
    return found


def _counts(frame: pd.DataFrame, name: str, starts: datetime, ends: datetime) -> Counts | None:
    at = epochs(frame["starts_at_utc"])
    inside = (at >= starts.timestamp()) & (at < ends.timestamp())
    if not inside.any():
        return None
    times, inverse = np.unique(at[inside], return_inverse=True)
    counts = np.zeros(len(times))
    np.add.at(counts, inverse, frame[name].to_numpy(dtype=np.float64)[inside])
    bucket = int(np.diff(times).min()) if len(times) > 1 else HOUR
    return Counts(times, counts, min(bucket, HOUR))


def hourly_values(came: Came, plan: Plan, final_until: Mapping[str, datetime | None], now: datetime) -> list[Measured]:
    """Every closed hour that is told to its end; preliminary where its source may still change it."""
    hours = np.array([int(h.timestamp()) for h in hours_of(plan)], dtype=np.int64)
    hours = hours[hours + HOUR <= now.timestamp()]
    found = [*_requests(came.requests, hours)]
    for name, counted in came.counts.items():
        found += _hours_of(counted, name, TOTAL, hours)
    for (name, desk), counted in came.desks.items():
        found += _hours_of(counted, name, desk, hours)
    return [_finished(value, final_until) for value in found]


def _hours_of(counted: Counts, measure: str, name: str, hours: Ints) -> Iterator[Measured]:
    for hour in hours[hours + HOUR <= counted.until]:
        inside = (counted.starts >= hour) & (counted.starts < hour + HOUR)
        value = float(_joined(measure, counted.counts[inside])) if inside.any() else np.nan
        if inside.any() and np.isfinite(value):
            yield Measured(measure, name, HOUR, int(hour), value, False)


def _joined(measure: str, values: Floats) -> float:
    """One figure for an hour: the most who waited, the people who were there on average, else the sum."""
    if measure not in STATES:
        return float(values.sum())
    return float(values.max() if measure == "contacts_waiting" else values.mean())


def _requests(requests: Mapping[str, Buckets], hours: Ints) -> list[Measured]:
    """Mean of the hour by service and in total, and the busiest minute of the total, where all services are known."""
    if not requests:
        return []
    length = np.full(len(hours), HOUR)
    means = {name: mean_over(buckets, hours, length) for name, buckets in requests.items()}
    means[TOTAL] = np.sum(list(means.values()), axis=0)
    found = [
        Measured("requests", name, HOUR, int(hour), float(value), False)
        for name, values in means.items()
        for hour, value in zip(hours, values, strict=True)
        if np.isfinite(value)
    ]
    minutes = [buckets for buckets in requests.values() if len(buckets.starts) and buckets.seconds.max() <= MINUTE]
    if len(minutes) < len(requests):
        return found
    for hour in hours:
        grid = hour + MINUTE * np.arange(HOUR // MINUTE)
        each = [mean_over(buckets, grid, np.full(len(grid), MINUTE)) for buckets in minutes]
        total = np.sum(each, axis=0)
        if np.isfinite(total).sum() >= MINUTES_LEAST:
            found.append(Measured("peak", TOTAL, HOUR, int(hour), float(np.nanmax(total)), False))
    return found


def _finished(value: Measured, final_until: Mapping[str, datetime | None]) -> Measured:
    measure = FED_BY.get(value.measure, value.measure)
    until = final_until.get(measure)
    final = until is not None and value.starts_at + value.seconds <= until.timestamp()
    return Measured(value.measure, value.name, value.seconds, value.starts_at, value.value, final)


def minute_values(came: Came, final_until: datetime | None) -> list[Measured]:
    """History's own minutes, so that the live series has no holes outside the stretches that are watched."""
    last = final_until or datetime.fromtimestamp(0, UTC)
    return [
        Measured("requests", name, MINUTE, int(at), float(rate), int(at) + MINUTE <= last.timestamp())
        for name, buckets in came.requests.items()
        for at, seconds, rate in zip(buckets.starts, buckets.seconds, buckets.rates, strict=True)
        if seconds == MINUTE and np.isfinite(rate)
    ]
