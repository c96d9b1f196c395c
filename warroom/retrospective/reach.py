"""Planned against real reach: per push as the sending platforms report it, and each planner's habit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from campaign.language import Text, say
from campaign.plan import Channel, Plan
from warroom.retrospective.labels import MEASURE_LABELS
from warroom.retrospective.records import Bias, Reach

SAME_PUSH = timedelta(minutes=30)  # a push starts late by minutes, the next one of a channel comes hours later
Measure = Literal["reach", "viewers", "spend"]


@dataclass(frozen=True)
class Reported:
    """One line of `evidence/<id>/reach.csv`: what a channel's own platform counted; `at` is None for all of it."""

    channel: str
    at: datetime | None
    measure: Measure
    real: float


@dataclass(frozen=True)
class Planned:
    channel: str
    at: datetime | None
    measure: Measure
    planned: float


def planned_parts(plan: Plan) -> list[Planned]:
    """Every send, slot and spend of a plan that has a figure."""
    return [part for channel in plan.channels for part in _parts(channel)]


def _parts(channel: Channel) -> Iterator[Planned]:
    for send in channel.sends:
        yield Planned(channel.name, send.at, "reach", send.reach)
    for slot in channel.slots:
        if slot.expected_viewers is not None:
            yield Planned(channel.name, slot.starts_at, "viewers", slot.expected_viewers)
    if channel.spend is not None:
        yield Planned(channel.name, None, "spend", channel.spend)


def matched(plan: Plan, reported: Iterable[Reported], planner: str) -> tuple[list[Reach], list[Text]]:
    """Planned parts with what was reported of them, and what of either side found no counterpart.

    A report without a time counts for the channel's whole measure.
    """
    parts, rows, notes = planned_parts(plan), list(reported), []
    found: list[Reach] = []
    for report in rows:
        own = [p for p in parts if (p.channel, p.measure) == (report.channel, report.measure)]
        near = own if report.at is None else [p for p in own if p.at and abs(p.at - report.at) <= SAME_PUSH]
        total = sum(p.planned for p in near)
        if total > 0:
            at = near[0].at if len(near) == 1 else None
            found.append(_reach(near[0], total, report.real, at, planner))
        else:
            notes.append(say("{channel}: {measure} was reported, but not planned",
                             channel=report.channel, measure=MEASURE_LABELS[report.measure]))  # fmt: skip
    missing = sorted({p.channel for p in parts} - {r.channel for r in found})
    if missing:
        names = ", ".join(missing)
        notes.append(say("what {names} really reached is not known: evidence/{id}/reach.csv", names=names, id=plan.id))
    return found, notes


def _reach(part: Planned, planned: float, real: float, at: datetime | None, planner: str) -> Reach:
    return Reach(
        channel=part.channel,
        planner=planner,
        planned=planned,
        real=real,
        at_utc=at and at.astimezone(UTC),
        measure=part.measure,
    )


def biases(reach: Sequence[Reach]) -> tuple[Bias, ...]:
    """Real over planned by channel and planner, money left out: what is spent is no audience."""
    people = [row for row in reach if row.measure != "spend"]
    keys = sorted({(row.channel, row.planner) for row in people})
    return tuple(_bias(key, [row for row in people if (row.channel, row.planner) == key]) for key in keys)


def _bias(key: tuple[str, str], rows: Sequence[Reach]) -> Bias:
    ratio = sum(row.real for row in rows) / sum(row.planned for row in rows)
    return Bias(channel=key[0], planner=key[1], real_to_planned_ratio=ratio, pushes=len(rows))


def planner_of(plan: Plan) -> str:
    """Who planned it: the owner's name, else the team's; `marketing` where the plan names nobody."""
    return plan.owner.name or plan.owner.team or "marketing"
