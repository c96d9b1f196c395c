"""Traffic paths on an even grid of minutes, and what the seconds within them are known to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.traffic import SecondProfile, TrafficModel, TrafficPaths

QUARTERS = 4
MINUTE = np.timedelta64(60, "s")


@dataclass(frozen=True)
class MinuteTraffic:
    """Sample paths by the minute.

    requests_per_second: float32 [service, path, minute]. starts_at_utc: datetime64[s], naive UTC, of the first minute.
    quarters: [service, minute, 4], each minute's quarters over its mean. known_bursts: bool [service, minute].
    """

    requests_per_second: NDArray[np.float32]
    services: tuple[str, ...]
    starts_at_utc: np.datetime64
    quarters: NDArray[np.float64]
    known_bursts: NDArray[np.bool_]

    @property
    def minutes(self) -> int:
        return int(self.requests_per_second.shape[2])

    @property
    def paths(self) -> int:
        return int(self.requests_per_second.shape[1])

    def time_of(self, minute: int) -> datetime:
        """When a minute begins, aware UTC."""
        at: datetime = (self.starts_at_utc + minute * MINUTE).astype("datetime64[s]").astype(datetime)
        return at.replace(tzinfo=UTC)

    def minute_of(self, moment: datetime) -> int:
        """The minute that holds a moment; outside the grid the nearest end (`minutes` is the end)."""
        return int(np.clip((naive(moment) - self.starts_at_utc) // MINUTE, 0, self.minutes))

    def between(self, first: int, last: int) -> MinuteTraffic:
        """The minutes first … last - 1."""
        return MinuteTraffic(
            self.requests_per_second[:, :, first:last],
            self.services,
            self.starts_at_utc + first * MINUTE,
            self.quarters[:, first:last],
            self.known_bursts[:, first:last],
        )


def naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def by_minute(paths: TrafficPaths, model: TrafficModel, file: str) -> MinuteTraffic:
    """The model's paths minute by minute; longer intervals are even, times the p90 of their busiest minute.

    Raises:
        UserError: the intervals leave holes, overlap, or are no whole minutes; or a rate is no number.
    """
    _require_even(paths, file)
    minutes = paths.seconds // 60
    rates = np.repeat(paths.requests_per_second, minutes, axis=2).transpose(1, 0, 2)
    if model.peak_minute_factor is not None:
        factor = np.where(np.repeat(minutes, minutes) > 1, model.peak_minute_factor.p90, 1.0)
        rates = rates * factor.astype(np.float32)
    starts_at = paths.starts_at_utc[0].astype("datetime64[s]")
    quarters, known = quarters_of(model.second_profiles, paths.services, starts_at, rates.shape[2])
    return MinuteTraffic(np.ascontiguousarray(rates), paths.services, starts_at, quarters, known)


def _require_even(paths: TrafficPaths, file: str) -> None:
    todo = say("run `surgeplan forecast` again")
    if not len(paths.seconds) or (paths.seconds % 60).any():
        raise UserError(Problem(say("has intervals that are no whole minutes"), todo, file=file))
    rates = paths.requests_per_second
    if not rates.size or not np.isfinite(rates).all() or (rates < 0).any():
        raise UserError(Problem(say("has rates that are missing, infinite or negative"), todo, file=file))
    ends = paths.starts_at_utc + paths.seconds.astype("timedelta64[s]")
    if (ends[:-1] != paths.starts_at_utc[1:]).any():
        raise UserError(Problem(say("has holes or overlaps between its intervals"), todo, file=file))


def quarters_of(
    profiles: Sequence[SecondProfile], services: Sequence[str], starts_at: np.datetime64, minutes: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Quarter-minute factors [service, minute, 4] from second profiles, and where they are known [service, minute]."""
    quarters = np.ones((len(services), minutes, QUARTERS))
    known = np.zeros((len(services), minutes), bool)
    for profile in profiles:
        if profile.service not in services:
            continue
        row = list(services).index(profile.service)
        first = naive(profile.moment) + np.timedelta64(profile.from_seconds, "s")
        offset = int((first - starts_at) / np.timedelta64(1, "s"))
        lead = -offset % 60
        shares = np.array(profile.shares[lead:])
        for i, minute in enumerate(shares[: len(shares) // 60 * 60].reshape(-1, QUARTERS, 15).sum(axis=2)):
            at = (offset + lead) // 60 + i
            if 0 <= at < minutes and minute.sum() > 0:
                quarters[row, at], known[row, at] = minute * QUARTERS / minute.sum(), True
    return quarters, known


def bursts(traffic: MinuteTraffic, burst_ratio: float) -> NDArray[np.float64]:
    """[service, minute]: the busiest quarter over the minute's mean, `burst_ratio` where it is not known."""
    return np.where(traffic.known_bursts, traffic.quarters.max(axis=2), burst_ratio)


def merged(first: MinuteTraffic, second: MinuteTraffic) -> MinuteTraffic:
    """One grid over both; where both know a minute, the larger on each path rank is kept.

    Ranks, not indices, are paired: path i of two separate forecasts is not the same world. Services of `first` lead.
    """
    services = (*first.services, *(name for name in second.services if name not in first.services))
    paths = min(first.paths, second.paths)
    starts_at = min(first.starts_at_utc, second.starts_at_utc)
    ends_at = max(part.starts_at_utc + part.minutes * MINUTE for part in (first, second))
    minutes = int((ends_at - starts_at) // MINUTE)
    rates = np.zeros((len(services), paths, minutes), np.float32)
    quarters, known = np.ones((len(services), minutes, QUARTERS)), np.zeros((len(services), minutes), bool)
    for part in (first, second):
        at = int((part.starts_at_utc - starts_at) // MINUTE)
        stretch = slice(at, at + part.minutes)
        for i, name in enumerate(part.services):
            row = services.index(name)
            ranked = by_rank(part.requests_per_second[i], paths)
            rates[row, :, stretch] = np.maximum(rates[row, :, stretch], ranked)
            quarters[row, stretch] = np.where(part.known_bursts[i][:, None], part.quarters[i], quarters[row, stretch])
            known[row, stretch] |= part.known_bursts[i]
    return MinuteTraffic(rates, services, starts_at, quarters, known)


def by_rank(rates: NDArray[np.float32], paths: int) -> NDArray[np.float32]:
    """`paths` of the paths [path, minute], evenly chosen and ordered by their total."""
    order = np.argsort(rates.sum(axis=1), kind="stable")
    chosen: NDArray[np.float32] = rates[order[np.linspace(0, len(order) - 1, paths).round().astype(int)]]
    return chosen
