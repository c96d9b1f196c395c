"""What the war room did on each path, and how often over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.numbers import local_minute
from campaign.traffic import Quantiles
from campaign.words import Words
from playbooks.rehearsal.called import Called
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.record import ActKind, WarRoomAct
from playbooks.simulation.war_room import NEVER, Done, Option

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Acted:
    """One kind of act on one subject, [path] each: how often, in which minute first (`NEVER`), how much at most."""

    kind: ActKind
    subject: str
    times: Counts
    first_minute: Counts
    amount: Counts


def acted_of(inputs: Inputs, options: Sequence[Option], done: Done, called: Mapping[str, Called]) -> tuple[Acted, ...]:
    """Whatever was done on any path, in the order of the options; people called in come last."""
    found = list(_of_services(options, done))
    for name, one in called.items():
        minute = (one.first_at - int(inputs.starts_at_utc.timestamp())) // 60
        first = np.where(one.times > 0, minute, NEVER)
        found.append(Acted("agents", name, one.times, first, one.most))
    return tuple(one for one in found if one.times.any())


def _of_services(options: Sequence[Option], done: Done) -> Iterator[Acted]:
    for option in dict.fromkeys(options):
        rows = [i for i, each in enumerate(options) if each == option]
        first = np.where(done.first_minute[rows] == NEVER, np.iinfo(np.int64).max, done.first_minute[rows]).min(axis=0)
        times = done.times[rows].sum(axis=0)
        first = np.where(times > 0, first, NEVER)
        yield Acted(option.kind, option.subject, times, first, done.amount[rows].max(axis=0))


def acts_of(acted: Sequence[Acted], inputs: Inputs, zone: ZoneInfo) -> tuple[WarRoomAct, ...]:
    """For the record, what was done in most events first."""
    made = [_act(one, inputs, zone) for one in acted]
    return tuple(sorted(made, key=lambda each: -each.event_ratio))


def _act(one: Acted, inputs: Inputs, zone: ZoneInfo) -> WarRoomAct:
    on = one.times > 0
    amount = Quantiles.of(one.amount[on].astype(np.float64)) if one.amount.any() else None
    minutes, counts = np.unique(one.first_minute[on], return_counts=True)
    return WarRoomAct(
        kind=one.kind,
        subject=one.subject,
        event_ratio=float(on.mean()),
        times_mean=float(one.times[on].mean()),
        amount=amount,
        first_most_often_at_utc=inputs.time_of(int(minutes[counts.argmax()])),
        what=Words.of(act_in_words(one.kind, one.subject, None if amount is None else round(amount.p50), zone)),
    )


def act_in_words(kind: ActKind, subject: str, amount: int | None, zone: ZoneInfo) -> Text:
    """Such as `storefront to 42 replicas`."""
    if kind == "scale":
        return say("{service} to {count} replicas", service=subject, count=amount)
    if kind == "switch":
        return say("switch {switch} pulled", switch=subject)
    if kind == "agents":
        return say("{count} people called in to {desk}", count=amount, desk=subject)
    channel, _, sent = subject.rpartition("@")
    at = datetime.strptime(sent, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    send = say("{channel} of {time}", channel=channel, time=local_minute(at, zone))
    if kind == "stagger":
        return say("{send} spread over {minutes} min", send=send, minutes=amount)
    return say("{send} held", send=send) if kind == "hold" else say("{send} let go after all", send=send)


def told_of_path(acted: Sequence[Acted], inputs: Inputs, path: int, zone: ZoneInfo) -> list[Text]:
    """What was done on one path, in the order in which it was."""
    here = sorted((one for one in acted if one.times[path]), key=lambda one: int(one.first_minute[path]))
    return [
        say(
            "{time} {what}",
            time=local_minute(inputs.starts_at_utc + timedelta(minutes=int(one.first_minute[path])), zone),
            what=act_in_words(one.kind, one.subject, int(one.amount[path]), zone),
        )
        for one in here
    ]
