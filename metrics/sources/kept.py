"""Pulled rows as files: one CSV a month and source, rows in time order, and a ledger of what is final.

`history/<measure>-<source>-<year>-<month>.csv` and `history/pulled.json`; both are replaced whole, one pull at a time.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from campaign.documents import FileRecord, read_json
from campaign.errors import Problem, UserError
from campaign.files import unwritable, write_json, write_text
from campaign.language import say
from metrics.sources.records import AnySource, Batch, Key

LEDGER = "history/pulled.json"
SAME_RATIO = 1e-6
FORGETFUL = ("drop", "webhook")
"""Folders are tidied up and inboxes emptied: a row that they tell no more is not taken back."""

Change = tuple[Key, tuple[float, ...] | None, tuple[float, ...] | None]
"""A row, what is kept of it and what is told."""
Rows = dict[tuple[int | str, ...], tuple[float, ...]]


class SourceState(FileRecord):
    """How far a source has been pulled.

    asked_from_utc: the earliest time it was asked for. final_until_utc: rows before it do not change any more.
    pulled_until_utc: how far the last pull asked. looked_until_utc: how far the other look at final rows has got.
    lateness_seconds: how long after its time a row of this source was seen to change or to come.
    """

    asked_from_utc: AwareDatetime | None = None
    final_until_utc: AwareDatetime | None = None
    pulled_until_utc: AwareDatetime | None = None
    looked_until_utc: AwareDatetime | None = None
    lateness_seconds: float


class Ledger(FileRecord):
    """`history/pulled.json`."""

    schema_version: Literal[1] = 1
    sources: dict[str, SourceState] = {}


@dataclass(frozen=True)
class Difference:
    """A final row that a source tells otherwise now; `told` is None where it does not tell the row any more."""

    key: Key
    kept: tuple[float, ...]
    told: tuple[float, ...] | None


@dataclass(frozen=True)
class Changes:
    """What a batch does to the rows that are kept.

    added: new rows; revised: rows that were preliminary; refused, accepted: final rows that the source tells otherwise
    now, kept as they were or changed. oldest_late: the earliest start among rows that changed, or came, after they had
    been asked for.
    """

    added: int = 0
    revised: int = 0
    refused: tuple[Difference, ...] = ()
    accepted: tuple[Difference, ...] = ()
    oldest_late: int | None = None

    def __add__(self, other: Changes) -> Changes:
        late = [at for at in (self.oldest_late, other.oldest_late) if at is not None]
        return Changes(
            self.added + other.added,
            self.revised + other.revised,
            self.refused + other.refused,
            self.accepted + other.accepted,
            min(late, default=None),
        )


@dataclass(frozen=True)
class Terms:
    """What a batch may do, in seconds of UTC.

    final_until: rows that begin before it stay as they are unless `accept`. late: the stretch in which a row that is
    new or different came late: it had been asked for already, and is no correction of the distant past.
    """

    final_until: int | None = None
    late: tuple[int, int] | None = None
    accept: bool = False


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a folder for oneself; the lock goes with the process, however it ends.

    Raises:
        UserError: another process holds it (and we do not `wait`), or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "a")  # noqa: SIM115  # held by the with below
    except OSError as error:
        raise unwritable(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            todo = say("wait until it has ended; nothing was written")
            raise UserError(Problem(say("another pull is writing here"), todo, file=str(folder))) from error
        yield


def read_ledger(workspace: Path) -> Ledger:
    path = workspace / LEDGER
    return read_json(path, LEDGER, Ledger) if path.is_file() else Ledger()


def write_ledger(workspace: Path, ledger: Ledger) -> None:
    write_json(workspace / LEDGER, ledger.model_dump(mode="json"))


def merged(kept: Rows, batch: Rows, terms: Terms, told_between: tuple[int, int] | None = None) -> tuple[Rows, Changes]:
    """Kept rows with a batch laid over them. A missing row that comes late is taken.

    told_between: first and last start that the batch tells; kept rows between them that it lacks are gone.
    """
    result = dict(kept)
    changed: list[Change] = [
        (key, before, figures)
        for key, figures in batch.items()
        if (before := kept.get(key)) is None or not _equal(before, figures)
    ]
    if told_between is not None:
        first, last = told_between
        gone = (key for key in kept if first <= int(key[0]) <= last and key not in batch)
        changed += [(key, kept[key], None) for key in gone]
    refused = [change for change in changed if _is_refused(change, terms)]
    stays = {key for key, _, _ in refused}
    for key, _before, told in changed:
        if key in stays:
            continue
        if told is None:
            del result[key]
        else:
            result[key] = told
    return result, _changes(changed, refused, stays, terms)


def _is_refused(change: Change, terms: Terms) -> bool:
    """Whether a kept row stays although it is told otherwise: it is final, or it is gone."""
    key, before, told = change
    return before is not None and not terms.accept and (told is None or _is_final(key, terms))


def _is_final(key: Key, terms: Terms) -> bool:
    return terms.final_until is not None and int(key[0]) < terms.final_until


def _changes(changed: list[Change], refused: list[Change], stays: set[Key], terms: Terms) -> Changes:
    laid = [(key, before, told) for key, before, told in changed if before is not None and key not in stays]
    accepted = [Difference(*change) for change in laid if _is_final(change[0], terms)]
    first, end = terms.late or (1, 0)
    late = [int(key[0]) for key, _, told in changed if told is not None and first <= int(key[0]) < end]
    return Changes(
        added=sum(before is None for _, before, _ in changed),
        revised=len(laid) - len(accepted),
        refused=tuple(Difference(key, before, told) for key, before, told in refused if before is not None),
        accepted=tuple(accepted),
        oldest_late=min(late, default=None),
    )


def _equal(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(one: float, other: float) -> bool:
    """Equal to the digits that are kept; a figure that is missing on both sides is the same too."""
    return abs(one - other) <= SAME_RATIO * max(abs(one), abs(other)) or (one != one and other != other)


def keep(workspace: Path, source: AnySource, batch: Batch, terms: Terms) -> Changes:
    """Lay a batch over the kept rows, month by month; months without a change are not written."""
    changes = Changes()
    starts = [int(key[0]) for key in batch.rows]
    complete = not batch.partial and source.kind not in FORGETFUL
    told_between = (min(starts), max(starts)) if starts and complete else None
    months = _by_month(batch.rows)
    for month in sorted({*months, *_months_between(workspace, source, told_between)}):
        path = _path(workspace, source, month)
        kept = _read(path, batch) if path.is_file() else {}
        result, found = merged(kept, months.get(month, {}), terms, told_between)
        changes += found
        if found.added or found.revised or found.accepted:
            write_text(path, _text(result, batch))
    return changes


def _path(workspace: Path, source: AnySource, month: str) -> Path:
    return workspace / "history" / f"{source.measure}-{source.name}-{month}.csv"


def _months_between(workspace: Path, source: AnySource, span: tuple[int, int] | None) -> Iterator[str]:
    """Months of a stretch that have a file."""
    if span is None:
        return
    first, last = (f"{datetime.fromtimestamp(at, UTC):%Y-%m}" for at in span)
    for path in files_of(workspace, source):
        if first <= path.stem[-7:] <= last:
            yield path.stem[-7:]


def files_of(workspace: Path, source: AnySource) -> list[Path]:
    """What pulls of this source wrote, month by month."""
    return sorted((workspace / "history").glob(f"{source.measure}-{source.name}-????-??.csv"))


def end_of_other_history(workspace: Path, peers: Sequence[AnySource], measure: str) -> datetime | None:
    """The hour after the last row of this measure that is in files which no pull of these sources wrote."""
    pulled = {path for peer in peers for path in files_of(workspace, peer)}
    files = [
        path
        for path in sorted((workspace / "history").glob(f"{measure}*"))
        if path.name.endswith((".csv", ".csv.gz", ".parquet")) and path not in pulled
    ]
    last = max((_last_start(path) for path in files), default=None)
    return datetime.fromtimestamp((last // 3600 + 1) * 3600, UTC) if last else None


def _last_start(path: Path) -> int:
    """Seconds of UTC of the file's latest row; zero where it cannot be told: the reader of history says why."""
    import duckdb

    table = f"read_parquet('{path}')" if path.suffix == ".parquet" else f"read_csv('{path}', all_varchar=true)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        try:
            row = connection.execute(f"SELECT max(epoch(try_cast(starts_at AS TIMESTAMPTZ))) FROM {table}").fetchone()
        except duckdb.Error:
            return 0
    return int(row[0]) if row and row[0] is not None else 0


