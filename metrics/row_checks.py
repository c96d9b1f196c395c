"""Rows of event tables that cannot be meant: a negative spend is refused, an act before its campaign is marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.definitions import MONEY, Definition
from metrics.faults import Fault
from metrics.sql import quoted
from metrics.tables import Opened, Source, first_row

ADS = "ads"
CURRENCY = "currency"


def row_faults(
    opened: Opened, definitions: Mapping[str, Definition], starts: Mapping[str, datetime]
) -> list[tuple[str, Fault]]:
    """What is marked about the rows, with the file; `starts` gives each campaign's begin.

    Raises:
        UserError: negative spends or counts of ads, amounts in another currency; each with its definition, file, row.
    """
    checks = (_negatives, _other_currencies)
    problems = [
        p for name, definition in definitions.items() for check in checks for p in check(opened, name, definition)
    ]
    if problems:
        raise UserError(problems)
    return [fault for source in opened.sources.values() for fault in _before_their_campaign(opened, source, starts)]


def _negatives(opened: Opened, name: str, definition: Definition) -> Iterator[Problem]:
    source = opened.sources.get(definition.table or "")
    column = definition.value or ""
    if definition.table != ADS or source is None or column not in source.columns:
        return
    condition = f"TRY_CAST({quoted(column)} AS DOUBLE) < 0"
    counted = opened.connection.execute(f"SELECT count(*) FROM {quoted(ADS)} WHERE {condition}").fetchone()
    if counted and counted[0]:
        file, line = first_row(opened.connection, source, condition)
        spend = definition.unit.startswith(MONEY)
        kind = say("negative spends") if spend else say("negative values")
        todo = say("send the credit as its own row of refunds, not as spend") if spend else None
        what = say("{count} × {what}", count=counted[0], what=kind)
        yield Problem(what, todo, file=file, line=line, key=f"metrics.{name}")


def _other_currencies(opened: Opened, name: str, definition: Definition) -> Iterator[Problem]:
    source = opened.sources.get(definition.table or "")
    if definition.currency is None or source is None or CURRENCY not in source.columns:
        return
    condition = f"upper(CAST({CURRENCY} AS VARCHAR)) <> '{definition.currency.upper()}'"
    counted = opened.connection.execute(f"SELECT count(*) FROM {quoted(source.table)} WHERE {condition}").fetchone()
    if counted and counted[0]:
        file, line = first_row(opened.connection, source, condition)
        kind = say("amounts in another currency than {currency}", currency=definition.currency)
        what = say("{count} × {what}", count=counted[0], what=kind)
        yield Problem(what, say("convert them before they are sent"), file=file, line=line, key=f"metrics.{name}")


def _before_their_campaign(
    opened: Opened, source: Source, starts: Mapping[str, datetime]
) -> Iterator[tuple[str, Fault]]:
    if "campaign" not in source.columns:
        return
    for campaign, start in sorted(starts.items()):
        name = campaign.replace("'", "''")
        begin = start.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
        condition = f"CAST(campaign AS VARCHAR) = '{name}'"
        counted = opened.connection.execute(
            f"SELECT count(*) FROM {quoted(source.table)} WHERE {condition} AND at_utc < TIMESTAMP '{begin}'"
        ).fetchone()
        if counted and counted[0]:
            time = f"TRY_CAST({quoted(source.time)} AS TIMESTAMPTZ)"
            early = f"{condition} AND {time} < TIMESTAMPTZ '{begin}+00'"
            file, line = first_row(opened.connection, source, early)
            what = say("rows of {campaign} from before it starts", campaign=campaign)
            todo = say("correct their campaign, or the plan's starts_at")
            fault = Fault("W_EARLY", say("{count} × {what}", count=counted[0], what=what), todo, source.table, line)
            yield file, fault
