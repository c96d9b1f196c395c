"""The growth meeting as people see it: the page, the JSON document and the calendar entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Event

from campaign.language import Text, _, say
from campaign.numbers import percent, spoken
from campaign.pages import render
from campaign.words import Words
from metrics.dictionary import Dictionary
from metrics.experiments import Difference, ReadOut
from metrics.sql import Definitions
from playbooks.appointments import appointment, calendar_of
from playbooks.growth.agenda import Agenda
from playbooks.growth.evaluate import EVERYBODY, Alert
from playbooks.growth.figures import figure
from playbooks.growth.lasting import Lasted
from playbooks.growth.objectives import KeyResult
from playbooks.growth.policy import Meeting

TEAMS = {
    "marketing": say("marketing"),
    "ops": say("operations"),
    "support": say("support"),
    "sre": say("SRE"),
    "data": say("data"),
    "company": say("the whole company"),
}
FAMILIES = {
    "field": say("field marketing"),
    "alliance": say("alliances"),
    "campaign": say("campaign resources"),
    "top-kol": say("top influencers"),
    "private-domain": say("private domain"),
    "paid": say("paid media"),
    "organic": say("organic"),
}


def alert_sentence(alert: Alert, definitions: Definitions) -> Text:
    """`feed: 1.2, expected 1.8 (-33 %)`, or the level it is below."""
    where = say("everywhere") if alert.split == EVERYBODY else alert.split
    value, expected = (figure(each, alert.rule.metric, definitions) for each in (alert.value, alert.expected))
    if alert.rule.when.compare == "level":
        return say("{where}: {value}, below {expected}", where=where, value=value, expected=expected)
    change = f"{100 * (alert.value / alert.expected - 1):+.0f} %"
    return say("{where}: {value} against {expected} ({change})", where=where, value=value, expected=expected,
               change=change)  # fmt: skip


def kr_sentence(result: KeyResult, definitions: Definitions) -> Text:
    metric = result.objective.metric
    target = figure(result.target, metric, definitions)
    wanted = say("at most {target}", target=target) if result.at_most else say("at least {target}", target=target)
    if result.now is None:
        return say("{wanted}; no settled values yet", wanted=wanted)
    now = figure(result.now, metric, definitions)
    if result.start is None:
        return say("{wanted}; now {now}", wanted=wanted, now=now)
    return say("{wanted}; from {start} to {now}", wanted=wanted, start=figure(result.start, metric, definitions),
               now=now)  # fmt: skip


def interval_words(out: ReadOut, apart: Difference) -> str:
    """`+5 (+2.3 … +7.7) percentage points` where shares are compared, else in the metric's own unit."""
    if out.experiment.variants[apart.variant].successes is None:
        return f"{apart.difference:+.3g} ({apart.low:+.3g} … {apart.high:+.3g})"
    middle, low, high = (f"{100 * each:+.2g}" for each in (apart.difference, apart.low, apart.high))
    return _("{middle} ({low} … {high}) percentage points").format(middle=middle, low=low, high=high)


def lasted_sentence(lasted: Lasted) -> Text:
    """What is left of the rise on the last day."""
    if lasted.lasted is None:
        return say("not over yet")
    left = percent(lasted.rise_kept[-1] or 0.0)
    kind = say("the peak lasted: {left} of the rise is left", left=left)
    return kind if lasted.lasted else say("the peak did not last: {left} of the rise is left", left=left)


def lacking(unjudged: Mapping[str, Sequence[str]], rules: Mapping[str, Words], definitions: Definitions) -> str:
    """`Retention falls (next-day retention)`: the rules that cannot be judged, and what they lack, by their titles."""
    return _(", ").join(
        _("{rule} ({metrics})").format(
            rule=rules[rule], metrics=_(", ").join(str(definitions[name].title) for name in names)
        )
        for rule, names in unjudged.items()
    )


def teams(names: tuple[str, ...]) -> str:
    return _(", ").join(str(TEAMS[name]) for name in names)


def as_page(agenda: Agenda, dictionary: Dictionary, currency: str) -> str:
    """`agenda.html`: one column, readable at 390 px and on paper."""
    return render("playbooks", "agenda.html", **page_values(agenda, dictionary, currency))


