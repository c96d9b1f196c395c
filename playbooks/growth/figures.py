"""A metric's value as people say it: with its unit, shares in percent, money in its currency."""

from __future__ import annotations

from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from metrics.definitions import MONEY, Definition
from metrics.sql import Definitions

UNITS = {
    "exposures": say("{value} exposures"),
    "clicks": say("{value} clicks"),
    "sessions": say("{value} sessions"),
    "users": say("{value} users"),
    "orders": say("{value} orders"),
    "answers": say("{value} answers"),
    "points": say("{value} points"),
    "contacts": say("{value} contacts"),
    "people": say("{value} people"),
    "requests": say("{value} requests"),
    "requests_per_second": say("{value} requests/s"),
    "ms": say("{value} ms"),
}
EACH = {"user": say("user"), "order": say("order"), "session": say("session")}


def figure(value: float, metric: str, definitions: Definitions) -> Text:
    """`71.4 CNY/user`, `36 %`, `38 points`; a multiple, as of money over money, is a bare number.

    A unit that only this workspace knows is called what the workspace calls it.
    """
    definition, spoken = definitions[metric], Quantity(value)
    if definition.unit == "ratio":
        return say("{value}", value=percent(value) if is_share(definition, definitions) else spoken)
    if definition.unit.startswith(MONEY):
        return say("{value} {unit}", value=spoken, unit=_of_money(definition))
    known = UNITS.get(definition.unit)
    return (
        Text(known.message, {"value": spoken}) if known else say("{value} {unit}", value=spoken, unit=definition.unit)
    )


def is_share(definition: Definition, definitions: Definitions) -> bool:
    """Whether it is how many of a count: any ratio that is not of money."""
    over = definitions.get(definition.denominator or "")
    return definition.unit == "ratio" and not (over and over.unit.startswith(MONEY))


def _of_money(definition: Definition) -> Text | str:
    each = definition.unit.removeprefix(MONEY).removeprefix("_per_")
    currency = definition.currency or ""
    return say("{currency}/{each}", currency=currency, each=EACH.get(each, each)) if each else currency
