"""What planners promise and what comes: the reach of earlier sends, per channel and planner, corrects the next plan.

Ratios of real to planned reach are log-normal around a channel's own habit, which lies around one: few cases move
little (a normal prior with one past campaign's weight of several). Past campaigns are learned with the reach that they
really had; the plan to come, whose real reach nobody knows, gets the reach that its channel and planner usually turn
out to mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaign.language import Text, say
from campaign.plan import Channel, Plan

CHANNEL_SD, PLANNER_SD, CASE_SD = 0.25, 0.2, 0.3
RATIO_LEAST, RATIO_MOST = 0.2, 5.0
CHANGE_SAID = 0.02


@dataclass(frozen=True)
class Reach:
    """One channel of one past campaign: people planned to be reached, and people really reached."""

    campaign: str
    channel: str
    planner: str
    planned: float
    real: float

    @property
    def log_ratio(self) -> float:
        return float(np.log(np.clip(self.real / self.planned, RATIO_LEAST, RATIO_MOST)))


@dataclass(frozen=True)
class Habits:
    """Real over planned reach per channel, and per channel and planner, with the number of cases behind each."""

    channels: Mapping[str, tuple[float, int]]
    planners: Mapping[tuple[str, str], tuple[float, int]]

    def ratio(self, channel: str, planner: str) -> tuple[float, int]:
        """The ratio to expect, and how many cases say so; one without any."""
        return self.planners.get((channel, planner)) or self.channels.get(channel) or (1.0, 0)


def by_campaign(records: Iterable[Reach]) -> tuple[Reach, ...]:
    """One record per campaign and channel: its pushes added up. Nothing planned or nothing reached says nothing."""
    sums: dict[tuple[str, str, str], tuple[float, float]] = {}
    for r in records:
        planned, real = sums.get((r.campaign, r.channel, r.planner), (0.0, 0.0))
        sums[r.campaign, r.channel, r.planner] = (planned + r.planned, real + r.real)
    return tuple(Reach(*key, *both) for key, both in sums.items() if both[0] > 0 and both[1] > 0)


def habits_of(records: Iterable[Reach]) -> Habits:
    """Two levels of shrinkage: a planner's habit to the channel's, the channel's to one."""
    usable = by_campaign(records)
    channels: dict[str, tuple[float, int]] = {}
    planners: dict[tuple[str, str], tuple[float, int]] = {}
    for channel in sorted({r.channel for r in usable}):
        mine = [r for r in usable if r.channel == channel]
        middle = _pulled([r.log_ratio for r in mine], 0.0, CHANNEL_SD)
        channels[channel] = (float(np.exp(middle)), len(mine))
        for planner in sorted({r.planner for r in mine if r.planner}):
            own = [r.log_ratio for r in mine if r.planner == planner]
            planners[channel, planner] = (float(np.exp(_pulled(own, middle, PLANNER_SD))), len(own))
    return Habits(channels, planners)


def _pulled(logs: Sequence[float], middle: float, sd: float) -> float:
    """Posterior mean of a habit, given cases that scatter by `CASE_SD` around it."""
    weight = len(logs) * sd**2 / (len(logs) * sd**2 + CASE_SD**2)
    return middle + weight * (float(np.mean(logs)) - middle)


def planner_of(plan: Plan) -> str:
    """Who planned it, as retrospectives name people: the owner, else the team, else marketing."""
    return plan.owner.name or plan.owner.team or "marketing"


def as_it_came(plan: Plan, records: Sequence[Reach]) -> Plan:
    """A past plan with the reach that its channels really had."""
    ratios = {r.channel: r.real / r.planned for r in by_campaign(records) if r.campaign == plan.id}
    return _scaled(plan, ratios)


def as_it_may_come(plan: Plan, habits: Habits) -> Plan:
    """A plan to come with the reach that its channels and planner usually turn out to mean."""
    return _scaled(plan, {c.name: habits.ratio(c.name, planner_of(plan))[0] for c in plan.channels})


def as_promised(plans: Sequence[Plan], records: Sequence[Reach], as_of: datetime) -> tuple[Plan, ...]:
    """Plans as known at `as_of`: finished ones with the reach they had, the others with the reach to expect."""
    habits = habits_of(records)
    return tuple(as_it_came(p, records) if p.ends_at <= as_of else as_it_may_come(p, habits) for p in plans)


def as_first_planned(plan: Plan, plans: Sequence[Plan], records: Sequence[Reach], lead_days: float) -> Plan:
    """A past plan for its own back-test: the figures it had, corrected by what was known of habits at its lead."""
    written = next((p for p in plans if p.id == plan.id), plan)
    earlier = known_by(records, plans, plan.starts_at - timedelta(days=lead_days))
    made = as_it_may_come(written, habits_of(earlier))
    return plan.model_copy(update={"channels": made.channels})


def known_by(records: Iterable[Reach], plans: Sequence[Plan], as_of: datetime) -> tuple[Reach, ...]:
    """Records of campaigns that were over at `as_of`."""
    over = {plan.id for plan in plans if plan.ends_at <= as_of}
    return tuple(record for record in records if record.campaign in over)


def _scaled(plan: Plan, ratios: Mapping[str, float]) -> Plan:
    if not any(channel.name in ratios for channel in plan.channels):
        return plan
    return plan.model_copy(
        update={"channels": tuple(_channel(channel, ratios.get(channel.name, 1.0)) for channel in plan.channels)}
    )


def _channel(channel: Channel, ratio: float) -> Channel:
    """Reach and viewers scaled; the rate of sending stays: it is a setting, not a promise."""
    sends = tuple(send.model_copy(update={"reach": send.reach * ratio}) for send in channel.sends)
    slots = tuple(
        slot
        if slot.expected_viewers is None
        else slot.model_copy(update={"expected_viewers": slot.expected_viewers * ratio})
        for slot in channel.slots
    )
    return channel.model_copy(update={"sends": sends, "slots": slots})


def promised_said(plan: Plan, habits: Habits) -> tuple[Text, ...]:
    """What was made of the plan's figures, where that changes them."""
    said = []
    for channel in plan.channels:
        ratio, cases = habits.ratio(channel.name, planner_of(plan))
        if cases and abs(ratio - 1.0) >= CHANGE_SAID and (channel.sends or channel.slots):
            said.append(
                say(
                    "{channel}: reach counts as {percent} % of the plan's figure, because that is what came of "
                    "{count} earlier ones",
                    channel=channel.name,
                    percent=f"{100 * ratio:.0f}",
                    count=cases,
                )
            )
    return tuple(said)
