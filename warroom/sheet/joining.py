"""A sheet's rows put into the form: the sheet decides for the channels it names, the plan keeps everything else."""

from __future__ import annotations

from dataclasses import replace

from warroom.plans.form import Entries, Row
from warroom.sheet.reading import SheetRows

KEPT_FROM_PLAN = {"sends": ("channel", "at"), "spends": ("channel",)}


def joined(entries: Entries, sheet: SheetRows) -> Entries:
    """The form with the sheet's rows; what it has no column for (pace, landing, family) stays as the plan has it."""
    rows = dict(entries.rows)
    sheet = _called(
        sheet, {row["channel"].lower(): row["channel"] for own in rows.values() for row in own if "channel" in row}
    )
    rows["sends"] = _joined(entries.rows.get("sends", []), sheet.sends, sheet.channels, KEPT_FROM_PLAN["sends"])
    told = frozenset(row["channel"] for row in sheet.spends)
    rows["spends"] = _joined(entries.rows.get("spends", []), sheet.spends, told, KEPT_FROM_PLAN["spends"])
    return replace(entries, rows=rows)


def _called(sheet: SheetRows, names: dict[str, str]) -> SheetRows:
    """The sheet's channels as the plan writes them: capitals make no other channel."""

    def called(rows: list[Row]) -> list[Row]:
        return [row | {"channel": names.get(row["channel"], row["channel"])} for row in rows]

    return replace(sheet, sends=called(sheet.sends), spends=called(sheet.spends))


def _joined(ours: list[Row], theirs: list[Row], channels: frozenset[str], identity: tuple[str, ...]) -> list[Row]:
    known = {_key(row, identity): row for row in ours}
    kept = [row for row in ours if row.get("channel") not in channels]
    return [*kept, *(known.get(_key(row, identity), {}) | {k: v for k, v in row.items() if v} for row in theirs)]


def _key(row: Row, identity: tuple[str, ...]) -> tuple[str, ...]:
    """Minutes written with and without their seconds are the same."""
    values = (row.get(name, "") for name in identity)
    return tuple(v.removesuffix(":00") if len(v) > len("2026-11-10T20:00") else v for v in values)
