"""Attribution carried out: the channel of an act is that of its first or last touch, as its definition says.

Only where the data hold touches; elsewhere a split by channel is by the table's own column. Linear and position-based
credit give one act to several channels: `metrics attribution` shows them, a value per channel cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from metrics.analysis.touches import TOUCHES, has_touches, load_touches
from metrics.definitions import Attribution, Definition
from metrics.sql import quoted
from metrics.tables import Opened, as_codes

CHANNEL, USER, ORGANIC = "channel", "user_id", "organic"
SINGLE_TOUCH = ("first", "last")


def credited(opened: Opened, definitions: Mapping[str, Definition], data: Path) -> tuple[Opened, dict[str, Definition]]:
    """The definitions with a touch's channel, on tables of their own, and the tables.

    Raises:
        UserError: touches that cannot be read.
    """
    wanted = {name: d for name, d in definitions.items() if _may(d, opened)}
    if not wanted or not has_touches(data):
        return opened, {}
    load_touches(opened.connection, data)
    newest, changed = dict(opened.newest), dict[str, Definition]()
    for name, definition in wanted.items():
        assert definition.attribution
        assert definition.table
        table = (
            f"{definition.table} by {definition.attribution.model} touch in {definition.attribution.window_hours:g} h"
        )
        if table not in newest:
            _make(opened, table, definition.table, definition.attribution)
            newest[table] = newest[definition.table]
        changed[name] = definition.model_copy(update={"table": table})
    return replace(opened, newest=newest), changed


def _may(definition: Definition, opened: Opened) -> bool:
    source = opened.sources.get(definition.table or "")
    single = definition.attribution is not None and definition.attribution.model in SINGLE_TOUCH
    return single and source is not None and {CHANNEL, USER} <= set(source.columns)


def _make(opened: Opened, table: str, source: str, attribution: Attribution) -> None:
    """The source's rows with the touch's channel in place of their own."""
    order = "t.at_utc DESC, t.channel" if attribution.model == "last" else "t.at_utc, t.channel"
    window = f"INTERVAL '{attribution.window_hours:g} hours'"
    opened.connection.execute(f"""
        CREATE TEMP TABLE {quoted(table)} AS
        WITH acts AS (SELECT row_number() OVER () AS _act, * FROM {quoted(source)}),
        met AS (
            SELECT a._act, t.channel AS met FROM acts AS a JOIN {TOUCHES} AS t
            ON t.user_id = CAST(a.{USER} AS VARCHAR) AND t.at_utc <= a.at_utc AND t.at_utc >= a.at_utc - {window}
            QUALIFY row_number() OVER (PARTITION BY a._act ORDER BY {order}) = 1
        )
        SELECT a.* EXCLUDE (_act, {CHANNEL}), coalesce(m.met, '{ORGANIC}') AS {CHANNEL}
        FROM acts AS a LEFT JOIN met AS m USING (_act)
    """)
    as_codes(opened.connection, table, CHANNEL)
