"""Marketing's schedule sheet: one row per campaign or per action of one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from campaign.documents import Complaint
from campaign.language import Text, say
from campaign.plan import Channel, Observed, Owner, Plan, Send, Slot
from metrics.intake.headings import Headed
from metrics.intake.moments import LocalClock, read_moment, slashed_order
from metrics.intake.names import identifier, label
from metrics.intake.plan_figures import plan_figure
from metrics.intake.raw_tables import Row
from metrics.intake.records import Answers, Column, Findings, Recognised
from metrics.intake.timed_rows import TimedRow, TimeRoles
from metrics.intake.written_times import Calendar

KINDS = {
    "flagship": ("大促", "s级", "flagship", "年度"),
    "flash-sale": ("秒杀", "闪购", "限时", "flash"),
    "livestream-day": ("直播", "livestream", "live"),
    "coupon": ("发券", "领券", "coupon"),
    "brand-day": ("品牌日", "brand"),
    "member-day": ("会员日", "会员", "member"),
}
NAMES = ("channel", "room", "host")
UNNAMED_KIND = "unnamed"
LATIN_NAMES = {
    "双十一": "double11",
    "双11": "double11",
    "双十二": "double12",
    "双12": "double12",
    "年货节": "new-year-goods",
    "女神节": "womens-day",
    "妇女节": "womens-day",
    "黑五": "black-friday",
    "会员日": "member-day",
}
SENT = TimeRoles(("send_date",), ("send_at",))
AIRED = TimeRoles(("slot_date",), ("slot_starts", "slot_at"), ("slot_ends",))
TIMES = ("campaign_starts", "campaign_ends", "send_at", "slot_starts", "slot_ends", "observed_peak_at")
DRIVERS = {"audience": "audience", "discount": "discount_ratio", "coupons": "coupon_quantity"}
OBSERVED = {
    "observed_peak": "peak_requests_per_second",
    "observed_sessions": "sessions",
    "observed_orders": "orders",
    "observed_contacts": "contacts",
}
EXPECTED = {"expected_sessions": "sessions", "expected_orders": "orders"}


def recognise(table: Headed, answers: Answers, findings: Findings) -> Recognised | None:
    """A sheet with names, starts and ends of campaigns; None for other tables."""
    if not table.has("campaign", "campaign_starts"):
        return None
    table = table.as_plan()
    if answers.time_zone is None:
        what = say("its times have no offset (first: {time})", time=str(table.cell(table.rows[0], "campaign_starts")))
        findings.ask("--time-zone", what, table.place)
    answers = _with_order(table, answers, findings)
    clock = LocalClock(answers.time_zone) if answers.time_zone else None
    plans: dict[str, Plan] = {}
    notes: list[Text] = list(table.notes)
    for row in _filled(table):
        plan = _plan(table, row, clock, answers, findings, notes)
        if plan is not None:
            earlier = plans.get(plan.id)
            plans[plan.id] = _merged(earlier, plan) if earlier else plan
    return Recognised(
        table.place, "schedule", "plans", tuple(_columns(table)), plans=tuple(plans.values()), notes=tuple(notes)
    )


def _with_order(table: Headed, answers: Answers, findings: Findings) -> Answers:
    """Whether the day or the month comes first in `11/10/2026`: as the sheet's other dates show, else as answered."""
    order = slashed_order(table.cell(row, role) for row in table.rows for role in TIMES)
    if order == "unknown" and answers.day_first is None:
        first = str(table.cell(table.rows[0], "campaign_starts"))
        findings.ask(
            "--day-first|--month-first", say("{heading}: is the day first or the month?", heading=first), table.place
        )
        return replace(answers, day_first=True)
    return replace(answers, day_first=order) if isinstance(order, bool) else answers


def _filled(table: Headed) -> Iterator[Row]:
    """Rows with a campaign; a name merged over several rows stands in the first of them only."""
    carried: dict[str, object] = {}
    for number, cells in table.rows:
        filled = list(cells)
        for role in ("campaign", "campaign_starts", "campaign_ends", "campaign_kind"):
            at = table.roles.get(role)
            if at is None or at >= len(filled):
                continue
            if role == "campaign" and filled[at] not in (None, ""):
                carried = {}
            if filled[at] in (None, ""):
                filled[at] = carried.get(role)
            else:
                carried[role] = filled[at]
        if filled[table.roles["campaign"]] not in (None, ""):
            yield number, tuple(filled)


