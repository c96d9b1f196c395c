"""The game day: the two faults that would lose most, played beforehand, so that a team knows what it should see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from campaign.console import Progress
from campaign.language import Text, say
from campaign.settings import Switch
from campaign.traffic import Quantiles
from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.gameday_words import (
    EARLY_MINUTES,
    LIMIT_TIMES,
    NODE_TIMES,
    SHARE_LOST,
    alert_in_words,
    broken_in_words,
    how_in_words,
)
from playbooks.rehearsal.inputs import Inputs, rehearse
from playbooks.rehearsal.judging import losing, lost_orders
from playbooks.rehearsal.replays import Rehearsed
from playbooks.rehearsal.switched import with_switch
from playbooks.simulation.event import Played

AFTER_PEAK_MINUTES = 2  # the worst moment to lose replicas: everybody is there, and nothing has eased yet
SEEN_MINUTES = 2  # an alert holds for a minute before it pages, and somebody decides
SHOWN_MINUTES = (-1, 0, 1, 2, 3, 5, 10, 15, 30)
DRILLS = 2


@dataclass(frozen=True)
class Minute:
    """Load of the service over what it carries, and requests refused for good in that minute; p50 and p90 of paths."""

    offset: int
    load_p50: float
    load_p90: float
    lost_p50: float
    lost_p90: float


@dataclass(frozen=True)
class Answer:
    """A switch pulled against it. saved_ratio: of the orders lost, None where none are lost or the funnel is silent."""

    switch: Switch
    pulled_minute: int
    saved_ratio: float | None


@dataclass(frozen=True)
class Drill:
    """One fault: what is broken how and when, which service shows it, and who answers.

    back_minutes: until nothing is lost beyond the objective on nine of ten paths; None: not within the planned hours.
    """

    fault: str
    broken: Text
    how: Text
    alert: Text
    at: datetime
    service: str
    error_ratio: float
    minutes: tuple[Minute, ...]
    answers: tuple[Answer, ...]
    lost_orders: Quantiles
    lost_orders_mean: float
    planned_lost_orders_mean: float
    worst_lost_p90: float
    back_minutes: int | None


def game_day(whole: Rehearsed, switches: Sequence[Switch], zone: ZoneInfo, progress: Progress) -> tuple[Drill, ...]:
    """The worst faults of different kinds, the worst first, each compared with the plan on the same paths."""
    inputs, planned = whole.inputs, whole.played
    faults = list(_candidates(inputs, zone))
    worst: dict[str, tuple[tuple[float, float], str, Inputs, Played]] = {}
    for done, fault in enumerate(faults):
        progress(say("faults to drill"), done, len(faults))
        broken = injected(inputs, fault, zone)
        played = rehearse(broken)
        harm = float(lost_orders(broken, played).mean()), float(played.lost_requests.sum())
        kind = fault.partition(":")[0]
        if kind not in worst or harm > worst[kind][0]:
            worst[kind] = (harm, fault, broken, played)
    progress(say("faults to drill"), len(faults), len(faults))
    ranked = sorted(worst.values(), key=lambda each: each[0], reverse=True)[:DRILLS]
    return tuple(_drill(fault, inputs, planned, broken, played, switches) for _, fault, broken, played in ranked)


def _candidates(inputs: Inputs, zone: ZoneInfo) -> Iterator[str]:
    """Faults that a team can stage; a forecast that is too low it cannot."""
    for row, name in enumerate(inputs.services):
        if name in inputs.never_full:
            continue
        peak = int(inputs.demand.requests_per_second[row].mean(axis=0).argmax())
        at = inputs.time_of(min(peak + AFTER_PEAK_MINUTES, inputs.demand.minutes - 1)).astimezone(zone)
        yield f"lose-replicas:{name}:{SHARE_LOST}@{at:%H:%M}"
    if any(fleet.nodes for fleet in inputs.fleets):
        yield f"node-wait:{NODE_TIMES}"
    for limit in inputs.limits:
        yield f"limit:{limit.name}:{LIMIT_TIMES}"
    if any(send.minute >= EARLY_MINUTES for send in inputs.sends):
        yield f"push-early:{EARLY_MINUTES}m"


def _drill(
    fault: str, inputs: Inputs, planned: Played, broken: Inputs, played: Played, switches: Sequence[Switch]
) -> Drill:
    more = (played.lost_by_minute - planned.lost_by_minute).mean(axis=1)
    row = _row_of(fault, inputs, more)
    minute = _minute_of(broken, more[row], planned)
    orders, lost = lost_orders(broken, played), played.lost_by_minute[row]
    over = np.flatnonzero(np.quantile(losing(broken, played)[row, :, minute:], 0.9, axis=0, method="higher"))
    back = int(over[-1]) + 1 if len(over) else 0
    return Drill(
        fault=fault,
        broken=broken_in_words(fault, inputs, row, minute),
        how=how_in_words(fault, inputs, row, minute),
        alert=alert_in_words(fault, inputs, row),
        at=inputs.time_of(minute),
        service=inputs.services[row],
        error_ratio=inputs.error_ratios[row],
        minutes=tuple(_shown(played, row, minute)),
        answers=tuple(_answers(broken, row, minute, switches, float(orders.mean()))),
        lost_orders=Quantiles.of(orders),
        lost_orders_mean=float(orders.mean()),
        planned_lost_orders_mean=float(lost_orders(inputs, planned).mean()),
        worst_lost_p90=float(np.quantile(lost, 0.9, axis=0).max()),
        back_minutes=None if minute + back >= broken.demand.minutes else back,
    )


def _row_of(fault: str, inputs: Inputs, more: np.ndarray) -> int:
    """The service that shows it: the one that is broken, else the one that loses most more than planned."""
    kind, _, rest = fault.partition(":")
    return inputs.services.index(rest.partition(":")[0]) if kind == "lose-replicas" else int(more.sum(axis=1).argmax())


def _minute_of(broken: Inputs, more: np.ndarray, planned: Played) -> int:
    """When it begins to show: the outage's own minute, else the first with more lost, else the busiest."""
    if broken.outages:
        return broken.outages[-1].minute
    shown = np.flatnonzero(more > 0)
    return int(shown[0]) if len(shown) else int(planned.utilization_ratio.mean(axis=(0, 1)).argmax())


def _shown(played: Played, row: int, minute: int) -> Iterator[Minute]:
    for offset in SHOWN_MINUTES:
        at = minute + offset
        if 0 <= at < played.lost_by_minute.shape[2]:
            load = np.quantile(played.utilization_ratio[row, :, at], (0.5, 0.9))
            lost = np.quantile(played.lost_by_minute[row, :, at], (0.5, 0.9))
            yield Minute(offset, float(load[0]), float(load[1]), float(lost[0]), float(lost[1]))


def _answers(broken: Inputs, row: int, minute: int, switches: Sequence[Switch], lost: float) -> Iterator[Answer]:
    """Every switch that sheds the service's requests, replayed from when it would take effect."""
    for switch in switches:
        if broken.switches.get(switch.id, {}).get(row):
            effective = minute + SEEN_MINUTES + math.ceil((switch.drilled_seconds or 0) / 60)
            pulled = with_switch(broken, switch.id, effective)
            left = float(lost_orders(pulled, rehearse(pulled)).mean())
            yield Answer(switch, SEEN_MINUTES, 1 - left / lost if lost > 0 else None)