def page_values(agenda: Agenda, dictionary: Dictionary, currency: str) -> dict[str, Any]:
    """What `agenda_parts.html` shows, in the reader's words. pictures: SVG by metric, beside its objective."""
    definitions = dictionary.definitions
    return {
        "agenda": agenda,
        "currency": currency,
        "starts": f"{agenda.starts_at:%Y-%m-%d %H:%M}",
        "zone": str(agenda.starts_at.tzinfo),
        "alert_sentences": {a.key: alert_sentence(a, definitions) for a in agenda.alerts},
        "objective_sentences": {r.objective.metric: kr_sentence(r, definitions) for r in agenda.objectives},
        "titles": {name: definitions[name].title for name in dictionary.ids},
        "ids": dictionary.ids,
        "lasted_sentences": {one.campaign: lasted_sentence(one) for one in agenda.lasted},
        "teams": teams,
        "lacking": lambda missing: lacking(missing, agenda.titles, definitions),
        "families": FAMILIES,
        "spoken": spoken,
        "percent": percent,
        "everybody": EVERYBODY,
        "figure": lambda value, metric: figure(value, metric, definitions),
        "interval": interval_words,
        "pictures": {},
    }


def agenda_json(agenda: Agenda, dictionary: Dictionary, inputs: dict[str, str]) -> dict[str, Any]:
    """`agenda.json`: the same, for machines."""
    return {
        "schema_version": 1,
        "meeting": agenda.meeting.id,
        "starts_at_utc": agenda.starts_at.astimezone(UTC).isoformat(),
        "newest_day": agenda.newest.isoformat() if agenda.newest else None,
        "alerts": [alert_json(alert, dictionary) for alert in agenda.alerts],
        "changes": [
            {"rule": c.rule, "split": c.split, "day": c.day.isoformat(), "fired": c.fired} for c in agenda.changes
        ],
        "channel_roi": [
            {"channel": c.channel, "family": c.family, "roi": c.roi, "roi_before": c.before, "spend": c.spend}
            for c in agenda.roi
        ],
        "churn_nodes": [
            {"channel": n.channel, "step": list(n.step), "ratio": n.ratio, "baseline_ratio": n.baseline_ratio,
             "lost": n.lost, "lost_orders": n.lost_orders, "value_lost": n.lost_value}
            for n in agenda.nodes
        ],
        "objectives": [
            {"metric": f"{r.objective.metric}@{dictionary.ids[r.objective.metric]}", "owners": list(r.objective.owners),
             "target": r.target, "at_most": r.at_most, "start": r.start, "now": r.now, "met": r.met,
             "progress_ratio": r.progress_ratio}
            for r in agenda.objectives
        ],
        "experiments": [
            {"id": e.experiment.id, "verdict": e.verdict, "winner": e.winner, "split_p": e.split_p}
            for e in agenda.experiments
        ],
        "joint_score": [
            {"channel": s.channel, "ltv": s.ltv, "roi": s.roi, "conversion": s.conversion, "score": s.score,
             "share": s.share, "next_share": s.next_share}
            for s in agenda.scores
        ],
        "lasting_peaks": [
            {"campaign": one.campaign, "kept_ratio": one.kept, "rise_kept_ratio": one.rise_kept, "lasted": one.lasted}
            for one in agenda.lasted
        ],
        "unjudged": {rule: list(names) for rule, names in agenda.missing.items()},
        "inputs": inputs,
    }  # fmt: skip


def alert_json(alert: Alert, dictionary: Dictionary) -> dict[str, Any]:
    """One alert with the id of the definition it is about."""
    return {
        "rule": alert.rule.id,
        "split": alert.split,
        "metric": f"{alert.rule.metric}@{dictionary.ids[alert.rule.metric]}",
        "level": alert.rule.level,
        "red": alert.red,
        "fired_on": alert.fired_on.isoformat(),
        "value": alert.value,
        "expected": alert.expected,
        "value_lost_per_day": alert.impact,
        "route": list(alert.rule.route),
        "due_on": alert.due_on.isoformat(),
        "action": alert.rule.action.en,
    }


def calendar_file(agenda: Agenda, zone: ZoneInfo, stamp: datetime) -> bytes:
    """`meeting.ics`: a newer file replaces the older."""
    event = meeting_event(agenda.meeting, agenda.starts_at, zone, calendar_lines(agenda))
    return calendar_of([event], zone, stamp, "meeting")


def meeting_event(meeting: Meeting, starts_at: datetime, zone: ZoneInfo, lines: Sequence[str] = ()) -> Event:
    """The standing meeting, weekly from its next date."""
    lasts = timedelta(minutes=meeting.minutes)
    event = appointment(f"meeting-{meeting.id}", str(meeting.title), starts_at, zone, lasts, busy=True)
    event.add("rrule", {"freq": "weekly", "byday": meeting.weekday})
    if lines:
        event.add("description", "\n".join(lines))
    return event


def calendar_lines(agenda: Agenda) -> list[str]:
    """The agenda in a few lines, for those who read only the invitation."""
    lines = [f"{alert.rule.title} · {alert.split}" for alert in agenda.alerts]
    lines += [f"{node.channel}: {node.step[0]} → {node.step[1]}" for node in agenda.nodes[:3]]
    return [_("Agenda: agenda.html beside this file"), *lines]
