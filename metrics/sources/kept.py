"""Pulled rows as files: one CSV a month and source, rows in time order, and a ledger of what is final.

`history/<measure>-<source>-<year>-<month>.csv` and `history/pulled.json`; both are replaced whole, one pull at a time.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterator, Mapping
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
from metrics.sources.records import Batch, Source

LEDGER = "history/pulled.json"
CHANGES_SAID = 3
SAME_RATIO = 1e-6

Rows = dict[tuple[int | str, ...], tuple[float, ...]]


class SourceState(FileRecord):
    """How far a source has been pulled.

    final_until_utc: rows before it do not change any more. pulled_until_utc: how far the last pull asked.
    lateness_seconds: how long after its time a row of this source was seen to change or to come.
    """

    final_until_utc: AwareDatetime | None = None
    pulled_until_utc: AwareDatetime | None = None
    lateness_seconds: float


class Ledger(FileRecord):
    """`history/pulled.json`."""

    schema_version: Literal[1] = 1
    sources: dict[str, SourceState] = {}


@dataclass(frozen=True)
class Changes:
    """What a batch does to the rows that are kept.

    added: new rows; revised: rows that were preliminary; refused: final rows that the source now tells otherwise.
    oldest_late: the earliest start among rows that changed, or came, after they had been asked for.
    """

    added: int = 0
    revised: int = 0
    refused: tuple[tuple[int | str, ...], ...] = ()
    oldest_late: int | None = None

    def __add__(self, other: Changes) -> Changes:
        late = [at for at in (self.oldest_late, other.oldest_late) if at is not None]
        return Changes(
            self.added + other.added,
            self.revised + other.revised,
            self.refused + other.refused,
            min(late, default=None),
        )


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


def merged(
    kept: Rows, batch: Rows, final_until: int | None, asked_until: int | None, accept: bool
) -> tuple[Rows, Changes]:
    """Kept rows with a batch laid over them.

    final_until: rows that begin before it stay as they are, unless `accept`. asked_until: rows before it had been
    asked for already, so what is new or different among them came late. A missing row that comes late is taken.
    """
    result = dict(kept)
    added = revised = 0
    refused: list[tuple[int | str, ...]] = []
    late: list[int] = []
    for key, figures in batch.items():
        at, before = int(key[0]), kept.get(key)
        if before is not None and all(_same(a, b) for a, b in zip(before, figures, strict=True)):
            continue
        if asked_until is not None and at < asked_until:
            late.append(at)
        if before is None:
            added += 1
        elif final_until is not None and at < final_until and not accept:
            refused.append(key)
            continue
        else:
            revised += 1
        result[key] = figures
    return result, Changes(added, revised, tuple(sorted(refused, key=str)), min(late, default=None))


def _same(one: float, other: float) -> bool:
    """Equal to the digits that are kept; a figure that is missing on both sides is the same too."""
    return abs(one - other) <= SAME_RATIO * max(abs(one), abs(other)) or (one != one and other != other)


def keep(
    workspace: Path, source: Source, batch: Batch, final_until: int | None, asked_until: int | None, accept: bool
) -> Changes:
    """Lay a batch over the kept rows, month by month; months without a change are not written."""
    changes = Changes()
    for month, rows in _by_month(batch.rows).items():
        path = workspace / "history" / f"{source.measure}-{source.name}-{month}.csv"
        kept = _read(path, batch) if path.is_file() else {}
        result, found = merged(kept, rows, final_until, asked_until, accept)
        changes += found
        if found.added or found.revised:
            write_text(path, _text(result, batch))
    return changes


def end_of_other_history(workspace: Path, source: Source) -> datetime | None:
    """The hour after the last row of this measure that is in files which no pull of this source wrote."""
    files = [
        path
        for path in sorted((workspace / "history").glob(f"{source.measure}*"))
        if path.name.endswith((".csv", ".csv.gz", ".parquet"))
        and not path.name.startswith(f"{source.measure}-{source.name}-")
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
    for key in sorted(rows, key=lambda key: (int(key[0]), *map(str, key[1:]))):
        cells = ("" if figure != figure else f"{figure:.10g}" for figure in rows[key])
        writer.writerow([f"{datetime.fromtimestamp(int(key[0]), UTC):%Y-%m-%dT%H:%MZ}", *key[1:], *cells])
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
        size = len(batch.keys)
        try:
            return {
                (int(datetime.fromisoformat(row[0]).timestamp()), *row[1 : 1 + size]): tuple(
                    float(cell or "nan") for cell in row[1 + size :]
                )
                for row in reader
            }
        except (ValueError, IndexError) as error:
            what, todo = say("this row cannot be read"), say("restore the file from git, or delete it and pull again")
            raise UserError(Problem(what, todo, file=f"history/{path.name}", line=reader.line_num)) from error