def _by_month(rows: Mapping[tuple[int | str, ...], tuple[float, ...]]) -> dict[str, Rows]:
    months: dict[str, Rows] = {}
    for key, figures in rows.items():
        months.setdefault(f"{datetime.fromtimestamp(int(key[0]), UTC):%Y-%m}", {})[key] = figures
    return months


def _text(rows: Rows, batch: Batch) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["starts_at", *batch.keys, *batch.values])
    # Services share their times: each is put into words, and read, once.
    spoken = {at: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}" for at in {int(key[0]) for key in rows}}
    for key in sorted(rows):
        cells = ("" if figure != figure else f"{figure:.10g}" for figure in rows[key])
        writer.writerow((spoken[int(key[0])], *key[1:], *cells))
    return file.getvalue()


def _read(path: Path, batch: Batch) -> Rows:
    """The rows of a month's file.

    Raises:
        UserError: its columns are not those that the source brings now, or somebody edited it into something else.
    """
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != ["starts_at", *batch.keys, *batch.values]:
            what = say("was pulled with other columns: {columns}", columns=", ".join(header))
            todo = say("give the source another name, or move the file away")
            raise UserError(Problem(what, todo, file=f"history/{path.name}", line=1))
        size = len(batch.keys) + 1
        instants = _Instants()
        try:
            return {(instants[row[0]], *row[1:size]): tuple(float(c or "nan") for c in row[size:]) for row in reader}
        except (ValueError, IndexError) as error:
            what, todo = say("this row cannot be read"), say("restore the file from git, or delete it and pull again")
            raise UserError(Problem(what, todo, file=f"history/{path.name}", line=reader.line_num)) from error


class _Instants(dict[str, int]):
    """Seconds of UTC by the time as written."""

    def __missing__(self, text: str) -> int:
        self[text] = int(datetime.fromisoformat(text).timestamp())
        return self[text]
