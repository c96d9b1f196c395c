"""Session and ticket reports of support systems: contacts per desk and what the bot took."""

from __future__ import annotations

from collections import defaultdict

from campaign.language import say
from metrics.intake.business import WHEN
from metrics.intake.contacts import contact_key
from metrics.intake.headings import Headed
from metrics.intake.names import identifier
from metrics.intake.records import Answers, Buckets, Column, Findings, Reading, Recognised
from metrics.intake.series import DAY_SECONDS, HOUR_SECONDS, Figures, Times, bucketed

DESKS = {
    "chat": ("在线", "chat", "im", "会话", "网页", "app客服", "webchat", "messaging", "live chat"),
    "phone": ("电话", "热线", "phone", "voice", "call", "呼叫", "语音"),
    "ticket": ("工单", "ticket", "邮件", "email", "mail", "留言"),
}
SIGNS = ("contacts", "desk", "bot_handled", "bot_resolved", "handle_seconds")


def recognise(table: Headed, answers: Answers, findings: Findings) -> Recognised | None:
    """A table of times beside contacts; None for other tables."""
    if not any(role in table.roles for role in WHEN):
        return None
    sessions_of_desks = "sessions" in table.roles and any(role in table.roles for role in SIGNS[1:])
    counted = "contacts" if "contacts" in table.roles else "sessions" if sessions_of_desks else None
    if counted is None:
        return None
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
    return Recognised(table.place, "support", "contacts", _columns(table, counted), tuple(parts), notes=tuple(notes))


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
        return HOUR_SECONDS // 2 if any(":30" in cell.split("-")[0].split("~")[0] for cell in cells) else HOUR_SECONDS
    return DAY_SECONDS if "date" in table.roles and "time" not in table.roles else None


def _columns(table: Headed, counted: str) -> tuple[Column, ...]:
    meanings = {
        counted: say("contacts per bucket"),
        "desk": say("the desk"),
        "intent": say("what it was about, kept as intent"),
        "bot_handled": say("contacts that the bot answered first"),
        "bot_resolved": say("contacts that the bot settled"),
        "handle_seconds": say("average handling time (put it into desks: handle_seconds)"),
        **dict.fromkeys(WHEN, say("time, the bucket's start")),
        "hour": say("hour of the day"),
    }
    return tuple(Column(table.heading(role), meaning) for role, meaning in meanings.items() if role in table.roles)
