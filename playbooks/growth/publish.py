"""The edge of the growth rules: values in, alerts told once, the meeting's page, calendar and JSON out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from campaign.console import Progress
from campaign.errors import Problem, UserError, nearest
from campaign.files import sha256, write_bytes, write_json, write_text
from campaign.language import say
from campaign.store.events import Event
from campaign.workspace import Workspace
from metrics.daily import Daily
from metrics.daily_values import families_of, read_daily
from metrics.dictionary import Dictionary, open_dictionary
from metrics.experiments import ReadOut, read_experiment, read_out
from playbooks.growth.agenda import Agenda, Known, make_agenda, unjudged, watch_all
from playbooks.growth.announce import transitions
from playbooks.growth.evaluate import Alert, Watched, open_alerts, watch
from playbooks.growth.pages import agenda_json, as_page, calendar_file
from playbooks.growth.policy import RULES, SHIPPED, Meeting, RulesFile, read_rules
from playbooks.growth.rehearsal import Tested, rehearse
from playbooks.readiness.record import workspace_log


@dataclass(frozen=True)
class Opened:
    """A workspace's rules and the daily values that they are about."""

    workspace: Workspace
    dictionary: Dictionary
    rules: RulesFile
    daily: Daily
    families: dict[str, str]
    inputs: dict[str, str]


@dataclass(frozen=True)
class Checked:
    """What stands fired, what was told just now, and which rules had no values."""

    alerts: tuple[Alert, ...]
    told: tuple[Event, ...]
    judged: int
    missing: dict[str, tuple[str, ...]]
    newest: date


def open_rules(workspace: Workspace, data: Path) -> Opened:
    """Rules and values.

    Raises:
        UserError: a problem in metrics.yaml, rules.yaml or the data; no values at all.
    """
    dictionary = open_dictionary(workspace)
    rules = read_rules(workspace.folder, dictionary)
    daily = read_daily(workspace, dictionary, wanted_metrics(rules), data)
    own = workspace.folder / RULES
    inputs = dict(daily.inputs) | {RULES: sha256(own if own.is_file() else SHIPPED)}
    return Opened(workspace, dictionary, rules, daily, families_of(workspace, dictionary), inputs)


def wanted_metrics(rules: RulesFile) -> list[str]:
    """Every metric that rules, objectives and the agenda look at."""
    names = [name for rule in rules.rules for name in (rule.metric, *rule.guard.least, rule.guard.sample) if name]
    names += [objective.metric for objective in rules.kpis]
    names += [*rules.churn.steps, "gmv_paid", "ad_cost", "ltv", "roi", rules.lasting.metric]
    return [*dict.fromkeys(names)]


def replay_rules(opened: Opened, only: str | None, now: datetime, seed: int, progress: Progress) -> list[Tested]:
    """Every rule (also those that are off) replayed over the values before `now`.

    Raises:
        UserError: there is no rule of that id.
    """
    rules = [rule for rule in opened.rules.rules if only in (None, rule.id)]
    if not rules:
        known = [rule.id for rule in opened.rules.rules]
        raise UserError(Problem(say("there is no rule {id}", id=only), nearest(str(only), known), file=RULES))
    daily = known_before(opened, now)
    tested = []
    for place, rule in enumerate(rules):
        progress(say("replaying rules"), place, len(rules))
        watched = watch(rule, daily, opened.dictionary.definitions, opened.families)
        tested.append(rehearse(rule, watched, np.random.default_rng([seed, place])))
    return tested


def known_before(opened: Opened, now: datetime) -> Daily:
    """The values of days up to that of `now`.

    Raises:
        UserError: there are none.
    """
    today = now.astimezone(opened.workspace.settings.zone).date()
    daily = opened.daily.until(today)
    if not len(daily.days):
        first: date = opened.daily.days[0].astype(object)
        todo = say("the first day with values is {day}", day=first)
        raise UserError(Problem(say("there are no daily values before {day}", day=today), todo, key="--now"))
    return daily


