"""Where several sources tell one measure of the same time, the one named first in surgeplan.yaml counts.

Two systems that count one hour's orders hold two opinions of one number: they are never added up, and what differs is
said.
"""

from __future__ import annotations

import csv
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.files import write_text
from campaign.language import Text, say
from campaign.numbers import local_minute
from metrics.sources.kept import files_of
from metrics.sources.records import AnySource, Batch, Key

DIFFERENT_RATIO = 0.005
NAMES = ("service", "endpoint", "desk", "intent", "load_test")
"""Columns of a pulled file that hold no figure."""

Subject = tuple[int | str, ...]
"""When, and of which service or desk."""
Figures = dict[Subject, float]


@dataclass(frozen=True)
class Contradiction:
    """Figures of `other` that are left out, by subject, beside those of `source`, which counts."""

    source: str
    other: str
    figures: dict[Subject, tuple[float, float]]


def settled(folder: Path, peers: Sequence[AnySource], source: AnySource, batch: Batch) -> Batch:
    """The batch without what a source named earlier tells already; what it tells itself is taken from later ones.

    peers: every source of the measure, in the order of surgeplan.yaml, with `source` among them.
    """
    if len(peers) == 1:
        return batch
    at, months = [peer.name for peer in peers].index(source.name), _months(batch)
    earlier = {subject for peer in peers[:at] for subject in _figures(folder, peer, months)}
    ours = {subject_of(key) for key in batch.rows} - earlier
    _forget(folder, source, earlier, months)
    for peer in peers[at + 1 :]:
        _forget(folder, peer, ours, months)
    return replace(batch, rows={key: row for key, row in batch.rows.items() if subject_of(key) not in earlier})


def contradictions(folder: Path, peers: Sequence[AnySource], source: AnySource, batch: Batch) -> list[Contradiction]:
    """Where the batch and what other sources told are not the same to half a percent; before it is settled."""
    told = _summed((subject_of(key), row[0]) for key, row in batch.rows.items())
    at = [peer.name for peer in peers].index(source.name)
    found = []
    for number, peer in enumerate(peers):
        theirs = {} if number == at else _figures(folder, peer, _months(batch))
        counts, other = (peer.name, source.name) if number < at else (source.name, peer.name)
        pairs = {each: (theirs[each], told[each]) for each in told.keys() & theirs.keys()}
        if number > at:
            pairs = {each: (ours, others) for each, (others, ours) in pairs.items()}
        differ = {each: pair for each, pair in pairs.items() if _differ(*pair)}
        if differ:
            found.append(Contradiction(counts, other, differ))
    return found


def contradiction_words(found: Contradiction, zone: ZoneInfo) -> Text:
    """With the newest of the figures."""
    newest = max(found.figures, key=lambda subject: (int(subject[0]), str(subject[1:])))
    counts, other = found.figures[newest]
    at = local_minute(datetime.fromtimestamp(int(newest[0]), zone), zone)
    return say(
        "{other} and {source} differ in {count} figures; {source}, named first, counts: {at} {figure}, not {others}",
        other=found.other,
        source=found.source,
        count=len(found.figures),
        at=" ".join([at, *map(str, newest[1:])]),
        figure=f"{counts:,.10g}",
        others=f"{other:,.10g}",
    )


def subject_of(key: Key) -> Subject:
    return tuple(key[:2])


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > DIFFERENT_RATIO * max(abs(one), abs(other))


def _summed(rows: Iterator[tuple[Subject, float]]) -> Figures:
    """Endpoints of a service and intents of a desk are parts of one figure."""
    found: Figures = {}
    for subject, figure in rows:
        found[subject] = found.get(subject, 0.0) + figure
    return found


def _months(batch: Batch) -> frozenset[str]:
    return frozenset(f"{datetime.fromtimestamp(at, UTC):%Y-%m}" for at in {int(key[0]) for key in batch.rows})


def _files(folder: Path, source: AnySource, months: Container[str]) -> Iterator[Path]:
    return (path for path in files_of(folder, source) if path.stem[-7:] in months)


def _figures(folder: Path, source: AnySource, months: Container[str]) -> Figures:
    return _summed(each for path in _files(folder, source, months) for each in _told(path))


def _told(path: Path) -> Iterator[tuple[Subject, float]]:
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        at = next((i for i, name in enumerate(header) if i and name not in NAMES), None)
        if at is not None:
            yield from ((_subject(header, row), float(row[at] or "nan")) for row in reader)


def _subject(header: Sequence[str], row: Sequence[str]) -> Subject:
    at = int(datetime.fromisoformat(row[0]).timestamp())
    return (at, row[1]) if header[1] in NAMES else (at,)


def _forget(folder: Path, source: AnySource, subjects: Container[Subject], months: Container[str]) -> None:
    """Take what another source tells out of the files of this one."""
    for path in _files(folder, source, months):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        header = next(csv.reader(lines[:1]), [])
        left = [line for line, row in zip(lines[1:], csv.reader(lines[1:]), strict=True)
                if _subject(header, row) not in subjects]  # fmt: skip
        if not left:
            path.unlink()
        elif len(left) + 1 < len(lines):
            write_text(path, "".join([lines[0], *left]))
