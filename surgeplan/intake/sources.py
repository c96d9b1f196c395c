"""How exports were read and what the cluster says: what surgeplan.yaml keeps of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaign.language import Text, say
from metrics.intake.records import Answers, Recognised, ServiceFigures

EXPORTS = "exports"
"""The workspace's folder that later exports are dropped into."""


def matched_figures(
    services: Sequence[str], recognised: Sequence[Recognised]
) -> tuple[dict[str, ServiceFigures], list[Text]]:
    """What the cluster says of each service with traffic, and which workloads have none."""
    known = [figures for found in recognised for figures in found.services]
    matched: dict[str, ServiceFigures] = {}
    for figures in known:
        if figures.name in services:
            matched.setdefault(figures.name, figures)
    others = sorted({figures.name for figures in known} - set(services))
    if not others:
        return matched, []
    names = ", ".join(others[:10]) + (" …" if len(others) > 10 else "")
    return matched, [say("workloads without traffic of their own (use follows: for them): {names}", names=names)]


def sources_of(recognised: Sequence[Recognised], answers: Answers) -> Iterator[dict[str, object]]:
    """How each file was read, as it is kept under `sources:`."""
    for found in recognised:
        source: dict[str, object] = {"file": found.place.file, "reader": found.reader}
        if found.place.sheet:
            source["sheet"] = found.place.sheet
        if found.source.get("values"):
            source["values"] = found.source["values"]
        if answers.service and any(answers.service in b.keys for b in found.buckets):
            source["service"] = answers.service
        if answers.requests_per_session and found.reader == "report":
            source["requests_per_session"] = answers.requests_per_session
        if answers.day_first is not None:
            source["day_first"] = answers.day_first
        yield source
    yield from drop_sources(recognised, answers)


NAMES = {"requests": "traffic", "orders": "orders", "contacts": "contacts", "contacts_offered": "desks"}
"""What history calls the measures of exports."""


def drop_sources(recognised: Sequence[Recognised], answers: Answers) -> Iterator[dict[str, object]]:
    """Sources that read later exports of the same kinds from the folder `exports`, with the answers given now."""
    given = {
        "values": answers.values,
        "service": answers.service,
        "requests_per_session": answers.requests_per_session,
        "day_first": answers.day_first,
    }
    said = {key: value for key, value in given.items() if value is not None}
    measures = {buckets.measure for found in recognised for buckets in found.buckets}
    for measure, name in NAMES.items():
        if measure in measures:
            yield {"kind": "drop", "name": f"exports-{name}", "measure": name, "folder": EXPORTS, **said}
