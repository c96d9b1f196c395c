"""The growth meeting's agenda, filled from the values: one record for the page, the JSON and the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign.plan import Plan
from campaign.settings import time_of_day
from campaign.words import Words
from metrics.daily import Daily
from metrics.experiments import ReadOut
from metrics.sql import Definitions
from playbooks.growth.channels import (
    ChannelRoi,
    ChurnNode,
    Scored,
    channel_roi,
    churn_nodes,
    joint_scores,
)
from playbooks.growth.evaluate import Alert, Watched, day_of, open_alerts, watch
from playbooks.growth.lasting import Lasted, did_it_last
from playbooks.growth.objectives import KeyResult, key_results
from playbooks.growth.policy import Meeting, Rule, RulesFile

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LASTING_SHOWN_DAYS = 21


@dataclass(frozen=True)
class Change:
    """A rule that fired or cleared in the last seven days."""

    rule: str
    title: object
    split: str
    day: date
    fired: bool


@dataclass(frozen=True)
class Agenda:
    """Everything the meeting looks at. today: when it was filled; newest: the newest day with values.

    titles: of every rule, by its id; missing: the rules that cannot be judged, and the metrics that they lack.
    """

    meeting: Meeting
    starts_at: datetime
    today: date
    newest: date | None
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...]
    roi: tuple[ChannelRoi, ...]
    nodes: tuple[ChurnNode, ...]
    objectives: tuple[KeyResult, ...]
    experiments: tuple[ReadOut, ...]
    scores: tuple[Scored, ...]
    lasted: tuple[Lasted, ...]
    missing: dict[str, tuple[str, ...]]
    titles: dict[str, Words]


@dataclass(frozen=True)
class Known:
    """What the agenda is made of."""

    daily: Daily
    definitions: Definitions
    families: dict[str, str]
    plans: Sequence[Plan]
    experiments: Sequence[ReadOut]
    zone: ZoneInfo


def make_agenda(meeting: Meeting, rules: RulesFile, known: Known, now: datetime) -> Agenda:
    """The agenda of the meeting's next date at or after `now`, from days before that of `now`."""
    today = now.astimezone(known.zone).date()
    daily = known.daily.until(today - timedelta(days=1))
    watched = watch_all(rules, daily, known.definitions, known.families)
    newest: date | None = daily.days[-1].astype(object) if len(daily.days) else None
    return Agenda(
        meeting,
        next_start(meeting, now, known.zone),
        today,
        newest,
        tuple(open_alerts(watched, rules.response)),
        tuple(_changes(watched, today - timedelta(days=7))),
        tuple(channel_roi(daily, known.definitions, known.families)),
        tuple(churn_nodes(daily, known.definitions, rules.churn)),
        tuple(key_results(rules.kpis, daily, known.definitions, today)),
        tuple(known.experiments),
        tuple(joint_scores(daily, known.definitions, rules.joint_score)),
        tuple(_lasted(known, daily, rules, today)),
        unjudged(rules, daily),
        rules.titles,
    )


def watch_all(rules: RulesFile, daily: Daily, definitions: Definitions, families: dict[str, str]) -> list[Watched]:
    """Every enabled rule on every split; rules whose metric or guard has no values are left out (see `unjudged`)."""
    return [
        watched
        for rule in rules.rules
        if rule.enabled and not needs(rule) & set(daily.missing)
        for watched in watch(rule, daily, definitions, families)
    ]


def unjudged(rules: RulesFile, daily: Daily) -> dict[str, tuple[str, ...]]:
    """The enabled rules that cannot be judged, and the metrics that they lack."""
    lacking = {rule.id: tuple(sorted(needs(rule) & set(daily.missing))) for rule in rules.rules if rule.enabled}
    return {name: metrics for name, metrics in lacking.items() if metrics}


def needs(rule: Rule) -> set[str]:
    """The metrics that a rule looks at: its own and its guard's."""
    return {rule.metric, *rule.guard.least, *filter(None, [rule.guard.sample])}


def next_start(meeting: Meeting, now: datetime, zone: ZoneInfo) -> datetime:
    """The meeting's next start, at or after `now`."""
    local = now.astimezone(zone)
    at: time = time_of_day(meeting.at)
    day = local.date() + timedelta(days=(WEEKDAYS.index(meeting.weekday) - local.weekday()) % 7)
    start = datetime.combine(day, at, zone)
    return start if start >= now else datetime.combine(day + timedelta(days=7), at, zone)


def _changes(watched: Sequence[Watched], since: date) -> list[Change]:
    found = [
        Change(w.rule.id, w.rule.title, w.split, day_of(w, int(place)), fired)
        for w in watched
        for fired, flags in ((True, w.runs.fires), (False, w.runs.clears))
        for place in flags.nonzero()[0]
        if day_of(w, int(place)) >= since
    ]
    return sorted(found, key=lambda c: (c.day, c.rule, c.split))


def _lasted(known: Known, daily: Daily, rules: RulesFile, today: date) -> list[Lasted]:
    recent = [
        (plan, day)
        for plan in known.plans
        if 0 < (today - (day := plan.starts_at.astimezone(known.zone).date())).days <= LASTING_SHOWN_DAYS
    ]
    judged = [did_it_last(plan.id, day, daily, known.definitions, rules.lasting) for plan, day in recent]
    return [one for one in judged if one is not None]
