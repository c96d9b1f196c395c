"""Which alerts stand, from readings; what has to be told, from what was told already. Nothing here reads or writes.

The log knows what was told: an alert is fired, raised or cleared once, whoever computes it how often. A reading that is
corrected later may end an alert that should never have been; it cannot undo that people were told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from campaign.store.events import Act, Event
from campaign.traffic import TrafficPaths
from forecast.epochs import epochs, moment_of
from playbooks.growth.live_policy import Level, LiveRule, LiveRules
from warroom.live.expected.yardstick import MINUTE
from warroom.live.judging.level import departures, usual_departure
from warroom.live.judging.rules import Episode, Reading, episodes
from warroom.live.records import Capacity, Direction, Metric
from warroom.retrospective.timeline import Buckets, mean_over

KIND = "alert"
SHOWN = timedelta(days=1)
WATCHED = ("requests", "orders", "contacts")
"""Metrics with an hourly rule; the busiest minute goes with the hour's mean."""

Change = Literal["fired", "raised", "cleared"]


@dataclass(frozen=True)
class Standing:
    """One rule that stands fired on one subject."""

    rule: LiveRule
    subject: str
    direction: Direction
    level: Level
    fired_at: datetime

    @property
    def about(self) -> tuple[str, str, str]:
        return self.rule, self.subject, self.direction

    @property
    def key(self) -> str:
        """The alert's name from firing to clearing."""
        return f"{self.rule}/{self.subject}/{self.direction}/{self.fired_at:%Y%m%dT%H%MZ}"


@dataclass(frozen=True)
class Told:
    """An alert as the log tells it."""

    standing: Standing
    cleared_at: datetime | None = None


@dataclass(frozen=True)
class Transition:
    """Something that has to be told now."""

    change: Change
    standing: Standing

    def act(self, campaign: str, now: datetime) -> Act:
        standing = self.standing
        body = {
            "change": self.change,
            "rule": standing.rule,
            "about": standing.subject,
            "direction": standing.direction,
            "level": standing.level,
            "fired_at": standing.fired_at.isoformat(),
        }
        return Act(
            kind=KIND,
            campaign=campaign,
            subject=standing.key,
            actor="surgeplan",
            role="surgeplan",
            at_utc=now,
            body=body,
        )


def hourly_standing(metrics: Iterable[Metric], rules: LiveRules) -> Iterator[Standing]:
    """Metrics that stand outside the frozen band by hours; contacts upwards only, fewer of them are good news."""
    for metric in metrics:
        if metric.name in WATCHED:
            hours = timedelta(hours=1)
            readings = [Reading(h.starts_at + hours, h.z) for h in metric.hours if h.z is not None]
            found = _last(episodes(readings, rules.hourly))
            if found and not (metric.name == "contacts" and found.direction == "down"):
                yield Standing("hourly", metric.name, found.direction, 2 if found.at_once else 1, found.fired_at)


def minute_standing(
    paths: TrafficPaths, came: Mapping[str, Buckets], since: datetime, now: datetime, rules: LiveRules
) -> Iterator[Standing]:
    """Services whose demand has left its own level, over the whole minutes of [since, now)."""
    starts = epochs(paths.starts_at_utc)
    use = (paths.seconds == MINUTE) & (starts >= since.timestamp()) & (starts + MINUTE <= now.timestamp())
    if not use.any():
        return
    times = [moment_of(at + MINUTE) for at in starts[use]]
    for i, service in enumerate(paths.services):
        if service not in came:
            continue
        logs = np.log(np.maximum(paths.requests_per_second[:, i, use], 1e-6)).astype(np.float64)
        middle = np.median(logs, axis=0)
        rates = mean_over(came[service], starts[use], paths.seconds[use])
        ratios = np.log(np.maximum(rates, 1e-6)) - middle
        found = _last(departures(times, ratios, usual_departure(logs - middle, rules.minute), rules.minute))
        if found:
            yield Standing("minute", service, found.direction, 2, found.fired_at)


def capacity_standing(
    capacities: Iterable[Capacity], told: Iterable[Told], now: datetime, rules: LiveRules
) -> Iterator[Standing]:
    """Services whose capacity is reached soon; one that stands clears only when it is further off than it fired at."""
    stands = {t.standing.subject: t.standing for t in told if t.standing.rule == "capacity" and t.cleared_at is None}
    for capacity in capacities:
        near = capacity.time_to_capacity
        before = stands.get(capacity.service)
        within = rules.capacity.clear_minutes if before else rules.capacity.fires_minutes
        if near is not None and near <= timedelta(minutes=within):
            yield before or Standing("capacity", capacity.service, "up", 3, now.replace(second=0, microsecond=0))


def _last(found: Sequence[Episode]) -> Episode | None:
    """The episode that stands."""
    return found[-1] if found and found[-1].cleared_at is None else None


def told_alerts(events: Iterable[Event], campaign: str) -> tuple[Told, ...]:
    """Alerts by the log, in the order in which they fired."""
    found: dict[str, Told] = {}
    for event in events:
        if event.kind == KIND and event.campaign == campaign:
            cleared = event.body["change"] == "cleared"
            found[event.subject] = Told(standing_of(event), event.at_utc if cleared else None)
    return tuple(found.values())


def standing_of(event: Event) -> Standing:
    """The alert that an event of this kind tells of."""
    body = event.body
    fired_at = datetime.fromisoformat(body["fired_at"])
    return Standing(body["rule"], body["about"], body["direction"], body["level"], fired_at)


def transitions(
    computed: Iterable[Standing], told: Iterable[Told], rules_looked_at: frozenset[LiveRule]
) -> tuple[Transition, ...]:
    """What changed against what was told; rules that were not looked at this time stay as they are."""
    open_now = {t.standing.about: t.standing for t in told if t.cleared_at is None}
    stands = {standing.about: standing for standing in computed}
    found: list[Transition] = []
    for about, standing in stands.items():
        before = open_now.get(about)
        if before is None:
            found.append(Transition("fired", standing))
        elif standing.level > before.level:
            found.append(Transition("raised", _at_level(before, standing.level)))
    gone = [s for about, s in open_now.items() if about not in stands and s.rule in rules_looked_at]
    return (*found, *(Transition("cleared", standing) for standing in gone))


def _at_level(standing: Standing, level: Level) -> Standing:
    return Standing(standing.rule, standing.subject, standing.direction, level, standing.fired_at)
