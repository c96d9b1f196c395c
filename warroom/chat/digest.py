"""One digest each working day from D-28: what is due, overdue and open again, and who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from holidays import country_holidays

from campaign.language import Text, say
from campaign.numbers import local_minute
from campaign.plan import Plan
from campaign.readiness import Checklist, Item
from campaign.settings import Settings
from campaign.store.events import Event
from playbooks.readiness.labels import ROLE_LABELS
from warroom.refresh.due import FROM_DAYS

KIND = "digest"
AT = time(9, 37)  # after people have come, and not at the half hour, when every bot speaks
DUE_WITHIN = timedelta(days=2)
ESCALATED_AFTER = timedelta(days=1)
LINES_MAX = 20


def digest_due(plan: Plan, settings: Settings, events: Sequence[Event], now: datetime) -> str | None:
    """The day (as the digest is kept in the log) whose digest is to be sent now; None where none is."""
    local = now.astimezone(settings.zone_of(plan))
    day = local.date()
    if not now < plan.starts_at <= now + timedelta(days=FROM_DAYS) or local.time() < AT:
        return None
    calendar = country_holidays(settings.country, years=day.year) if settings.country else {}
    if day.weekday() >= 5 or day in calendar:
        return None
    told = any(e.kind == KIND and e.campaign == plan.id and e.subject == day.isoformat() for e in events)
    return None if told else day.isoformat()


def digest(checklist: Checklist, plan: Plan, zone: ZoneInfo, now: datetime, link: str = "") -> tuple[Text, list[Text]]:
    """Title and lines; no lines where nothing is left that somebody must be told."""
    left = [item for item in checklist.items if not item.done]
    again = [item for item in left if item.state in ("stale", "fail")]
    overdue = [item for item in left if item.overdue and item not in again]
    due = [item for item in left if item not in (*again, *overdue) and item.due_at_utc <= now + DUE_WITHIN]
    days = (plan.starts_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    title = _title(plan, days, len(left))
    lines = [
        *(say("open again: {item}", item=_line(item, zone, now, link)) for item in again),
        *(say("overdue: {item}", item=_line(item, zone, now, link)) for item in overdue),
        *(say("due: {item}", item=_line(item, zone, now, link)) for item in due),
    ]
    if len(lines) > LINES_MAX:
        lines = [*lines[:LINES_MAX], say("and {n} more", n=len(lines) - LINES_MAX)]
    return title, lines


def _line(item: Item, zone: ZoneInfo, now: datetime, link: str) -> Text:
    """The item, when it was due, who is asked; a day late, the commander too."""
    who = say("@{role}", role=ROLE_LABELS[item.owner])
    if now - item.due_at_utc > ESCALATED_AFTER and item.owner != "commander":
        who = say("@{role} @{commander}", role=ROLE_LABELS[item.owner], commander=ROLE_LABELS["commander"])
    at = local_minute(item.due_at_utc, zone)
    address = f" {link}/{item.id}" if link else ""
    return say("{title} ({at}) {who}{address}", title=item.title, at=at, who=who, address=address)


def _title(plan: Plan, days: int, left: int) -> Text:
    if days < 1:
        return say("{plan}: today, {n} items open", plan=plan.title, n=left)
    if days == 1:
        return say("{plan}: tomorrow, {n} items open", plan=plan.title, n=left)
    return say("{plan}: {days} days left, {n} items open", plan=plan.title, days=days, n=left)
