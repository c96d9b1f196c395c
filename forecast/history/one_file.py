"""One row for a time, whichever file it stands in.

Two files that tell one hour's orders hold two opinions of one number: they are never added up. What somebody wrote by
hand counts before what a source was asked for; between two files by hand nobody can tell, and both are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from campaign.errors import Problem
from campaign.language import Text, say
from campaign.settings import Settings
from forecast.history.faults import named
from forecast.history.shapes import Shape, Table
from metrics.sources.kept import files_of
from metrics.sources.records import sources_of

BY_HAND = ""
RECORD = "record"


@dataclass(frozen=True)
class Rows:
    """One file's rows: `starts_at_utc`, the shape's columns and `record`, the number of the row in the file.

    source: whose pulls wrote the file, `BY_HAND` where nobody's did.
    """

    table: Table
    frame: pd.DataFrame
    source: str


def writers(folder: Path, settings: Settings) -> dict[Path, str]:
    """The source whose pulls wrote a file, in the order in which sources count."""
    return {path: source.name for source in sources_of(settings) for path in files_of(folder, source)}


def repeated(connection: duckdb.DuckDBPyConnection, files: Sequence[Rows], shape: Shape) -> list[Problem]:
    """Rows by hand for which an earlier file by hand has one already."""
    keys = ["starts_at_utc", *shape.keys, *shape.optional_keys]
    by_hand = [each for each in files if each.source == BY_HAND]
    if len(by_hand) < 2:
        return []
    every = pd.concat([each.frame[[*keys, RECORD]].assign(file=n) for n, each in enumerate(by_hand)])
    alike = every[every.duplicated(keys, keep=False)]
    again = alike.assign(first=alike.groupby(keys)["file"].transform("first")).query("file != first")
    problems: list[Problem] = []
    for file, first in again[["file", "first"]].drop_duplicates().to_numpy(dtype=np.int64).tolist():
        rows = again[(again["file"] == file) & (again["first"] == first)]
        what = say("{file} has a row for this time already", file=by_hand[first].table.file)
        todo = say("keep one of the rows; parts of one figure are added up in one file")
        records = sorted(int(row) for row in rows[RECORD])
        problems += named(connection, by_hand[file].table, records, len(records), "starts_at", what, todo)
    return problems


def from_one_file(files: Sequence[Rows], order: Sequence[str], shape: Shape) -> tuple[list[pd.DataFrame], list[Text]]:
    """The rows of each file without the hours that one which counts before it tells, and what was left out.

    order: names of sources, the first counts before the next.
    """
    by_source = {name: [each.frame for each in files if each.source == name] for name in (BY_HAND, *order)}
    several = {name: mine for name, mine in by_source.items() if mine}
    if len(several) == 1:
        return [each.frame.drop(columns=RECORD) for each in files], []
    frames: list[pd.DataFrame] = []
    notes: list[Text] = []
    told: pd.DataFrame | None = None
    for source, mine in several.items():
        rows = pd.concat(mine, ignore_index=True).assign(hour=lambda frame: frame["starts_at_utc"].dt.floor("h"))
        subjects = rows[["hour", *shape.keys]]
        told = subjects.iloc[:0] if told is None else told
        new = subjects.merge(told, how="left", indicator=True)["_merge"].eq("left_only").to_numpy()
        if not new.all():
            hours = rows.loc[~new, "hour"].nunique()
            notes.append(say("{measure}: {count} hours of {source} are told by a file that counts before it",
                             measure=shape.name, count=hours, source=source))  # fmt: skip
        told = pd.concat([told, subjects[new]], ignore_index=True).drop_duplicates()
        frames.append(rows.loc[new].drop(columns=["hour", RECORD]))
    return frames, notes
