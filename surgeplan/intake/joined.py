"""All files' traffic, orders or contacts as one: the finer holds, what disagrees is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isclose
from zoneinfo import ZoneInfo

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.intake.contacts import MEASURES as CONTACTS
from metrics.intake.contacts import without_repeated_totals
from metrics.intake.records import Buckets, Recognised

BUSIEST_HOURS = 5
Key = tuple[str, int]


@dataclass
class Traffic:
    """Requests per second (or orders) by service and second of UTC, and each bucket's length in seconds."""

    rates: dict[Key, float] = field(default_factory=dict)
    lengths: dict[Key, int] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({service for service, _ in self.rates}))

    def bucket_lengths(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, set[int]] = {service: set() for service in self.services}
        for (service, _), seconds in self.lengths.items():
            found[service].add(seconds)
        return {service: tuple(sorted(lengths)) for service, lengths in found.items()}


def merged(recognised: Sequence[Recognised], measure: str) -> Traffic:
    """All files' figures of a measure as one: where buckets of two lengths meet, the finer ones hold.

    Raises:
        UserError: two files give different figures for the same times.
    """
    parts = _parts(recognised, measure)
    traffic, problems = Traffic(), []
    source: dict[Key, str] = {}
    covered: dict[str, set[int]] = defaultdict(set)
    for buckets, found in sorted(parts, key=lambda part: part[0].seconds):
        fresh, clashes = _fresh(buckets, traffic, covered)
        hidden = len(buckets.values) - len(fresh) - clashes.same
        for key in fresh:
            traffic.rates[key], traffic.lengths[key] = buckets.values[key], buckets.seconds
            source[key] = _name(found)
            covered[key[0]].update(minutes_of(key[1], buckets.seconds))
        if hidden:
            what = say("{file}: {count} coarser buckets give way to finer ones", file=_name(found), count=hidden)
            traffic.notes.append(what)
        if clashes.other:
            what = say(
                "gives other figures than {file} for {count} of the same times",
                file=source[clashes.other[0]], count=len(clashes.other),
            )  # fmt: skip
            todo = say("keep one of the two; figures of different services need the service's name as their heading")
            problems.append(Problem(what, todo, file=_name(found)))
    if problems:
        raise UserError(problems)
    return traffic


def _parts(recognised: Sequence[Recognised], measure: str) -> list[tuple[Buckets, Recognised]]:
    """Buckets of a measure and where they are from; of contacts, what repeats the intents' sum is left out."""
    pairs = [(b, found) for found in recognised for b in found.buckets if b.measure == measure]
    if measure not in CONTACTS:
        return pairs
    parts = without_repeated_totals([buckets for buckets, _ in pairs])
    return [(part, found) for part, (_, found) in zip(parts, pairs, strict=True)]


@dataclass(frozen=True)
class Clashes:
    """Buckets that another file has too: how many in all, and those with another figure."""

    same: int
    other: list[Key]


def _fresh(buckets: Buckets, traffic: Traffic, covered: Mapping[str, set[int]]) -> tuple[list[Key], Clashes]:
    """Buckets whose time is still free, and those that are there already at this length."""
    twice = [key for key in buckets.values if traffic.lengths.get(key) == buckets.seconds]
    other = [key for key in twice if not isclose(traffic.rates[key], buckets.values[key], rel_tol=1e-6, abs_tol=1e-6)]
    again = set(twice)
    fresh = [
        key
        for key in buckets.values
        if key not in again and covered.get(key[0], set()).isdisjoint(minutes_of(key[1], buckets.seconds))
    ]
    return fresh, Clashes(len(twice), other)


def minutes_of(at: int, seconds: int) -> range:
    return range(at // 60, (at + seconds) // 60)


def _name(found: Recognised) -> str:
    return found.place.file + (f" [{found.place.sheet}]" if found.place.sheet else "")


def busiest_hours(traffic: Traffic, zone: ZoneInfo) -> tuple[int, ...]:
    """Local hours of the day by mean traffic, busiest first."""
    requests: dict[int, float] = defaultdict(float)
    seconds: dict[int, int] = defaultdict(int)
    offsets: dict[int, int] = {}
    for key, value in traffic.rates.items():
        day = key[1] // 3600
        if day not in offsets:
            offsets[day] = datetime.fromtimestamp(day * 3600, zone).hour
        hour = offsets[day]
        requests[hour] += value * traffic.lengths[key]
        seconds[hour] += traffic.lengths[key]
    order = sorted(requests, key=lambda hour: -requests[hour] / seconds[hour])
    return tuple(order[:BUSIEST_HOURS])
