"""The live war room's rules as data: the section `live:` of rules.yaml."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field

from campaign.documents import FileRecord
from campaign.plan import NonNegative, Positive
from campaign.readiness import Role
from campaign.words import Words

Central = Annotated[float, Field(gt=0, lt=1)]
Readings = Annotated[int, Field(ge=1, le=60)]
Level = Literal[1, 2, 3]
LiveRule = Literal["hourly", "minute", "capacity"]
NORMAL = NormalDist()


def outside(central_ratio: float) -> float:
    """|z| at which a value leaves the central so many of a hundred: 1.96 for 0.95."""
    return NORMAL.inv_cdf(0.5 + central_ratio / 2)


class Windows(FileRecord):
    """Two windows and hysteresis.

    outside_ratio: the central share that the newest reading must have left; mean_readings: how many the mean is taken
    over, which must have left that share too; at_once_ratio: one reading outside this fires alone; clear_ratio,
    clear_readings: so many in a row inside this clear it. correlation: of readings one step apart, which says how far a
    mean of several strays.
    """

    outside_ratio: Central
    mean_readings: Readings
    at_once_ratio: Central
    clear_ratio: Central
    clear_readings: Readings
    correlation: Annotated[float, Field(ge=0, le=1)]

    def mean_z(self, count: int) -> float:
        """|mean of `count` readings| at which that mean is outside: its standard deviation under AR(1) times z."""
        rho = self.correlation
        between = sum((count - lag) * rho**lag for lag in range(1, count))
        return outside(self.outside_ratio) * math.sqrt((count + 2 * between) / count**2)


class MinuteWindows(Windows):
    """The same by the minute, on how far demand has left its own level of the minutes before.

    level_minutes: half-life of that level; lag_minutes: the newest minutes that it does not look at. hold_minutes: how
    long the level is held while an alert stands; what lasts longer is the level. narrowest_ratio: the least standard
    deviation that a minute is taken to have.
    """

    level_minutes: Positive
    lag_minutes: Annotated[int, Field(ge=1, le=60)]
    hold_minutes: Annotated[int, Field(ge=5, le=1440)]
    narrowest_ratio: Annotated[float, Field(gt=0, lt=1)]


class CapacityRule(FileRecord):
    """Fires where the re-forecast's p90 reaches the capacity within fires_minutes; clears where it does not within
    clear_minutes any more."""

    fires_minutes: Positive
    clear_minutes: Positive


class PrometheusRules(FileRecord):
    """Thresholds of the alert rules that are written for a team's own Prometheus.

    headroom_min_ratio: of the capacity, lasting headroom_minutes. above_p99_minutes: how long demand stays above the
    frozen p99; outside_minutes: above its p90 or below its p10. stale_minutes: how long a source may be late.
    burn_rate: how many times faster than its objective allows a service makes errors, over 5 minutes and over an hour.
    """

    headroom_min_ratio: Central
    headroom_minutes: Positive
    above_p99_minutes: Positive
    outside_minutes: Positive
    stale_minutes: Positive
    burn_rate: Positive


class Effort(FileRecord):
    """What putting it right usually takes: orders alerts of equal impact."""

    hours: NonNegative
    people: Positive


class LiveResponse(FileRecord):
    """Who does what about a rule that fired: the level's owner, the action, and what it usually takes."""

    rule: LiveRule
    direction: Literal["up", "down"]
    level: Level
    owner: Role
    action: Words
    resolve: Effort


class LeverRule(Effort):
    """What an action takes of people until it works, beside what machines take, and who decides on it."""

    decides: Annotated[tuple[Role, ...], Field(min_length=1)]


class LeverRules(FileRecord):
    """Actions while a campaign runs.

    undrilled_switch_hours: taken for a switch that nobody has drilled. settle_minutes: after an action, before the hour
    begins in which its effect is looked for. wait_hours: how long sources are waited for before that is given up.
    """

    scale: LeverRule
    switch: LeverRule
    hold: LeverRule
    stagger: LeverRule
    agents: LeverRule
    bot: LeverRule
    undrilled_switch_hours: NonNegative
    settle_minutes: NonNegative
    wait_hours: Positive


class LiveRules(FileRecord):
    hourly: Windows
    minute: MinuteWindows
    capacity: CapacityRule
    levers: LeverRules
    prometheus: PrometheusRules
    responses: Annotated[tuple[LiveResponse, ...], Field(min_length=1)]

    def response(self, rule: LiveRule, direction: str, level: int) -> LiveResponse:
        """The response to a rule at a level; the nearest level that has one."""
        fitting = [r for r in self.responses if (r.rule, r.direction) == (rule, direction)]
        return min(fitting or self.responses, key=lambda r: abs(r.level - level))