def _plan(
    table: Headed, row: Row, clock: LocalClock | None, answers: Answers, findings: Findings, notes: list[Text]
) -> Plan | None:
    name = str(table.cell(row, "campaign"))
    starts_at = _time(table, row, "campaign_starts", clock, answers)
    ends_at = _time(table, row, "campaign_ends", clock, answers, end_of_day=True)
    if starts_at is None or (ends_at is None and "campaign_ends" in table.roles):
        role = "campaign_starts" if starts_at is None else "campaign_ends"
        what = say("{name}: {heading} is no time", name=name, heading=table.heading(role))
        findings.problems.append(table.place.at(row[0]).problem(what, say("write it as 2026-11-10 20:00")))
        return None
    if ends_at is None:
        ends_at = starts_at + timedelta(days=1)
        notes.append(say("{name}: no end is given, so a day is assumed", name=name))
    try:
        return Plan(
            id=plan_id(name, starts_at),
            name=name,
            kind=kind_of(str(table.cell(row, "campaign_kind") or ""), name),
            starts_at=starts_at,
            ends_at=ends_at,
            owner=Owner(team="marketing", name=str(table.cell(row, "owner") or "")),
            drivers=dict(_figures(table, row, DRIVERS, findings)),
            channels=tuple(_channels(table, row, clock, answers, findings, notes, starts_at, ends_at)),
            expected=dict(_figures(table, row, EXPECTED, findings)),
            observed=_observed(table, row, clock, answers, findings),
        )
    except ValidationError as error:
        what = say("{name}: {reason}", name=name, reason=_reason(error))
        findings.problems.append(table.place.at(row[0]).problem(what, say("correct it in the sheet")))
        return None


def _reason(error: ValidationError) -> Text | str:
    detail = error.errors()[0]
    complaint = detail.get("ctx", {}).get("error")
    return complaint.what if isinstance(complaint, Complaint) else str(detail["msg"])


def _time(
    table: Headed, row: Row, role: str, clock: LocalClock | None, answers: Answers, *, end_of_day: bool = False
) -> datetime | None:
    cell = table.cell(row, role)
    moment = read_moment(cell, answers.day_first) if cell not in (None, "") else None
    if moment is None:
        return None
    dated = isinstance(cell, str) and not re.search(r"[:时点T]", cell)
    a_day = isinstance(cell, date) and (not isinstance(cell, datetime) or cell.time() == datetime.min.time())
    if end_of_day and (dated or a_day):
        moment += timedelta(days=1)
    return _instant(moment, f"{role}{row[0]}", clock)


def _instant(moment: datetime | None, key: str, clock: LocalClock | None) -> datetime | None:
    """Aware, in the zone that was answered; until one is, in UTC. `key`: see `LocalClock`."""
    if moment is None or clock is None:
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
    instant = clock.utc(moment, key)
    return instant.astimezone(clock.zone) if instant else None


def plan_id(name: str, starts_at: datetime) -> str:
    """`double11-2026-11-10` of 双11 开门红, `618-2026-05-31` of 618, `campaign-…` of a name without a Latin one."""
    latin = unicodedata.normalize("NFKC", name)
    for promotion, written in LATIN_NAMES.items():
        latin = latin.replace(promotion, f" {written} ")
    base = identifier(latin).lower().removesuffix(f"{starts_at.year}").strip("-._@")
    return f"{base or 'campaign'}-{starts_at:%Y-%m-%d}"


def kind_of(text: str, name: str) -> str:
    """The kind that a sheet's own word stands for; `unnamed` where it says nothing known."""
    for given in (text.lower(), name.lower()):
        for kind, signs in KINDS.items():
            if given and any(sign in given for sign in signs):
                return kind
    return identifier(text).lower() or UNNAMED_KIND


def _figures(table: Headed, row: Row, roles: dict[str, str], findings: Findings) -> Iterator[tuple[str, float]]:
    for role, name in roles.items():
        figure = plan_figure(table.heading(role), table.cell(row, role)) if role in table.roles else None
        if isinstance(figure, Text):
            what = say("{heading}: {what}", heading=table.heading(role), what=figure)
            findings.problems.append(table.place.at(row[0]).problem(what, say("correct it in the sheet")))
        elif figure is not None:
            yield name, figure


def _observed(
    table: Headed, row: Row, clock: LocalClock | None, answers: Answers, findings: Findings
) -> Observed | None:
    """What came, where the sheet tells it; the year before is often known from a slide alone."""
    figures = dict(_figures(table, row, OBSERVED, findings))
    if not figures:
        return None
    peak_at = _time(table, row, "observed_peak_at", clock, answers)
    source = f"{table.place.file} {table.place.sheet}".strip()
    return Observed(**figures, peak_at=peak_at, source=source)


