"""What an alert means in words: level and owner, what to do, when it clears, and which alert is answered first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from campaign.settings import Settings
from playbooks.autoscaling.known import value_per_request
from playbooks.growth.live_policy import LiveRules
from playbooks.growth.policy import Response
from warroom.live.judging.alerts import SHOWN, Standing, Told
from warroom.live.judging.capacity import tightest_ahead
from warroom.live.records import Alert, Call, Capacity, Hour, Metric, Minutes

HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Figures:
    """What alerts are about, as of now."""

    metrics: Mapping[str, Metric]
    minutes: Mapping[str, Minutes]
    capacities: Mapping[str, Capacity]


def alerts_of(
    told: Iterable[Told], figures: Figures, settings: Settings, rules: LiveRules, response: Response, now: datetime
) -> tuple[Alert, ...]:
    """Open alerts in response order, then those that cleared in the last day, newest first."""
    made = [_alert(each, figures, settings, rules) for each in told if _is_shown(each, now)]
    stand = sorted((a for a in made if a.open), key=lambda a: _order(a, response))
    past = sorted((a for a in made if not a.open), key=lambda a: a.fired_at, reverse=True)
    return (*stand, *past)


def _is_shown(told: Told, now: datetime) -> bool:
    return told.cleared_at is None or told.cleared_at > now - SHOWN


def _order(alert: Alert, response: Response) -> tuple[object, ...]:
    """The older of equals first. An impact that cannot be said counts as its level's."""
    parts = response_order(alert.impact_per_hour, alert.level, alert.hours, alert.people, response)
    return (*parts, alert.fired_at, alert.key)


def response_order(
    impact_per_hour: float | None, weight: float, hours: float, people: float, response: Response
) -> tuple[object, ...]:
    """Impact first, then what is put right sooner, then what needs fewer people, as `response:` says; `weight` decides
    where impacts are equal. One that cannot be said comes after all that can."""
    parts = {
        "impact": (impact_per_hour is None, -(impact_per_hour or 0.0), -weight),
        "hours": hours,
        "people": people,
    }
    return tuple(parts[name] for name in response.order_by)


def call_of(alerts: Iterable[Alert]) -> Call:
    """GO, WATCH or ACT by the highest level that stands."""
    level = max((alert.level for alert in alerts if alert.open), default=0)
    return "go" if level == 0 else "watch" if level == 1 else "act"


def _alert(told: Told, figures: Figures, settings: Settings, rules: LiveRules) -> Alert:
    standing = told.standing
    answer = rules.response(standing.rule, standing.direction, standing.level)
    actual, expected, z = _newest(standing, figures)
    return Alert(
        key=standing.key,
        rule=standing.rule,
        subject=standing.subject,
        direction=standing.direction,
        level=standing.level,
        owner=answer.owner,
        fired_at=standing.fired_at,
        cleared_at=told.cleared_at,
        actual=actual,
        expected=expected,
        z=z,
        impact_per_hour=_impact(standing, actual, expected, settings),
        hours=answer.resolve.hours,
        people=answer.resolve.people,
        title=title_of(standing, actual, expected),
        action=answer.action,
        clears=clears_of(standing, rules),
    )


def _newest(standing: Standing, figures: Figures) -> tuple[float | None, float | None, float | None]:
    """Actual, expected and z of the newest reading; for capacity the p90 that is coming, and what is carried then."""
    if standing.rule == "hourly":
        metric = figures.metrics.get(standing.subject)
        hour: Hour | None = metric.newest if metric else None
        return (hour.actual, hour.frozen.p50 if hour.frozen else None, hour.z) if hour else (None, None, None)
    minutes = figures.minutes.get(standing.subject)
    if standing.rule == "capacity":
        capacity = figures.capacities.get(standing.subject)
        ahead = tightest_ahead(minutes, capacity) if minutes and capacity else None
        return (*ahead, None) if ahead else (None, None, None)
    if minutes is None:
        return None, None, None
    known = [i for i, value in enumerate(minutes.actual) if value is not None]
    return (minutes.actual[known[-1]], minutes.frozen.p50[known[-1]], None) if known else (None, None, None)


def _impact(standing: Standing, actual: float | None, expected: float | None, settings: Settings) -> float | None:
    """Money an hour: orders missing, requests missing or requests beyond the capacity, each at what it is worth.

    More demand than expected within the capacity costs nothing.
    """
    if actual is None or expected is None:
        return None
    per_order = settings.risk.value_lost_per_refused_order
    lost = max(actual - expected, 0.0) if standing.rule == "capacity" else max(expected - actual, 0.0)
    if standing.subject == "orders":
        return None if per_order is None else lost * per_order
    if standing.subject == "contacts":
        return None
    if standing.direction == "up" and standing.rule != "capacity":
        return 0.0 if per_order is not None else None
    each = _per_request(standing, settings)
    return None if each is None else lost * HOUR_SECONDS * each


def _per_request(standing: Standing, settings: Settings) -> float | None:
    """What a request is worth in orders: of its service, or of a visit's requests on all services together."""
    if standing.subject in settings.service_names:
        return value_per_request(settings, standing.subject)
    each = [value_per_request(settings, name) for name in settings.service_names]
    worth = [1.0 / value for value in each if value]
    return 1.0 / sum(worth) if worth else None


SUBJECTS: dict[str, Text] = {
    "requests": say("requests"),
    "orders": say("orders"),
    "contacts": say("support contacts"),
}


def title_of(standing: Standing, actual: float | None, expected: float | None) -> Text:
    """What happened, with the figures where they are known."""
    subject = SUBJECTS.get(standing.subject, standing.subject)
    if standing.rule == "capacity":
        words = say("{subject}: demand reaches its capacity", subject=subject)
    elif standing.rule == "minute":
        up, down = say("{subject} jumped within minutes"), say("{subject} fell within minutes")
        words = Text((up if standing.direction == "up" else down).message, {"subject": subject})
    else:
        above, below = say("{subject} above the frozen forecast"), say("{subject} below the frozen forecast")
        words = Text((above if standing.direction == "up" else below).message, {"subject": subject})
    if actual is None or expected is None:
        return words
    if standing.rule == "capacity":
        return say(
            "{what}: p90 {actual}/s, carried {expected}/s",
            what=words,
            actual=Quantity(actual),
            expected=Quantity(expected),
        )
    return say(
        "{what}: {actual}, expected {expected}", what=words, actual=Quantity(actual), expected=Quantity(expected)
    )


def clears_of(standing: Standing, rules: LiveRules) -> Text:
    """When the alert ends by itself."""
    if standing.rule == "capacity":
        minutes = f"{rules.capacity.clear_minutes:g}"
        return say("clears when capacity is not reached within {minutes} minutes", minutes=minutes)
    windows = rules.hourly if standing.rule == "hourly" else rules.minute
    words = say("clears after {n} hours inside the {ratio} band")
    if standing.rule == "minute":
        words = say("clears after {n} minutes inside the {ratio} band, or as the new level after {minutes}")
    values = {"n": windows.clear_readings, "ratio": percent(windows.clear_ratio)}
    return Text(words.message, values | {"minutes": rules.minute.hold_minutes})
