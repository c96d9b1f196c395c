"""Sends that can still be held or spread out: what each adds minute by minute, and what is left without it.

`traffic.json` says what a send adds on each service at its largest; its course around that is the pulse that the
forecast itself was made with, at the decay it learned. Where the rest of the event was forecast again, a send keeps its
share of the minute: the re-forecast moves a minute as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from campaign.language import Text, say
from campaign.numbers import Quantity
from campaign.plan import Plan, Send
from campaign.traffic import Effect as Learned
from forecast.uplift.kernels import pulse
from forecast.uplift.terms import openers, sending_seconds
from warroom.live.actions.ahead import P50, P90, Ahead, Floats, Ints
from warroom.live.actions.now import Action, Now, lever
from warroom.live.actions.records import Effect, Kind, Lever, Range

NEAR = timedelta(minutes=15)
COURSE_SECONDS = 3600
LEAST_RATIO = 0.001
SPREAD_MINUTES = (15, 30, 60, 120)


@dataclass(frozen=True)
class Planned:
    """What one channel sends at one instant."""

    channel: str
    at: datetime
    sends: tuple[Send, ...]

    @property
    def id(self) -> str:
        return f"{self.channel}@{self.at.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def seconds(self) -> float:
        """How long it takes to go out."""
        return max(sending_seconds(send) for send in self.sends)

    def left(self, now: datetime) -> float:
        """Seconds of sending that are still to come."""
        return min(self.seconds, self.seconds - (now - self.at).total_seconds())


def sends(now: Now) -> Iterator[Lever]:
    """Each send that has not gone out altogether, held; and spread out while it has not begun."""
    for planned in planned_sends(now.plan):
        if planned.left(now.at) > 0:
            yield from holding(now, planned)
            minutes = spread_minutes(now.ahead, added_by(now, planned), planned, now.decay_seconds)
            if minutes is not None:
                yield from spreading(now, planned, minutes)


def added_by(now: Now, planned: Planned) -> dict[str, Floats]:
    """What a send adds at its largest, by service that is forecast."""
    added = learned_of(now.effects, planned, now.decay_seconds)
    return {name: rate for name, rate in added.items() if name in now.ahead}


def holding(now: Now, planned: Planned) -> Iterator[Lever]:
    changes = {
        name: held(ahead := now.ahead[name], rate, course_not_sent(
            planned, ahead.starts, ahead.seconds, now.decay_seconds, now.at))
        for name, rate in added_by(now, planned).items()
    }  # fmt: skip
    yield from _changed(now, "hold", planned, None, changes)


def spreading(now: Now, planned: Planned, minutes: int) -> Iterator[Lever]:
    """A send that has not begun, over so many minutes; nothing where it takes as long anyway."""
    if planned.at > now.at and 60 * minutes > planned.seconds:
        added = added_by(now, planned)
        changes = {
            name: spread_out(now.ahead[name], rate, planned, now.decay_seconds, minutes) for name, rate in added.items()
        }
        yield from _changed(now, "stagger", planned, minutes, changes)


def _changed(
    now: Now, kind: Kind, planned: Planned, minutes: int | None, changes: Mapping[str, Floats]
) -> Iterator[Lever]:
    rule = now.rule(kind)
    effects = effects_of(changes, now.ahead, max(planned.at, now.at))
    if effects:
        name = planned.id if minutes is None else f"{planned.id}:{minutes}"
        action = Action(
            kind, name, planned.id, minutes, title_of(planned, now, minutes), how_of(planned, minutes),
            rule.hours, rule.people,
        )  # fmt: skip
        after = {service: now.ahead[service].changed(change[P50]) for service, change in changes.items()}
        yield lever(now, action, effects, after)


def planned_sends(plan: Plan) -> tuple[Planned, ...]:
    """Every send of the plan in time order; those of one channel at one instant are one."""
    found: dict[tuple[datetime, str], list[Send]] = {}
    for channel in plan.channels:
        for send in channel.sends:
            found.setdefault((send.at.astimezone(UTC), channel.name), []).append(send)
    return tuple(Planned(channel, at, tuple(sends)) for (at, channel), sends in sorted(found.items()))


def course(planned: Planned, starts: Ints, seconds: Ints, decay_seconds: float) -> Floats:
    """How many of a send's people come in each interval, as a share of its largest minute."""
    return _people(planned, starts, seconds, decay_seconds) / _largest(planned, decay_seconds)


def course_not_sent(planned: Planned, starts: Ints, seconds: Ints, decay_seconds: float, now: datetime) -> Floats:
    """The same of those to whom it has not gone out at `now`: all of them before it begins, none after its end."""
    if now <= planned.at:
        return course(planned, starts, seconds, decay_seconds)
    come = np.zeros(len(starts))
    from_now = _since(starts, now)
    for send in planned.sends:
        whole = max(sending_seconds(send), 1.0)
        left = whole - (now - send.at).total_seconds()
        if left > 0:
            come += openers(send) * left / whole * pulse(from_now, from_now + seconds, left, decay_seconds)
    return come / _largest(planned, decay_seconds)


def course_spread(planned: Planned, starts: Ints, seconds: Ints, decay_seconds: float, minutes: float) -> Floats:
    """The same of a send that goes out over so many minutes, as a share of the largest minute that was planned."""
    after = _since(starts, planned.at)
    shape = pulse(after, after + seconds, 60.0 * minutes, decay_seconds)
    spread: Floats = sum(openers(send) for send in planned.sends) * shape / _largest(planned, decay_seconds)
    return spread


def _since(starts: Ints, moment: datetime) -> Floats:
    return starts.astype(np.float64) - moment.timestamp()