def check_rules(opened: Opened, now: datetime) -> Checked:
    """Evaluate every rule and write what changed since last told to the log; each firing and clearing once."""
    daily = known_before(opened, now)
    watched = watch_all(opened.rules, daily, opened.dictionary.definitions, opened.families)
    alerts = open_alerts(watched, opened.rules.response)
    judged = [f"{w.rule.id}/{w.split}" for w in watched if w.closed.any()]
    log = workspace_log(opened.workspace)
    told = [log.record(act) for act in transitions(alerts, judged, log.events(), now)]
    return Checked(tuple(alerts), tuple(told), len(judged), unjudged(opened.rules, daily), _newest(daily, watched))


def _newest(daily: Daily, watched: list[Watched]) -> date:
    """The newest day on which any rule could be judged, else the newest day."""
    closed = [w.days[np.flatnonzero(w.closed)[-1]] for w in watched if w.closed.any()]
    found: date = max(closed, default=daily.days[-1]).astype(object)
    return found


def publish_agenda(opened: Opened, name: str | None, now: datetime) -> tuple[Agenda, dict[str, Any], Path]:
    """Write `out/meetings/<id>-<date>/` agenda.html, agenda.json and meeting.ics of the meeting's next date.

    Raises:
        UserError: there is no such meeting, or an experiment's file has problems.
    """
    zone = opened.workspace.settings.zone
    agenda, hashes = agenda_of(opened, _meeting(opened.rules, name), now)
    folder = opened.workspace.folder / "out" / "meetings" / f"{agenda.meeting.id}-{agenda.starts_at:%Y-%m-%d}"
    write_text(folder / "agenda.html", as_page(agenda, opened.dictionary, opened.workspace.settings.currency))
    document = agenda_json(agenda, opened.dictionary, opened.inputs | hashes)
    write_json(folder / "agenda.json", document)
    write_bytes(folder / "meeting.ics", lambda file: file.write(calendar_file(agenda, zone, now)))
    return agenda, document, folder


def agenda_of(opened: Opened, meeting: Meeting, now: datetime) -> tuple[Agenda, dict[str, str]]:
    """The agenda of the meeting's next date, and the hashes of the experiments in it; nothing is written.

    Raises:
        UserError: no values before `now`, or an experiment's file has problems.
    """
    experiments, hashes = read_experiments(opened.workspace.folder)
    definitions, plans, zone = opened.dictionary.definitions, opened.workspace.plans, opened.workspace.settings.zone
    known = Known(known_before(opened, now), definitions, opened.families, plans, experiments, zone)
    return make_agenda(meeting, opened.rules, known, now), hashes


def _meeting(rules: RulesFile, name: str | None) -> Meeting:
    for meeting in rules.meetings:
        if name in (None, meeting.id):
            return meeting
    known = [meeting.id for meeting in rules.meetings]
    raise UserError(Problem(say("there is no meeting {id}", id=name), nearest(str(name), known), file=RULES))


def read_experiments(folder: Path) -> tuple[list[ReadOut], dict[str, str]]:
    """Every experiment of the workspace with its verdict, and the files' hashes.

    Raises:
        UserError: the problems of all of them at once.
    """
    found: list[ReadOut] = []
    problems: list[Problem] = []
    files = sorted((folder / "experiments").glob("*.yaml"))
    for file in files:
        try:
            found.append(read_out(read_experiment(file, f"experiments/{file.name}")))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return found, {f"experiments/{file.name}": sha256(file) for file in files}


def tested_json(tested: list[Tested]) -> list[dict[str, Any]]:
    """What `rules test --json` prints."""
    return [
        {
            "rule": one.rule.id,
            "enabled": one.rule.enabled,
            "splits": one.splits,
            "closed_days": one.closed_days,
            "fired": one.fired,
            "stood_days": one.stood_days,
            "noise_ratio": one.noise_ratio,
            "false_alarms_per_channel_year": one.false_alarms_per_channel_year,
            "found_within_14_days": [
                {"shift_ratio": f.shift, "found_ratio": f.ratio, "delay_days": f.delay_days} for f in one.found
            ],
        }
        for one in tested
    ]
