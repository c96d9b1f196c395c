"""Puts a retrospective together from what was read; pure but for its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.words import Words
from warroom.handed import Handed
from warroom.retrospective.bought import capacity_score
from warroom.retrospective.effects import with_effects
from warroom.retrospective.gather import Came
from warroom.retrospective.labels import MEASURE_LABELS
from warroom.retrospective.lasting import lasting
from warroom.retrospective.reach import Reported, biases, matched, planner_of
from warroom.retrospective.records import (
    Action,
    AlertScore,
    Decision,
    DeskScore,
    Discipline,
    Figure,
    Lasting,
    Retrospective,
    ServiceCapacity,
)
from warroom.retrospective.score_forecast import Scored
from warroom.retrospective.timeline import Buckets

LEFT_OUT = {"outage": say("an outage"), "test-window": say("a load test"), "bot": say("bots")}
COUNTED = ("sessions", "orders", "contacts")


def build_retrospective(
    plan: Plan,
    settings: Settings,
    handed: Handed,
    came: Came,
    scored: Scored,
    reported: Sequence[Reported],
    alerts: AlertScore | None,
    kept: Discipline,
    decided: Sequence[Decision],
    actions: Sequence[Action],
    desks: Mapping[str, DeskScore],
    inputs: dict[str, str],
) -> Retrospective:
    """The whole record; what has no evidence is left out and said."""
    planner = planner_of(plan)
    reach, notes = matched(plan, reported, planner)
    zone = settings.zone_of(plan)
    lasted = did_it_last(plan, came, zone)
    middle = {name: band.middle for name, band in handed.bands.items()}
    starts, ends = int(plan.starts_at.timestamp()), int(plan.ends_at.timestamp())
    if settings.desks and not desks:
        notes.append(say("no source tells how the desks served: add one with measure: desks (docs/warroom/live.md)"))
    if not actions:
        notes.append(say("no actions with owner and date yet: evidence/{id}/actions.csv", id=plan.id))
    notes += _assumptions(handed, came, alerts, lasted, scored)
    return Retrospective(
        campaign=plan.id,
        kind=plan.kind,
        planner=planner,
        starts_at_utc=plan.starts_at.astimezone(UTC),
        ends_at_utc=plan.ends_at.astimezone(UTC),
        inputs=inputs,
        forecast=scored.score,
        figures=figures(plan, handed, came),
        reach=tuple(reach),
        bias=biases(reach),
        capacity=capacities(handed, settings, came.services),
        desks=dict(desks),
        currency=settings.currency,
        alerts=alerts,
        discipline=kept,
        decisions=with_effects(decided, came.services, middle, starts, ends),
        lasting=lasted,
        actions=tuple(actions),
        assumptions=tuple(Words.of(note) for note in notes),
    )


def figures(plan: Plan, handed: Handed, came: Came) -> tuple[Figure, ...]:
    """Marketing's own expectation, the forecast's middle and what came, for what anyone named or counted."""
    names = [*COUNTED, *(name for name in plan.expected if name not in COUNTED)]
    found = [
        Figure(
            measure=name,
            expected=plan.expected.get(name),
            forecast_p50=handed.demand.get(name),
            real=came.counts.get(name, _observed(plan, name)),
        )
        for name in names
    ]
    return tuple(f for f in found if any(v is not None for v in (f.expected, f.forecast_p50, f.real)))


def _observed(plan: Plan, name: str) -> float | None:
    """What somebody wrote down by hand."""
    value = getattr(plan.observed, name, None) if plan.observed else None
    return float(value) if isinstance(value, int | float) else None


def capacities(handed: Handed, settings: Settings, services: dict[str, Buckets]) -> dict[str, ServiceCapacity]:
    plan = handed.autoscaling
    if plan is None:
        return {}
    starts, ends = int(plan.starts_at_utc.timestamp()), int(plan.ends_at_utc.timestamp())
    found: dict[str, ServiceCapacity] = {}
    for name, service in plan.services.items():
        if name in services and name in settings.service_names:
            score = capacity_score(service, settings.service(name), services[name].within(starts, ends))
            found |= {name: score} if score else {}
    return found


def did_it_last(plan: Plan, came: Came, zone: ZoneInfo) -> Lasting | None:
    """By daily actives; by orders, else by requests, where nobody counts people.

    A campaign that starts after noon has its first whole day on the day after, if it runs that long.
    """
    first, last = plan.starts_at.astimezone(zone), (plan.ends_at - timedelta(seconds=1)).astimezone(zone)
    day = first.date() if first.hour < 12 or first.date() == last.date() else first.date() + timedelta(days=1)
    for measure in ("active_users", "orders", "requests"):
        found = lasting(measure, came.daily.get(measure, {}), day, last.date())
        if found:
            return found
    return None


def _assumptions(
    handed: Handed, came: Came, alerts: AlertScore | None, lasted: Lasting | None, scored: Scored
) -> list[Text]:
    notes: list[Text] = [
        say(
            "{minutes} minutes of the campaign are left out: {kind}, which shows no demand",
            minutes=f"{minutes:.0f}",
            kind=LEFT_OUT[kind],
        )
        for kind, minutes in sorted(came.left_out_minutes.items())
    ]
    if handed.model.historical:
        notes.append(say("the forecast was made after the start, from what was known at its as-of"))
    elif handed.bundle is None:
        notes.append(say("nothing was frozen: the newest traffic.json is scored"))
    if scored.score.total.bucket_seconds > 300:
        minutes = scored.score.total.bucket_seconds // 60
        notes.append(say("history keeps {minutes} minutes: peaks within them are not known", minutes=minutes))
    if handed.autoscaling is None:
        notes.append(say("no autoscaling plan: what was bought is not known"))
    else:
        notes.append(say("bought is what the plan asked for; what really ran is not recorded"))
    if alerts is None:
        notes.append(say("no alerts were recorded: out/{id}/alerts.csv", id=handed.model.campaign))
    elif alerts.unmarked:
        notes.append(say("{count} alerts are not marked useful or noise", count=alerts.unmarked))
    if lasted is None:
        notes.append(say("the days after the campaign are not known yet"))
    elif lasted.measure != "active_users":
        notes.append(say("nobody counts daily actives in history/actives.csv: {measure} stand in for them",
                         measure=MEASURE_LABELS[lasted.measure]))  # fmt: skip
    return notes