def _channels(
    table: Headed,
    row: Row,
    clock: LocalClock | None,
    answers: Answers,
    findings: Findings,
    notes: list[Text],
    starts_at: datetime,
    ends_at: datetime,
) -> Iterator[Channel]:
    told = {role: role for role in ("reach", "spend", "open_ratio", "viewers")}
    figures = dict(_figures(table, row, told, findings))
    name = label(next((str(cell) for role in NAMES if (cell := table.cell(row, role)) not in (None, "")), ""))
    zone = clock.zone if clock else ZoneInfo("UTC")
    calendar = Calendar.of(table.headings, zone, starts_at, answers.day_first)
    timed = TimedRow(table, row, calendar, findings.problems, notes)
    if "reach" in figures:
        sent = _instant(timed.instant(SENT), f"sent{row[0]}", clock) if timed.says(SENT.begins) else None
        send = Send(at=sent or starts_at, reach=figures["reach"], open_ratio=figures.get("open_ratio"))
        yield Channel(name=name or "push", sends=(send,))
    if "viewers" in figures:
        yield Channel(name=name or "livestream", slots=(_slot(timed, clock, figures["viewers"], starts_at, ends_at),))
    if "spend" in figures:
        others = len({"reach", "viewers"} & set(figures)) and name
        yield Channel(name=f"{name}-spend" if others else name or "paid", spend=figures["spend"],
                      starts_at=starts_at, ends_at=ends_at)  # fmt: skip


def _slot(timed: TimedRow, clock: LocalClock | None, viewers: float, starts_at: datetime, ends_at: datetime) -> Slot:
    """A livestream; where its row gives no begin or no end of its own, the campaign's counts."""
    told = timed.stretch(AIRED) if timed.says((*AIRED.begins, *AIRED.ends)) else (None, None)
    begins, ends = (
        _instant(moment, f"{end}{timed.row[0]}", clock) for moment, end in zip(told, ("begins", "ends"), strict=True)
    )
    if begins and not ends:
        what = say("a livestream without an end is taken to last as long as its campaign")
        timed.notes.append(say("{place}: {what}", place=timed.place, what=what))
    return Slot(starts_at=begins or starts_at, ends_at=ends or ends_at, expected_viewers=viewers)


def _merged(one: Plan, other: Plan) -> Plan:
    """Two rows of one campaign: its channels together, each name once."""
    channels = list(one.channels)
    for channel in other.channels:
        names = {c.name for c in channels}
        number = next(n for n in range(1, 100) if (channel.name if n == 1 else f"{channel.name}-{n}") not in names)
        renamed = channel.name if number == 1 else f"{channel.name}-{number}"
        channels.append(channel.model_copy(update={"name": renamed}))
    return one.model_copy(update={"channels": tuple(channels), "drivers": {**other.drivers, **one.drivers}})


def _columns(table: Headed) -> Iterator[Column]:
    for role, meaning in MEANINGS.items():
        if role in table.roles:
            yield Column(table.heading(role), meaning)


MEANINGS = {
    "campaign": say("the campaign's name"),
    "campaign_starts": say("its start"),
    "campaign_ends": say("its end (a date alone includes that day)"),
    "campaign_kind": say("its kind"),
    "channel": say("the channel"),
    "reach": say("people reached by a message"),
    "send_date": say("the day it is sent"),
    "send_at": say("when the message is sent"),
    "open_ratio": say("share of them who open it"),
    "room": say("the channel"),
    "host": say("the channel"),
    "viewers": say("viewers expected of a livestream"),
    "slot_at": say("when the livestream begins and ends"),
    "slot_starts": say("when the livestream begins"),
    "slot_date": say("the livestream's day"),
    "slot_ends": say("when it ends"),
    "spend": say("money spent"),
    "audience": say("driver: audience"),
    "discount": say("driver: discount_ratio"),
    "coupons": say("driver: coupon_quantity"),
    "expected_sessions": say("expected sessions"),
    "expected_orders": say("expected orders"),
    "observed_peak": say("observed: peak requests per second"),
    "observed_peak_at": say("observed: when the peak was"),
    "observed_sessions": say("observed: sessions"),
    "observed_orders": say("observed: orders"),
    "observed_contacts": say("observed: contacts"),
    "owner": say("who answers for it"),
}
