"""roster.xlsx: one sheet per desk that a support lead can edit and hand back, and the half-hours behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.language import _
from campaign.spreadsheets import Sheet, Value, write_workbook
from playbooks.staffing.desk import definition_in_words, promise_in_words
from playbooks.staffing.plan import DeskPlan, StaffingPlan
from playbooks.staffing.planning import DeskFigures, span


def write_roster(path: Path, figures: Sequence[DeskFigures], plan: StaffingPlan, zone: str) -> None:
    """The workbook: summary, one roster per desk (its name is the sheet's), what the plan says, levels, half-hours."""
    local = ZoneInfo(zone)
    sheets = [_summary(plan, local)]
    sheets += [_shifts(desk, local) for desk in plan.desks]
    sheets += [_said(plan), _levels(plan)]
    sheets += [_half_hours(one, local) for one in figures]
    sheets.append(Sheet(_("assumptions"), [_("assumption")], [[str(text)] for text in plan.assumptions]))
    write_workbook(path, sheets)


def _summary(plan: StaffingPlan, zone: ZoneInfo) -> Sheet:
    headings = [
        _("desk"), _("peak half-hour"), _("contacts at the peak, half of campaigns stay below"),
        _("contacts at the peak, nine of ten campaigns stay below"), _("people needed"), _("people rostered"),
        _("what asks for them"), _("service level at the peak"), _("worst service level"), _("paid hours"),
        _("of these overtime"), _("missing hours"), _("bridged by"), _("promised"), _("service level counts"),
    ]  # fmt: skip
    rows: list[list[Value]] = [
        [
            desk.desk, _local(desk.peak.starts_at_utc, zone), round(desk.peak.contacts_p50),
            round(desk.peak.contacts_p90), desk.peak.agents_required, round(desk.peak.agents_rostered, 1),
            binding_in_words(desk.peak.binding), round(desk.peak.service_level_ratio, 3),
            None if desk.worst_service_level_ratio is None else round(desk.worst_service_level_ratio, 3),
            round(desk.paid_hours, 1), round(desk.overtime_hours, 1), round(desk.shortage.agent_hours, 1),
            "; ".join(map(str, desk.shortage.bridged_by)), promise_in_words(desk.target.ratio, desk.target.seconds),
            str(definition_in_words(desk.target.definition)),
        ]
        for desk in plan.desks
    ]  # fmt: skip
    for more_headings, cells in _against(plan):
        blank = len(headings) - 1
        rows += [[desk, *[None] * blank] for desk in cells if desk not in {row[0] for row in rows}]
        headings += more_headings
        for row in rows:
            row.extend(cells.get(str(row[0]), [None] * len(more_headings)))
    return Sheet(_("summary"), headings, rows)


def _against(plan: StaffingPlan) -> Iterator[tuple[list[str], dict[str, list[Value]]]]:
    """Columns that compare with earlier plans, and their cells by desk."""
    if plan.changes:
        yield (
            [_("people needed, plan before"), _("paid hours, plan before"), _("seats to order"), _("seats to cancel")],
            {
                one.desk: [one.peak_agents_before, round(one.paid_hours_before, 1), one.seats_to_order,
                           one.seats_to_cancel]
                for one in plan.changes.desks
            },
        )  # fmt: skip
    if plan.since_order:
        yield (
            [_("seats ordered"), _("seats needed now"), _("to order since the order"), _("to cancel since the order")],
            {
                one.desk: [one.seats_before, one.seats, one.seats_to_order, one.seats_to_cancel]
                for one in plan.since_order.desks
            },
        )


def binding_in_words(binding: str) -> str:
    return {
        "service_level": _("service level"),
        "abandonment": _("abandonment"),
        "occupancy": _("occupancy"),
        "deadline": _("deadline"),
        "none": "",
    }[binding]


def _shifts(desk: DeskPlan, zone: ZoneInfo) -> Sheet:
    headings = [_("day"), _("shift"), _("starts"), _("ends"), _("break starts"), _("break, minutes"), _("agents"),
                _("overtime in it, hours")]  # fmt: skip
    rows: list[list[Value]] = [
        [
            f"{_local(one.starts_at_utc, zone):%Y-%m-%d}", one.shift, _local(one.starts_at_utc, zone),
            _local(one.ends_at_utc, zone),
            None if one.break_starts_at_utc is None else _local(one.break_starts_at_utc, zone), one.break_minutes,
            one.agents, one.overtime_hours,
        ]
        for one in desk.shifts
    ]  # fmt: skip
    return Sheet(desk.desk, headings, rows)


def _said(plan: StaffingPlan) -> Sheet:
    rows: list[list[Value]] = [[desk.desk, str(text)] for desk in plan.desks for text in desk.sentences]
    for against in (plan.changes, plan.since_order):
        rows += [["", str(text)] for text in against.sentences] if against else []
    return Sheet(_("what the plan says"), [_("desk"), _("what the plan says")], rows)


def _levels(plan: StaffingPlan) -> Sheet:
    headings = [_("desk"), _("level"), _("when"), _("what is done then")]
    rows: list[list[Value]] = [
        [desk.desk, one.level, str(one.when), str(one.action)] for desk in plan.desks for one in desk.triggers
    ]
    return Sheet(_("levels on the day"), headings, rows)


def _half_hours(figures: DeskFigures, zone: ZoneInfo) -> Sheet:
    headings = [
        _("starts"), _("contacts, half of campaigns stay below"), _("contacts, nine of ten campaigns stay below"),
        _("of these for people"), _("people needed"), _("people rostered"), _("what asks for them"), _("service level"),
        _("given up"), _("come again"), _("occupancy"), _("mean wait, seconds"), _("oldest ticket, hours"),
    ]  # fmt: skip
    again = figures.redials
    rows: list[list[Value]] = [
        [
            _local(span(figures.clock, i)[0], zone), round(float(figures.contacts_p50[i]), 1),
            round(float(figures.contacts_p90[i]), 1), round(float(figures.human_p90[i]), 1), int(figures.required[i]),
            round(float(figures.rostered[i]), 1), binding_in_words(str(figures.binding[i])),
            _number(figures.level_ratio[i], 3), _number(figures.abandoned_ratio[i], 3), _number(again[i], 1),
            _number(figures.occupancy_ratio[i], 3), _number(figures.wait_seconds[i], 1),
            _number(figures.oldest_hours[i], 1),
        ]
        for i in range(len(figures.required))
        if figures.open[i]
    ]  # fmt: skip
    return Sheet(_("{desk} by half-hour").format(desk=figures.ready.name[:18]), headings, rows)


def _number(value: float, digits: int) -> Value:
    """The number, or an empty cell where there is none."""
    number = float(value)
    return None if number != number else round(number, digits)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
