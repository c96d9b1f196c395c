"""What stands behind each figure: its definition in the metric dictionary, where it comes from, when it settles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from campaign.language import Text, say
from campaign.words import Words
from metrics.approvals import State, state_of
from metrics.dictionary import Dictionary
from warroom.live.records import Source
from warroom.live.state import METRICS

DEFINED_AS = {"peak": "peak_rps"}
"""The dictionary's name of what is called otherwise on the page."""
SOURCED_BY = {
    "requests": "traffic",
    "peak": "traffic",
    "bot_containment": "contacts",
    "agent_queue": "queue_length",
    "service_level": "desks",
}
"""What sources call the measure that a figure is made from."""
TITLES: dict[str, Text] = {name: title for name, (title, _unit) in METRICS.items()} | {
    "bot_containment": say("Resolved by the bot"),
    "agent_queue": say("Waiting for a person"),
    "service_level": say("Served in time"),
    "error_ratio": say("Errors"),
    "p99_ms": say("p99 response time"),
    "queue_length": say("Queue"),
    "ready_replicas": say("Ready replicas"),
}
"""What each figure of the page is called."""


@dataclass(frozen=True)
class Defined:
    """One figure of the page. id: of its definition, None where the dictionary has none of it; approval: whether
    marketing and operations agreed on that id. settles_after: for so long it may change by its definition; lateness:
    what the slowest of its sources usually takes."""

    figure: str
    metric: str
    id: str | None
    approval: State | None
    title: Words | None
    unit: str
    description: str
    sources: tuple[str, ...]
    settles_after: timedelta | None
    lateness: timedelta | None


def definitions_of(figures: Iterable[str], dictionary: Dictionary, sources: Sequence[Source]) -> tuple[Defined, ...]:
    """The definition behind every figure, in their order."""
    return tuple(_defined(figure, dictionary, sources) for figure in figures)


def _defined(figure: str, dictionary: Dictionary, sources: Sequence[Source]) -> Defined:
    name = DEFINED_AS.get(figure, figure)
    found = dictionary.definitions.get(name)
    own = [source for source in sources if source.measure == SOURCED_BY.get(figure, figure)]
    hours = found.settles_after_hours if found else None
    return Defined(
        figure=figure,
        metric=name,
        id=dictionary.ids.get(name),
        approval=state_of(name, dictionary) if found else None,
        title=found.title if found else None,
        unit=found.unit if found else "",
        description=found.description if found else "",
        sources=tuple(dict.fromkeys(source.name for source in own)),
        settles_after=timedelta(hours=hours) if hours is not None else None,
        lateness=max((source.lateness for source in own if source.lateness is not None), default=None),
    )
