"""Sources whose rows end long before they should: what is made from them rests on older knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from campaign.language import Text, say
from campaign.workspace import Workspace
from metrics.sources.kept import Ledger, SourceState, read_ledger
from metrics.sources.pull import allowed_seconds
from metrics.sources.records import Source, sources_of


def _last_pull(ledger: Ledger) -> datetime | None:
    return max((state.pulled_until_utc for state in ledger.sources.values() if state.pulled_until_utc), default=None)


def behind_notes(workspace: Workspace, moment: datetime | None = None) -> list[Text]:
    """A sentence for each source that tells nothing up to `moment` (default: the latest pull), less what it usually
    takes; silence of a source that was never pulled is said where any other was. A folder of files is never late."""
    ledger = read_ledger(workspace.folder)
    last = moment or _last_pull(ledger)
    if last is None or not ledger.sources:
        return []
    sources = [source for source in sources_of(workspace.settings) if source.kind != "drop"]
    return [note for source in sources for note in _behind(workspace, source, ledger.sources.get(source.name), last)]


def _behind(workspace: Workspace, source: Source, state: SourceState | None, last: datetime) -> Iterator[Text]:
    until = state.final_until_utc if state else None
    if state is None or until is None:
        yield say("{source}: no rows ever came ({measure})", source=source.name, measure=source.measure)
    elif (last - until).total_seconds() > allowed_seconds(state.lateness_seconds):
        local = f"{until.astimezone(workspace.settings.zone):%Y-%m-%d %H:%M}"
        yield say(
            "{source}: no final rows after {until} ({measure})",
            source=source.name,
            until=local,
            measure=source.measure,
        )
