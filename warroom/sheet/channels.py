"""Rows that name a channel: a send, a livestream, a stretch of spend, or several of them in one row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from campaign.errors import Problem
from campaign.language import Text, say
from metrics.intake.headings import Headed, families, plain
from metrics.intake.names import label
from metrics.intake.quantities import currency_in, unknown_unit
from metrics.intake.raw_tables import Row
from metrics.intake.timed_rows import TimeRoles
from warroom.plans.form import Row as Fields
from warroom.sheet.cells import Cells

NAMES = ("channel", "room", "host")
"""What a channel is called by, the first that a table has."""
FIGURES = {"sends": "reach", "slots": "viewers", "spends": "spend"}
"""The column that makes a table one of sends, livestreams or spend."""
FIGURE_ROLES = (*FIGURES.values(), "open_ratio", "per_second")
SENT = TimeRoles(("send_date", "date"), ("send_at", "time", "hour"))
AIRED = TimeRoles(
    ("slot_date", "date", "send_date"),
    ("slot_starts", "slot_at", "campaign_starts", "period", "send_at", "time", "hour"),
    ("slot_ends", "campaign_ends"),
)
SPENT = TimeRoles((), ("campaign_starts", "period"), ("campaign_ends",))
SENT_WITH_THE_START = TimeRoles((), ("campaign_starts",))
USED = frozenset(
    {*FIGURES.values(), "family", "open_ratio", "per_second", "lands_on", "campaign"}
    | {role for part in (SENT, AIRED, SPENT) for roles in (part.days, part.begins, part.ends) for role in roles}
)
MERGED = ("campaign", *NAMES, "send_date", "date", "slot_date")
"""Columns whose cells are merged over several rows, which leaves all but the first empty."""
DEFAULT_TITLE = re.compile(r"(sheet|工作表|表格?)\s*\d*|pasted cells", re.IGNORECASE)
SHORT_NAME = re.compile(r"\w[\w.@-]{0,99}")


def tells(table: Headed) -> bool:
    """Whether a table is one of channels."""
    return bool({"reach", "send_at", "viewers", "spend"} & set(table.roles)) and bool(named_by(table) or _title(table))


def named_by(table: Headed, *, titles_name: bool = False) -> str:
    """The column that names the channel; none where the sheet's title does, as where each channel has its sheet."""
    return next((role for role in NAMES if role in table.roles and not (titles_name and role == "host")), "")


def is_titled(table: Headed) -> bool:
    """Whether no column names a channel or a room, but the sheet has a name."""
    return tells(table) and not {"channel", "room"} & set(table.roles) and bool(_title(table))


def misread_headings(table: Headed, currency: str, problems: list[Problem]) -> bool:
    """Whether a heading names a unit that a plan does not count in; every one is a problem."""
    before = len(problems)
    for heading in (table.heading(role) for role in FIGURE_ROLES if role in table.roles):
        if unit := unknown_unit(heading):
            what = say("{heading}: {unit} is no unit that can be read", heading=heading, unit=unit)
            todo = say("write it as (万) or (%), or the figures in full")
            problems.append(table.place.problem(what, todo))
        elif (money := currency_in(heading)) not in ("", currency):
            what = say(
                "{heading} is in {money}, plans here are in {currency}", heading=heading, money=money, currency=currency
            )
            problems.append(table.place.problem(what, say("convert it in the sheet")))
    return len(problems) > before


def parts_told(table: Headed) -> frozenset[str]:
    """The sections of the form that the table has columns for."""
    return frozenset(part for part, role in FIGURES.items() if role in table.roles) | (
        {"sends"} if "send_at" in table.roles else set()
    )


def columns_left_out(table: Headed, named: str) -> list[str]:
    """Headings that no part of a plan answers to."""
    used = {table.roles[role] for role in (*USED, named) if role in table.roles}
    return [heading for at, heading in enumerate(table.headings) if heading and at not in used]


def channel_rows(rows: Iterable[Cells], named: str) -> Iterator[tuple[str, Fields]]:
    """Every row as (section of the form, its fields). Fields that the table has no column for are left out."""
    for cells in rows:
        channel = channel_name(cells.text(named)) if named else _title(cells.table)
        if channel:
            yield from _parts(cells, channel, named)


def channel_name(text: str) -> str:
    """As it is written where that is a name, else the name nearest to it."""
    return text if SHORT_NAME.fullmatch(text) else label(text)


def _title(table: Headed) -> str:
    title = table.place.sheet
    return "" if DEFAULT_TITLE.fullmatch(title) else channel_name(title)


