"""Why a step is where it is, for the person who signs the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.moments import moment_name
from campaign.numbers import local_minute, spoken
from campaign.plan import Plan
from playbooks.autoscaling.floors import Floors, Window
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.plan import Step
from playbooks.autoscaling.policy import AutoscalingPolicy


@dataclass(frozen=True)
class Occasion:
    """An announced instant, and what to call it."""

    minute: int
    name: str


def occasions(plans: Sequence[Plan], traffic: MinuteTraffic) -> tuple[Occasion, ...]:
    """Moments and sends of the plans, in time order."""
    named = {(m.at, str(moment_name(m.kind))) for plan in plans for m in plan.moments}
    named |= {(s.at, channel.name) for plan in plans for channel in plan.channels for s in channel.sends}
    return tuple(Occasion(traffic.minute_of(at), name) for at, name in sorted(named))


def jump_minutes(plans: Sequence[Plan], traffic: MinuteTraffic) -> tuple[int, ...]:
    """Minutes at which demand may jump: moments, sends, slots that begin, channels and campaigns that begin."""
    instants = {at for plan in plans for at in (plan.starts_at, *plan.instants)}
    instants |= {slot.starts_at for plan in plans for channel in plan.channels for slot in channel.slots}
    instants |= {channel.starts_at for plan in plans for channel in plan.channels if channel.starts_at}
    return tuple(sorted({traffic.minute_of(at) for at in instants}))


def steps_of(
    floors: Floors,
    window: Window,
    traffic: MinuteTraffic,
    announced: Sequence[Occasion],
    fact: ServiceFacts,
    policy: AutoscalingPolicy,
    zone: ZoneInfo,
) -> tuple[Step, ...]:
    """The cover as dated steps, each with its reason."""
    starts, replicas = floors.cover.starts, floors.cover.replicas
    ends = (*starts[1:], window.minutes)
    steps = []
    for i, (start, end, count) in enumerate(zip(starts, ends, replicas, strict=True)):
        before = replicas[i - 1] if i else count
        why = _why(floors, window.first, traffic, announced, fact, policy, zone, (start, end), count - before)
        limited = bool((floors.allowed[start:end] < floors.needed[start:end]).any())
        if limited:
            why = say("{why}; cut by a limit", why=why)
        steps.append(Step(starts_at_utc=traffic.time_of(window.first + start), replicas=count, why=str(why)))
    return tuple(steps)


def _why(
    floors: Floors,
    first: int,
    traffic: MinuteTraffic,
    announced: Sequence[Occasion],
    fact: ServiceFacts,
    policy: AutoscalingPolicy,
    zone: ZoneInfo,
    stretch: tuple[int, int],
    change: int,
) -> Text:
    start, end = stretch
    ahead = fact.lead_minutes + policy.guard_early_minutes
    reach = min(end + ahead, len(floors.required))
    busiest = start + int(floors.demand_requests_per_second[start:reach].argmax())
    rate = float(floors.demand_requests_per_second[busiest])
    at = local_minute(traffic.time_of(first + busiest), zone)
    if change <= 0:
        return say("carries up to {rate} requests per second", rate=spoken(rate))
    named = [o for o in announced if start <= o.minute - first <= start + ahead + 1]
    if named:
        return say(
            "{occasion} at {time}: up to {rate} requests per second at {busiest}; {lead} min to start, "
            "{guard} min in case it comes early",
            occasion=", ".join(dict.fromkeys(o.name for o in named)),
            time=local_minute(traffic.time_of(named[0].minute), zone),
            rate=spoken(rate), busiest=at, lead=fact.lead_minutes, guard=policy.guard_early_minutes,
        )  # fmt: skip
    return say(
        "up to {rate} requests per second by {busiest}; {lead} min to start",
        rate=spoken(rate),
        busiest=at,
        lead=fact.lead_minutes,
    )


def hours_of(plans: Sequence[Plan], policy: AutoscalingPolicy) -> tuple[datetime, datetime]:
    """From before the first start or instant to after the last."""
    begins = min(min(plan.starts_at, *plan.instants) if plan.instants else plan.starts_at for plan in plans)
    ends = max(max(plan.ends_at, *plan.instants) if plan.instants else plan.ends_at for plan in plans)
    return begins - timedelta(hours=policy.hours_before), ends + timedelta(hours=policy.hours_after)


def window_of(plans: Sequence[Plan], traffic: MinuteTraffic, policy: AutoscalingPolicy) -> Window:
    """Those hours within the traffic."""
    begins, ends = hours_of(plans, policy)
    return Window(traffic.minute_of(begins), traffic.minute_of(ends))
