"""How fresh every source is, as a sync or a pull of minutes finds it and as it is stored for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from campaign.language import Text, say
from campaign.traffic import Sentence
from metrics.sources.pull import Pulled, Status
from warroom.live.records import Freshness, Source

FRESHNESS: Mapping[Status, Freshness] = {
    "ok": "fresh",
    "partial": "fresh",
    "late": "late",
    "refused": "refused",
    "dead": "dead",
}
ALLOWED = timedelta(hours=2)
"""How old the end of a history that no source fills may be."""


def of_pulls(pulls: Sequence[Pulled], before: Sequence[Source], now: datetime) -> tuple[Source, ...]:
    """Sources as a pull of history found them; one that did not answer keeps the mark it had."""
    marks = {source.name: source.watermark for source in before}
    found = []
    last = {pair: pulled.source.name for pulled in pulls for pair in pulled.contradicted}
    for pulled in pulls:
        differing = (what for pair, what in pulled.contradicted.items() if last[pair] == pulled.source.name)
        source, state = pulled.source, pulled.state
        mark = pulled.watermark_utc or marks.get(source.name) or (state.final_until_utc if state else None)
        fresh = FRESHNESS[pulled.status]
        found.append(
            Source(
                name=source.name,
                measure=source.measure,
                watermark=mark,
                age=now - mark if mark else None,
                final_until=state.final_until_utc if state else None,
                lateness=timedelta(seconds=state.lateness_seconds) if state else None,
                state="never" if mark is None and fresh in ("fresh", "late") else fresh,
                note=_why(pulled) if fresh != "fresh" else next(differing, None),
            )
        )
    return tuple(found)


def _why(pulled: Pulled) -> Text:
    if pulled.problems:
        return say("{source}: {what}", source=pulled.source.name, what=pulled.problems[0].what)
    return pulled.notes[-1] if pulled.notes else say("{source}: no rows came", source=pulled.source.name)


def of_files(until: Mapping[str, int], fed: Iterable[str], now: datetime) -> tuple[Source, ...]:
    """Measures that no source fills: somebody writes their files, and nobody knows when they are final but by what
    follows them."""
    marks = {name: datetime.fromtimestamp(end, UTC) for name, end in until.items() if name not in set(fed)}
    return tuple(
        Source(
            name=f"history/{name}",
            measure=name,
            watermark=mark,
            age=now - mark,
            final_until=mark,
            lateness=None,
            state="fresh" if now - mark <= ALLOWED else "late",
            note=None if now - mark <= ALLOWED else _ends(name, mark),
        )
        for name, mark in marks.items()
    )


def _ends(name: str, mark: datetime) -> Text:
    return say("history/{name} ends at {at} UTC", name=name, at=f"{mark:%m-%d %H:%M}")


def final_until(sources: Iterable[Source]) -> dict[str, datetime | None]:
    """Up to when figures of each measure do not change any more: as far as every source of it is final."""
    found: dict[str, datetime | None] = {}
    for source in sources:
        before = found.get(source.measure, source.final_until)
        found[source.measure] = min(before, source.final_until) if before and source.final_until else None
    return found


def as_one(hourly: Sequence[Source], by_minute: Sequence[Source], *, hourly_is_newer: bool) -> tuple[Source, ...]:
    """All sources. One that both clocks ask is as the newer look found it, and says why only once; where it refuses
    what the hour asks of it, that stands until it is asked again."""
    asked = {source.name: source for source in by_minute}
    return (*(_standing(source, asked.get(source.name), hourly_is_newer) for source in hourly), *by_minute)


def _standing(hourly: Source, by_minute: Source | None, hourly_is_newer: bool) -> Source:
    if by_minute is None or hourly.state == "refused":
        return hourly
    if hourly_is_newer:
        return replace(hourly, note=None) if by_minute.note else hourly
    return replace(hourly, state=by_minute.state, note=None)


def as_rows(sources: Iterable[Source]) -> list[dict[str, Any]]:
    """Sources as a document holds them."""
    return [
        {
            "name": source.name,
            "measure": source.measure,
            "watermark": _text(source.watermark),
            "final_until": _text(source.final_until),
            "lateness_seconds": source.lateness.total_seconds() if source.lateness is not None else None,
            "state": source.state,
            "note": Sentence.of(source.note).model_dump() if source.note else None,
        }
        for source in sources
    ]


def of_document(document: tuple[datetime, dict[str, Any]] | None, now: datetime) -> tuple[Source, ...]:
    """Sources as they were stored, aged to `now`."""
    return tuple(_source(told, now) for told in document[1]["sources"]) if document else ()


def _source(told: dict[str, Any], now: datetime) -> Source:
    mark = _moment(told["watermark"])
    return Source(
        name=told["name"],
        measure=told["measure"],
        watermark=mark,
        age=now - mark if mark else None,
        final_until=_moment(told["final_until"]),
        lateness=timedelta(seconds=told["lateness_seconds"]) if told["lateness_seconds"] is not None else None,
        state=told["state"],
        note=Sentence(**told["note"]).text() if told["note"] else None,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