def _parts(cells: Cells, channel: str, named: str) -> Iterator[tuple[str, Fields]]:
    table = cells.table
    figures = {part: cells.figure(role) for part, role in FIGURES.items()}
    landing = cells.texts("lands_on")
    found = 0
    if cells.text("viewers"):
        starts, ends = cells.begin_and_end(AIRED)
        slot = {"channel": channel, "starts_at": starts, "ends_at": ends, "expected_viewers": figures["slots"]}
        yield "slots", slot | landing
        found += 1
    sent = cells.says(SENT.begins) and not (found and not cells.text("reach"))
    if sent or (cells.text("reach") and not cells.text("spend")):
        roles = SENT if cells.says((*SENT.days, *SENT.begins)) else SENT_WITH_THE_START
        send = {"channel": channel, "at": cells.moment(roles), "reach": figures["sends"]}
        yield "sends", send | cells.figures("open_ratio", "per_second") | landing
        found += 1
    elif cells.text("reach"):
        what = say("{heading} without a time of sending is left out", heading=table.heading("reach"))
        cells.notes.append(say("{place}: {what}", place=cells.place, what=what))
    if cells.text("spend") or (not found and _is_a_channel(cells)):
        yield "spends", {"channel": channel, **_spent(cells, figures["spends"]), **landing}
        found += 1
    if not found:
        _missed(cells, named)


def _spent(cells: Cells, spend: str) -> Fields:
    told: Fields = {"spend": spend}
    if cells.table.has("family"):
        family = cells.text("family")
        told["family"] = families().get(plain(family), family)
    timed = {"campaign_starts", "campaign_ends", "period"} & set(cells.table.roles)
    if timed:
        told["starts_at"], told["ends_at"] = cells.begin_and_end(SPENT, whole_days=True)
    return told


def _is_a_channel(cells: Cells) -> bool:
    """A row of a table of channels alone, such as the plan's own sheet has, may say no more than its name."""
    return cells.table.has("family", "spend") and not ({"reach", "viewers"} & set(cells.table.roles))


def _missed(cells: Cells, named: str) -> None:
    if cells.table.has("viewers") and cells.says((*AIRED.begins, *AIRED.ends)):
        todo = say("write how many are expected, or - where nobody knows")
        cells.problem("viewers", say("is missing for {name}", name=cells.text(named) or cells.table.place.sheet), todo)
    else:
        what = say("says nothing of people reached, viewers or spend, left out")
        cells.notes.append(say("{place}: {what}", place=cells.place, what=what))


def merged_filled(table: Headed) -> Iterator[Row]:
    """Rows with what is merged over several of them written into each."""
    carried: dict[str, object] = {}
    for number, cells in table.rows:
        filled = list(cells)
        for role in MERGED:
            at = table.roles.get(role)
            if at is not None and at < len(filled):
                carried[role] = filled[at] = filled[at] if filled[at] not in (None, "") else carried.get(role)
        yield number, tuple(filled)


def of_campaign(table: Headed, names: Sequence[str], notes: list[Text], problems: list[Problem]) -> Headed:
    """The rows of this campaign, where a column names several."""
    if not table.has("campaign"):
        return table
    rows = list(merged_filled(table))
    told = {row[0]: _plain(table.cell(row, "campaign")) for row in rows}
    campaigns = {name for name in told.values() if name}
    if len(campaigns) < 2:
        return table
    ours = campaigns & {_plain(name) for name in names if name}
    if not ours:
        heading = table.heading("campaign")
        what = say("{heading} names {n} campaigns, none of them this one", heading=heading, n=len(campaigns))
        todo = say("write {name} beside its rows, or leave only these in the sheet", name=next(iter(names), ""))
        problems.append(table.place.problem(what, todo))
        return replace(table, rows=())
    others = [number for number, name in told.items() if name not in ours]
    notes.append(say("rows {rows} are of other campaigns and left out", rows=", ".join(map(str, others))))
    return replace(table, rows=tuple(row for row in rows if told[row[0]] in ours))


def _plain(name: object) -> str:
    return re.sub(r"[\s_-]+", "", str(name or "")).lower()


def unified(rows: Sequence[Fields], names: Sequence[str]) -> list[Fields]:
    """Rows with their channels as `names` write them, else as the sheet first does: capitals make no other channel."""
    called = {name.lower(): name for name in reversed(names)}
    made = []
    for row in rows:
        name = row["channel"]
        made.append(row if name in names else row | {"channel": called.setdefault(name.lower(), name)})
    return made
