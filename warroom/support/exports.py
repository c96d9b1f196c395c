"""A contact export of the support system, added to history: what history has already is never changed by it."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.files import write_text
from campaign.language import Text, say
from campaign.workspace import Workspace
from forecast.history.reading import read_contacts
from metrics.intake.contacts import MEASURES, desk_and_intent
from metrics.intake.headings import find_headings
from metrics.intake.raw_tables import read_raw_tables
from metrics.intake.records import Answers, Findings, Recognised
from metrics.intake.stacked import tables_of
from metrics.intake.support import recognise

FILE = "history/contacts-brought.csv"
COLUMNS = ("starts_at", "desk", "intent", *MEASURES)

Key = tuple[str, str, str]
"""starts_at in UTC, desk, intent."""


@dataclass(frozen=True)
class Brought:
    """What an export added."""

    added: int
    known: int
    differing: int
    notes: tuple[Text, ...]

    def sentences(self) -> tuple[Text, ...]:
        told = [say("{n} intervals are new and kept, {known} were known.", n=self.added, known=self.known)]
        if self.differing:
            told.append(say("{n} differ from what history has, which was left as it is.", n=self.differing))
        return (*told, *self.notes)


def bring_contacts(workspace: Workspace, name: str, content: bytes) -> Brought:
    """Add an export's intervals to `history/contacts-brought.csv`.

    Raises:
        UserError: no contacts in it, cells that cannot be read, an unknown desk, or lengths that history contradicts;
            history is as it was.
    """
    found, notes = _read(workspace, name, content)
    have = _history(workspace)
    new = {key: row for key, row in found.items() if key not in have}
    differing = sum(have[key] != float(row["contacts"]) for key, row in found.items() if key in have)
    if new:
        _write(workspace, new)
    return Brought(len(new), len(found) - len(new), differing, notes)


def _read(workspace: Workspace, name: str, content: bytes) -> tuple[dict[Key, dict[str, str]], tuple[Text, ...]]:
    findings = Findings()
    answers = Answers(time_zone=workspace.settings.zone)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_bytes(content)
        tables = [part for whole in read_raw_tables(path, name, findings.problems) for part in tables_of(whole)]
    headed = [table for table in map(find_headings, tables) if table is not None and table.rows]
    told = [found for table in headed if (found := recognise(table, answers, findings)) is not None]
    problems = [*findings.problems, *(question.place.problem(question.what) for question in findings.questions)]
    if not told and not problems:
        todo = say("it needs times, and contacts beside them or one contact a row")
        problems.append(Problem(say("holds no contacts"), todo, file=name))
    if problems:
        raise UserError(problems)
    return _rows(told), tuple(note for found in told for note in found.notes)


def _rows(told: list[Recognised]) -> dict[Key, dict[str, str]]:
    rows: dict[Key, dict[str, str]] = {}
    for buckets in (b for found in told for b in found.buckets if b.measure in MEASURES):
        for (key, at), value in buckets.values.items():
            desk, intent = desk_and_intent(key)
            rows.setdefault((_utc(at), desk, intent), {})[buckets.measure] = f"{value:.10g}"
    return {key: row for key, row in rows.items() if "contacts" in row}


def _history(workspace: Workspace) -> Mapping[Key, float]:
    table = read_contacts(workspace)
    if table is None:
        return {}
    times = (f"{at:%Y-%m-%dT%H:%MZ}" for at in table["starts_at_utc"])
    keys = zip(times, table["desk"], table["intent"].fillna(""), strict=True)
    return dict(zip(keys, table["contacts"].astype(float), strict=True))


def _write(workspace: Workspace, new: Mapping[Key, Mapping[str, str]]) -> None:
    """Append and read everything again; what cannot stand beside history is taken back."""
    path = workspace.folder / FILE
    before = path.read_text("utf-8") if path.is_file() else ""
    rows = list(csv.DictReader(io.StringIO(before)))
    rows += [dict(zip(COLUMNS[:3], key, strict=True)) | dict(row) for key, row in new.items()]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: [row[name] for name in COLUMNS[:3]]))
    write_text(path, text.getvalue())
    try:
        read_contacts(workspace)
    except UserError:
        if before:
            write_text(path, before)
        else:
            path.unlink()
        raise


def _utc(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"
