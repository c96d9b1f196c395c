"""Final rows that a source tells otherwise now, in words: what was kept, what is told, what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from campaign.language import Text, say
from metrics.sources.kept import Changes, Difference
from metrics.sources.records import Source

SAID_MOST = 3


def change_notes(source: Source, changes: Changes) -> Iterator[Text]:
    """What happened to final rows; nothing where none was told otherwise."""
    gone = [one for one in changes.refused if one.told is None]
    other = [one for one in changes.refused if one.told is not None]
    if other:
        yield say(
            "{source}: {count} final rows are told otherwise now and kept as they were (--accept-changes): {first}",
            source=source.name, count=len(other), first=spoken(other),
        )  # fmt: skip
    if gone:
        yield say(
            "{source}: {count} rows are not told any more and kept as they were (--accept-changes takes them out): "
            "{first}",
            source=source.name, count=len(gone), first=spoken(gone),
        )  # fmt: skip
    if changes.accepted:
        yield say(
            "{source}: {count} final rows were changed: {first}",
            source=source.name, count=len(changes.accepted), first=spoken(changes.accepted),
        )  # fmt: skip


def spoken(differences: Sequence[Difference]) -> str:
    """`2026-10-01T00:00Z shop 60 → 90`, the earliest few."""
    ordered = sorted(differences, key=lambda one: (int(one.key[0]), str(one.key)))
    said = [_one(difference) for difference in ordered[:SAID_MOST]]
    return ", ".join(said) + (" …" if len(ordered) > SAID_MOST else "")


def _one(difference: Difference) -> str:
    names = map(str, difference.key[1:])
    told = "-" if difference.told is None else _figures(difference.told)
    return " ".join([starts_at(difference), *names, _figures(difference.kept), "→", told])


def starts_at(difference: Difference) -> str:
    return f"{datetime.fromtimestamp(int(difference.key[0]), UTC):%Y-%m-%dT%H:%MZ}"


def _figures(figures: Sequence[float]) -> str:
    return "/".join("-" if figure != figure else f"{figure:.10g}" for figure in figures)


def difference_document(difference: Difference) -> dict[str, object]:
    """The same for scripts; figures that are missing are null."""
    told = None if difference.told is None else [None if f != f else f for f in difference.told]
    kept = [None if f != f else f for f in difference.kept]
    return {"starts_at_utc": starts_at(difference), "names": list(difference.key[1:]), "kept": kept, "told": told}
