"""Final rows that a source tells otherwise now, in words: what was kept, what is told, what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from metrics.sources.kept import Changes, Difference
from metrics.sources.records import Source

SAID_MOST = 3


def change_notes(source: Source, changes: Changes, zone: ZoneInfo) -> Iterator[Text]:
    """What happened to final rows, in the zone's time; nothing where none was told otherwise."""
    gone = [one for one in changes.refused if one.told is None]
    other = [one for one in changes.refused if one.told is not None]
    if other:
        yield say(
            "{source}: {count} final rows are told otherwise now and kept as they were (--accept-changes): {first}",
            source=source.name, count=len(other), first=spoken(other, zone),
        )  # fmt: skip
    if gone:
        yield say(
            "{source}: {count} rows are not told any more and kept as they were (--accept-changes takes them out): "
            "{first}",
            source=source.name, count=len(gone), first=spoken(gone, zone),
        )  # fmt: skip
    if changes.accepted:
        yield say(
            "{source}: {count} final rows were changed: {first}",
            source=source.name, count=len(changes.accepted), first=spoken(changes.accepted, zone),
        )  # fmt: skip


def spoken(differences: Sequence[Difference], zone: ZoneInfo) -> str:
    """`2026-10-01T08:00+08:00 shop 60 → 90`, the earliest few."""
    ordered = sorted(differences, key=lambda one: (int(one.key[0]), str(one.key)))
    said = [_one(difference, zone) for difference in ordered[:SAID_MOST]]
    return ", ".join(said) + (" …" if len(ordered) > SAID_MOST else "")


def _one(difference: Difference, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(int(difference.key[0]), zone).isoformat(timespec="minutes")
    figures = difference.kept[:1]
    told: Sequence[float] = ()
    if difference.told is not None:
        both = zip(difference.kept, difference.told, strict=True)
        pairs = [(kept, now) for kept, now in both if kept != now and not (kept != kept and now != now)]
        figures, told = tuple(kept for kept, _ in pairs), [now for _, now in pairs]
    return " ".join([at, *map(str, difference.key[1:]), _figures(figures), "→", _figures(told) or "-"])


def _figures(figures: Sequence[float]) -> str:
    return "/".join("-" if figure != figure else f"{figure:.10g}" for figure in figures)


def difference_document(difference: Difference) -> dict[str, object]:
    """The same for scripts; figures that are missing are null."""
    told = None if difference.told is None else [None if f != f else f for f in difference.told]
    kept = [None if f != f else f for f in difference.kept]
    starts_at = f"{datetime.fromtimestamp(int(difference.key[0]), UTC):%Y-%m-%dT%H:%MZ}"
    return {"starts_at_utc": starts_at, "names": list(difference.key[1:]), "kept": kept, "told": told}
