"""Why sources are not fresh, a line for each cause: one Prometheus that is away says so once, however many it feeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from campaign.language import Text, say
from warroom.live.records import Source, Stale

OWN = ("source", "measure")
"""What a note says of its own source alone; all else of it is the cause."""


def by_cause(sources: Iterable[Source]) -> tuple[Stale, ...]:
    """Each cause once, with the names of all it concerns and since when the first of them has told nothing."""
    concerned: dict[tuple[str, ...], list[tuple[Text, Source]]] = {}
    for source in sources:
        if source.note is not None:
            concerned.setdefault(_cause(source.note), []).append((source.note, source))
    return tuple(_told(each) for each in concerned.values())


def _cause(note: Text) -> tuple[str, ...]:
    """The same for notes that differ only in whose they are."""
    rest = {name: value for name, value in sorted(note.values.items()) if name not in OWN}
    return note.message, *(Text("{value}", {"value": value}).speak("en") for value in rest.values())


def _told(concerned: Sequence[tuple[Text, Source]]) -> Stale:
    note = concerned[0][0]
    own = {name: _listed([each.values[name] for each, _ in concerned]) for name in OWN if name in note.values}
    silent = (source for _, source in concerned if source.state != "fresh")
    since = min((source.watermark for source in silent if source.watermark), default=None)
    return Stale(Text(note.message, {**note.values, **own}), since)


def _listed(values: Sequence[object]) -> object:
    """`prom, errors, p99`, each once."""
    first, *rest = dict.fromkeys(values)
    return say("{first}, {rest}", first=first, rest=_listed(rest)) if rest else first
