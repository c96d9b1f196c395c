"""Sends that can still be held or spread out: what each adds minute by minute, and what is left without it.

`traffic.json` says what a send adds on each service at its largest, and its course around that. Where the rest of the
event was forecast again, a send keeps its share of the minute: the re-forecast moves a minute as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from campaign.language import Text, say
from campaign.numbers import Quantity
from campaign.plan import Plan, Send
from campaign.traffic import Effect as Learned
from campaign.traffic import TrafficModel
from forecast.uplift.terms import sending_seconds
from warroom.live.actions.ahead import P50, P90, Ahead, Floats
from warroom.live.actions.courses import Added, Sending
from warroom.live.actions.now import Action, Now, lever
from warroom.live.actions.records import Effect, Kind, Lever, Range, send_id

COURSE_SECONDS = 3600
NEAR = timedelta(hours=1)
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
        return send_id(self.channel, self.at)

    @property
    def seconds(self) -> float:
        """How long it takes to go out."""
        return max(sending_seconds(send) for send in self.sends)

    def gone(self, now: datetime) -> float:
        """Seconds since it began to go out; negative before."""
        return (now - self.at).total_seconds()

    def left(self, now: datetime) -> float:
        """Seconds of sending that are still to come."""
        return min(self.seconds, self.seconds - self.gone(now))


def sends(now: Now) -> Iterator[Lever]:
    """Each send that has not gone out altogether, held; and spread out while it has not begun."""
    for planned in planned_sends(now.plan):
        if planned.left(now.at) > 0:
            yield from holding(now, planned)
            minutes = spread_minutes(now.ahead, added_by(now, planned), planned)
            if minutes is not None:
                yield from spreading(now, planned, minutes)


def added_by(now: Now, planned: Planned) -> dict[str, Added]:
    """What a send adds, by service that is forecast."""
    return {name: added for name, added in learned_of(now.effects, planned).items() if name in now.ahead}


def holding(now: Now, planned: Planned) -> Iterator[Lever]:
    added = added_by(now, planned)
    changes = {name: held(now.ahead[name], each, planned.gone(now.at)) for name, each in added.items()}
    yield from _changed(now, "hold", planned, None, changes, added)


def spreading(now: Now, planned: Planned, minutes: int) -> Iterator[Lever]:
    """A send that has not begun, over so many minutes; nothing where it takes as long anyway."""
    if planned.at > now.at and 60 * minutes > planned.seconds:
        added = added_by(now, planned)
        changes = {name: spread_out(now.ahead[name], each, minutes) for name, each in added.items()}
        yield from _changed(now, "stagger", planned, minutes, changes, added)


def _changed(
    now: Now,
    kind: Kind,
    planned: Planned,
    minutes: int | None,
    changes: Mapping[str, Floats],
    added: Mapping[str, Added],
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
        made = lever(now, action, effects, after)
        yield replace(made, past_campaigns=added[made.effect.name].past_campaigns)


def planned_sends(plan: Plan) -> tuple[Planned, ...]:
    """Every send of the plan in time order; those of one channel at one instant are one."""
    found: dict[tuple[datetime, str], list[Send]] = {}
    for channel in plan.channels:
        for send in channel.sends:
            found.setdefault((send.at.astimezone(UTC), channel.name), []).append(send)
    return tuple(Planned(channel, at, tuple(sends)) for (at, channel), sends in sorted(found.items()))


def learned_of(effects: Iterable[Learned], planned: Planned) -> dict[str, Added]:
    """What the forecast says that a send adds, by service: the effect of its channel whose course begins with it."""
    at, sending = int(planned.at.timestamp()), Sending(planned.sends)
    found = {}
    for effect in effects:
        course = effect.course
        if course is None or effect.driver != planned.channel:
            continue
        starts = int(course.sent_at_utc.timestamp())
        if starts <= at < starts + course.seconds:
            rates = effect.added_requests_per_second
            found[effect.service] = Added(
                largest=np.array([rates.p10, rates.p50, rates.p90]),
                starts=starts,
                step=course.seconds,
                ratios=np.array(course.ratios),
                sending=sending,
                past_campaigns=effect.past_campaigns,
            )
    return found


@dataclass(frozen=True)
class Unlearned:
    """A send still to come that is no lever, because the forecast holds no effect of it. why: and what to do."""

    send: Planned
    why: Text


def unlearned(plan: Plan, model: TrafficModel, now: datetime) -> Iterator[Unlearned]:
    """Sends that the plan has and the forecast has not: they were planned, or moved, after it was made."""
    for planned in planned_sends(plan):
        if planned.at > now and not learned_of(model.effects, planned):
            yield Unlearned(planned, _why_not(plan, planned, model))


def _why_not(plan: Plan, planned: Planned, model: TrafficModel) -> Text:
    near = [e for e in model.effects if e.driver == planned.channel and abs(e.at_utc - planned.at) <= NEAR]
    if any(effect.course is None for effect in near):
        return say(
            "its forecast does not say how its people come: run `surgeplan forecast {id}`, and freeze again", id=plan.id
        )
    return say(
        "the forecast as of {as_of} UTC has no effect of it, so neither the expected traffic nor a hold can count it: "
        "`surgeplan ask {id}` says what it adds; run `surgeplan forecast {id}`, and freeze again",
        as_of=f"{model.as_of_utc:%Y-%m-%d %H:%M}",
        id=plan.id,
    )


def held(ahead: Ahead, added: Added, gone_seconds: float) -> Floats:
    """The change [p10 p50 p90 of the effect, interval] of what is expected if the rest of a send is held so long after
    it began: never above zero, and never more than what is expected."""
    not_sent = added.course_left(ahead.starts, ahead.seconds, gone_seconds)
    share = np.clip(np.outer(added.largest, not_sent) / np.maximum(ahead.frozen, 1e-9), 0.0, 1.0)
    taken: Floats = -share * ahead.expected[P50]
    return taken


def spread_out(ahead: Ahead, added: Added, minutes: float) -> Floats:
    """The change [p10 p50 p90, interval] if a send goes out over so many minutes instead: less of it while most would
    have come, more of it later."""
    slower = added.course_spread(ahead.starts, ahead.seconds, minutes)
    again = np.outer(added.largest, slower) * ahead.expected[P50] / np.maximum(ahead.frozen, 1e-9)
    moved: Floats = held(ahead, added, 0.0) + again
    return moved


def spread_minutes(ahead: Mapping[str, Ahead], added: Mapping[str, Added], planned: Planned) -> int | None:
    """The fewest minutes over which a send fits what is carried, else those with which least is beyond it; None where
    it goes out that slowly already, or spreading it only moves its people into tighter minutes."""
    offered = [minutes for minutes in SPREAD_MINUTES if 60 * minutes > planned.seconds]
    beyond = {
        minutes: sum(
            _beyond(ahead[name].changed(spread_out(ahead[name], each, minutes)[P50]), planned)
            for name, each in added.items()
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