def _people(planned: Planned, starts: Ints, seconds: Ints, decay_seconds: float) -> Floats:
    after = _since(starts, planned.at)
    come = [
        openers(send) * pulse(after, after + seconds, sending_seconds(send), decay_seconds) for send in planned.sends
    ]
    total: Floats = np.sum(come, axis=0)
    return total


def _largest(planned: Planned, decay_seconds: float) -> float:
    """People per second in the largest minute."""
    return float(_people(planned, *_minutes_after(planned), decay_seconds).max()) or 1.0


def _minutes_after(planned: Planned) -> tuple[Ints, Ints]:
    first = int(planned.at.timestamp()) // 60 * 60
    starts = np.arange(first, first + planned.seconds + COURSE_SECONDS, 60, dtype=np.int64)
    return starts, np.full(len(starts), 60, dtype=np.int64)


def largest_at(planned: Planned, decay_seconds: float) -> datetime:
    """When most of its people come."""
    starts, seconds = _minutes_after(planned)
    top = int(_people(planned, starts, seconds, decay_seconds).argmax())
    return max(datetime.fromtimestamp(int(starts[top]), UTC), planned.at)


def learned_of(effects: Iterable[Learned], planned: Planned, decay_seconds: float) -> dict[str, Floats]:
    """What the forecast learned that a send adds at its largest: [p10 p50 p90] requests per second by service.

    A channel has one effect for each of its sends; the send's own is the one nearest to its largest minute.
    """
    top = largest_at(planned, decay_seconds)
    found: dict[str, tuple[timedelta, Floats]] = {}
    for effect in effects:
        apart = abs(effect.at_utc - top)
        if effect.driver == planned.channel and apart <= NEAR:
            before = found.get(effect.service)
            if before is None or apart < before[0]:
                added = effect.added_requests_per_second
                found[effect.service] = apart, np.array([added.p10, added.p50, added.p90])
    return {service: added for service, (_, added) in found.items()}


def held(ahead: Ahead, added: Floats, not_sent: Floats) -> Floats:
    """The change [p10 p50 p90 of the effect, interval] of what is expected if the rest of a send is held: never above
    zero, and never more than what is expected."""
    share = np.clip(np.outer(added, not_sent) / np.maximum(ahead.frozen, 1e-9), 0.0, 1.0)
    taken: Floats = -share * ahead.expected[P50]
    return taken


def spread_out(ahead: Ahead, added: Floats, planned: Planned, decay_seconds: float, minutes: float) -> Floats:
    """The change [p10 p50 p90, interval] if a send goes out over so many minutes instead: less of it while most would
    have come, more of it later."""
    at = ahead.starts, ahead.seconds, decay_seconds
    again = np.outer(added, course_spread(planned, *at, minutes)) * ahead.expected[P50] / np.maximum(ahead.frozen, 1e-9)
    moved: Floats = held(ahead, added, course(planned, *at)) + again
    return moved


def spread_minutes(
    ahead: Mapping[str, Ahead], added: Mapping[str, Floats], planned: Planned, decay_seconds: float
) -> int | None:
    """The fewest minutes over which a send fits what is carried, else those with which least is beyond it; None where
    it goes out that slowly already, or spreading it only moves its people into tighter minutes."""
    offered = [minutes for minutes in SPREAD_MINUTES if 60 * minutes > planned.seconds]
    beyond = {
        minutes: sum(
            _beyond(ahead[name].changed(spread_out(ahead[name], rate, planned, decay_seconds, minutes)[P50]), planned)
            for name, rate in added.items()
        )
        for minutes in offered
    }
    best = min(offered, key=lambda minutes: beyond[minutes], default=None)
    before = sum(_beyond(ahead[name], planned) for name in added)
    return best if best is not None and beyond[best] <= before else None


def _beyond(ahead: Ahead, planned: Planned) -> float:
    """Requests beyond the capacity at p90, from a send on until its slowest course has come."""
    first = planned.at.timestamp()
    use = (ahead.starts + ahead.seconds > first) & (ahead.starts < first + 60 * SPREAD_MINUTES[-1] + COURSE_SECONDS)
    return float((np.maximum(ahead.expected[P90] - ahead.carries, 0.0) * ahead.seconds)[use].sum())


def effects_of(changes: Mapping[str, Floats], ahead: Mapping[str, Ahead], starts: datetime) -> tuple[Effect, ...]:
    """A change of what is expected by service, the largest first; services that it hardly touches are left out."""
    return tuple(sorted(_effects(changes, ahead, starts), key=lambda effect: (effect.largest.p50, effect.name)))


def _effects(changes: Mapping[str, Floats], ahead: Mapping[str, Ahead], starts: datetime) -> Iterator[Effect]:
    for name, change in changes.items():
        top = int(change[P50].argmin())
        if -change[P50, top] > LEAST_RATIO * ahead[name].expected[P50, top]:
            hour = Range.of(list(ahead[name].over(change, starts)))
            yield Effect("requests", name, Range.of(change[:, top]), ahead[name].moment(top), hour, starts)


def title_of(planned: Planned, now: Now, minutes: int | None) -> Text:
    local, today = planned.at.astimezone(now.zone), now.at.astimezone(now.zone).date()
    at = f"{local:%H:%M}" if local.date() == today else f"{local:%m-%d %H:%M}"
    if minutes is None:
        return say("hold the {at} send of {channel}", at=at, channel=planned.channel)
    return say("spread the {at} send of {channel} over {minutes} min", at=at, channel=planned.channel, minutes=minutes)


def how_of(planned: Planned, minutes: int | None) -> Text:
    """What whoever sends has to do."""
    if minutes is None:
        return say("marketing stops it where it is sent, and lets it go once there is room")
    rate = Quantity(sum(send.reach for send in planned.sends) / (60 * minutes))
    return say("marketing sets the rate where it is sent: {rate} messages/s", rate=rate)
