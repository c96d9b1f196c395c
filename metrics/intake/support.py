"""Session and ticket reports of support systems: contacts per desk and what the bot took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from campaign.language import say
from metrics.intake.business import WHEN
from metrics.intake.contacts import SERVED, STATES, contact_key, desk_and_intent
from metrics.intake.headings import Headed
from metrics.intake.names import identifier
from metrics.intake.records import Answers, Buckets, Column, Findings, Reading, Recognised
from metrics.intake.series import DAY_SECONDS, HOUR_SECONDS, Figures, Times, bucketed

DESKS = {
    "chat": ("在线", "chat", "im", "会话", "网页", "app客服", "webchat", "messaging", "live chat"),
    "phone": ("电话", "热线", "phone", "voice", "call", "呼叫", "语音"),
    "ticket": ("工单", "ticket", "邮件", "email", "mail", "留言"),
}
HALF_HOUR = HOUR_SECONDS // 2
SIGNS = ("contacts", "desk", *SERVED, "bot_handled", "bot_resolved", "handle_seconds")


def recognise(table: Headed, answers: Answers, findings: Findings) -> Recognised | None:
    """A table of times beside contacts, or of one contact a row; None for other tables."""
    if table.has("contact_id") and (table.has("contact_starts") or table.has("time")):
        return _listed(table, answers, findings)
    if not any(role in table.roles for role in WHEN):
        return None
    sessions_of_desks = "sessions" in table.roles and any(role in table.roles for role in SIGNS[1:])
    counted = "contacts" if "contacts" in table.roles else "sessions" if sessions_of_desks else None
    served = _served(table, counted, answers, findings)
    if counted is None:
        columns = _columns(table, SERVED[0])
        return Recognised(table.place, "support", "contacts", columns, tuple(served)) if served else None
    times, figures = Times(table, answers, findings), Figures(table, findings)
    measures = [counted, *(role for role in ("bot_handled", "bot_resolved") if role in table.roles)]
    sums: dict[str, dict[tuple[object, str], list[float]]] = {role: defaultdict(list) for role in measures}
    rows: dict[tuple[object, str], int] = {}
    for row in table.rows:
        key = contact_key(desk_of(table, row), str(table.cell(row, "intent") or "").strip())
        at = times.of(row, f"{key}/{table.cell(row, 'desk') or ''}")
        for role in measures:
            value = figures.of(row, table.roles[role])
            if at is not None and value is not None:
                sums[role][at, key].append(value)
                rows.setdefault((at, key), row[0])
    seconds = _seconds(table)
    parts: list[Buckets] = []
    notes = [*table.notes, *times.close(), *figures.close()]
    for role in measures:
        readings = [Reading(at, key, sum(v), rows[at, key]) for (at, key), v in sums[role].items()]  # type: ignore[arg-type]
        measure = "contacts" if role == counted else role
        found, more = bucketed(measure, readings, table.place, findings, sums=True, seconds=seconds)
        parts += [found] if found else []
        notes += [note for note in more if note not in notes]
    every = (*parts, *served)
    return Recognised(table.place, "support", "contacts", _columns(table, counted), every, notes=tuple(notes))


def _served(table: Headed, counted: str | None, answers: Answers, findings: Findings) -> list[Buckets]:
    """How desks served, where a report of desks says how many were served in time, gave up, wait or answer; what was
    offered is its column of that name, else its contacts. A report by intent says it of no desk."""
    told = [role for role in SERVED[1:] if role in table.roles]
    offered = SERVED[0] if SERVED[0] in table.roles else counted
    if not told or offered is None or "intent" in table.roles:
        return []
    times, figures = Times(table, answers, findings), Figures(table, findings)
    columns: dict[str, str] = {SERVED[0]: offered, **{role: role for role in told}}
    readings: dict[str, list[Reading]] = {measure: [] for measure in columns}
    for row in table.rows:
        desk = desk_of(table, row)
        at = times.of(row, f"{desk}/{table.cell(row, 'desk') or ''}")
        for measure, role in columns.items():
            value = figures.of(row, table.roles[role])
            if at is not None and value is not None:
                readings[measure].append(Reading(at, desk, value, row[0]))
    figures.close()
    if counted is None:
        times.close()
    found = []
    for measure, read in readings.items():
        added: dict[tuple[datetime, str], Reading] = {}
        for one in read:  # groups of one desk add up
            before = added.get((one.at, one.key))
            added[one.at, one.key] = one if before is None else replace(before, value=before.value + one.value)
        sums, seconds = measure not in STATES, _seconds(table)
        buckets, _ = bucketed(measure, added.values(), table.place, findings, sums=sums, seconds=seconds)
        found += [buckets] if buckets else []
    return found


def _listed(table: Headed, answers: Answers, findings: Findings) -> Recognised:
    """One row per contact, counted by half-hour; between the first and the last, a half-hour without any is zero."""
    starts = table.roles.get("contact_starts", table.roles.get("time", 0))
    times = Times(replace(table, roles={**table.roles, "time": starts}), answers, findings)
    seen: set[object] = set()
    counts: Counter[tuple[str, int]] = Counter()
    for row in table.rows:
        number = table.cell(row, "contact_id")
        at = times.of(row, str(number))
        if at is not None and (number in (None, "") or number not in seen):
            seen.add(number)
            key = contact_key(desk_of(table, row), str(table.cell(row, "intent") or "").strip())
            counts[key, int(at.timestamp()) // HALF_HOUR * HALF_HOUR] += 1
    values = {at: float(count) for at, count in counts.items()} | _quiet(counts)
    columns = (
        Column(table.heading("contact_id"), say("one row per contact, counted by half-hour")),
        Column(table.headings[starts], say("when it began")),
        *(column for column in _columns(table, "contacts") if column.heading != table.headings[starts]),
    )
    buckets = (Buckets("contacts", HALF_HOUR, values),) if values else ()
    return Recognised(table.place, "support", "contacts", columns, buckets, notes=(*table.notes, *times.close()))


def _quiet(counts: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], float]:
    """Zero for each half-hour in which a desk had nothing, between its first contact and its last."""
    busy: dict[str, set[int]] = defaultdict(set)
    for key, at in counts:
        busy[desk_and_intent(key)[0]].add(at)
    return {
        (desk, at): 0.0
        for desk, starts in busy.items()
        for at in range(min(starts), max(starts), HALF_HOUR)
        if at not in starts
    }


def desk_of(table: Headed, row: tuple[int, tuple[object, ...]]) -> str:
    """The desk that a row belongs to: chat, phone or ticket where its name tells, else its name."""
    name = str(table.cell(row, "desk") or table.cell(row, "channel") or "")
    for text in (name.lower(), table.place.sheet.lower(), table.place.file.lower()):
        for desk, signs in DESKS.items():
            if text and any(sign in text for sign in signs):
                return desk
        if text and text == name.lower() and identifier(name):
            return identifier(name)
    return "support"


def _seconds(table: Headed) -> int | None:
    if "date_hour" in table.roles or table.has("date", "hour"):
        cells = [str(table.cell(row, "hour") or "") for row in table.rows[:200]]
        return HALF_HOUR if any(":30" in cell.split("-")[0].split("~")[0] for cell in cells) else HOUR_SECONDS
    return DAY_SECONDS if "date" in table.roles and "time" not in table.roles else None


def _columns(table: Headed, counted: str) -> tuple[Column, ...]:
    meanings = {
        counted: say("contacts per bucket"),
        "desk": say("the desk"),
        "intent": say("what it was about, kept as intent"),
        "bot_handled": say("contacts that the bot answered first"),
        "bot_resolved": say("contacts that the bot settled"),
        "contacts_offered": say("contacts that wanted a person"),
        "contacts_in_time": say("of these, served in time"),
        "contacts_abandoned": say("of these, gave up waiting"),
        "contacts_waiting": say("who waited at the bucket's end"),
        "agents_logged_in": say("people signed in and taking contacts"),
        "handle_seconds": say("average handling time (put it into desks: handle_seconds)"),
        **dict.fromkeys(WHEN, say("time, the bucket's start")),
        "hour": say("hour of the day"),
    }
    return tuple(Column(table.heading(role), meaning) for role, meaning in meanings.items() if role in table.roles)
