"""Services that were renamed, split, or have no history of their own: whose numbers are theirs."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.language import Text, say
from campaign.settings import Service, Settings
from forecast.epochs import epoch
from forecast.history.buckets import Series, added


def series_by_service(settings: Settings, by_name: dict[str, Series]) -> tuple[dict[str, Series], list[Text]]:
    """History of today's services from history by the names that the files use, and what was assumed."""
    notes: list[Text] = []
    found: dict[str, Series] = {}
    for service in settings.services:
        parts = list(_own_and_earlier(service, by_name, notes))
        if parts:
            found[service.name] = added(parts)
    for service in settings.services:
        _follow(service, settings, found, notes, ())
    notes += [
        say("{service} has no history: it is left out", service=name)
        for name in settings.service_names
        if name not in found
    ]
    return {name: found[name] for name in settings.service_names if name in found}, notes


def _own_and_earlier(service: Service, by_name: dict[str, Series], notes: list[Text]) -> Iterator[Series]:
    """Own rows, and those under earlier names up to `until`, each with its share.

    A service that names itself in `was` had all of a service that was split: it keeps its share of its own rows.
    """
    itself = next((was for was in service.was if was.name == service.name), None)
    if service.name in by_name:
        own = by_name[service.name]
        if itself is None:
            yield own
        else:
            split = epoch(itself.until)
            yield own.within(-float("inf"), split).times(itself.share_ratio)
            yield own.within(split, float("inf"))
    for was in service.was:
        if was.name in by_name and was is not itself:
            until = epoch(was.until)
            earlier = by_name[was.name].within(-float("inf"), until)
            notes.append(
                say(
                    "{service} before {until} is {share} × {name}",
                    service=service.name,
                    until=was.until.isoformat(),
                    share=f"{was.share_ratio:g}",
                    name=was.name,
                )
            )
            yield earlier.times(was.share_ratio)


def _follow(
    service: Service, settings: Settings, found: dict[str, Series], notes: list[Text], asked: tuple[str, ...]
) -> None:
    """Give a service without history what it is said to follow; `asked` guards against a circle."""
    follows = service.follows
    if service.name in found or follows is None or service.name in asked:
        return
    _follow(settings.service(follows.service), settings, found, notes, (*asked, service.name))
    if follows.service in found:
        found[service.name] = found[follows.service].times(follows.requests_per_request)
        notes.append(
            say(
                "{service} has no history of its own: {ratio} × {other}",
                service=service.name,
                ratio=f"{follows.requests_per_request:g}",
                other=follows.service,
            )
        )
