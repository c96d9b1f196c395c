"""What to measure next: which of the uncertain things drives the result most.

Rank regression (Saltelli, Tarantola and Campolongo 2000): ranks of the result on ranks of what was drawn; the drawn
things are independent, so squared standardised coefficients are shares of the variance of ranks. The result of the
services is the load of the worst minute against what the replicas carry then, which knows how near a path came even
where nothing broke; that of support, the share of contacts that are not served in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from campaign.language import Text, say
from campaign.numbers import percent
from campaign.words import Words
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.judging import losing
from playbooks.rehearsal.record import Driver
from playbooks.rehearsal.support_judging import breaking
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played

Floats = NDArray[np.float64]
WORTH_NAMING_RATIO = 0.01
Kinds = dict[tuple[str, str], Floats]


def drivers(inputs: Inputs, played: Played, support: Mapping[str, DeskPlayed]) -> tuple[Driver, ...]:
    """Services first, then support, the largest share first; only what varies and explains a hundredth of it."""
    over = np.asarray(losing(inputs, played).any(axis=(0, 2)))
    services = tuple(_drivers("services", _of_services(inputs), _nearness(played), over))
    desks = inputs.support.desks if inputs.support and support else ()
    if not desks:
        return services
    attempts = sum(support[desk.name].attempts.sum(axis=1) for desk in desks)
    late = sum((support[d.name].attempts * (1 - support[d.name].level_ratio)).sum(axis=1) for d in desks)
    broken = np.any([breaking(desk, support[desk.name]) for desk in desks], axis=0)
    return (*services, *_drivers("support", _of_support(inputs), late / np.maximum(attempts, 1e-9), broken))


def _nearness(played: Played) -> Floats:
    return np.asarray(played.utilization_ratio.max(axis=(0, 2)), np.float64)


def _of_services(inputs: Inputs) -> Kinds:
    peaks = inputs.demand.requests_per_second.sum(axis=0).max(axis=1).astype(np.float64)
    found: Kinds = {("demand", ""): peaks}
    if inputs.uncertain is not None:
        found |= {("capacity", name): inputs.uncertain.capacity[row] for row, name in enumerate(inputs.services)}
    return found


def _of_support(inputs: Inputs) -> Kinds:
    """Per desk contacts per order; contacts themselves are these times orders, and orders traffic times conversion."""
    support = inputs.support
    if support is None:
        return {}
    orders = np.maximum(support.orders_felt.sum(axis=1), 1e-9)
    found: Kinds = {("orders", ""): orders}
    if any(desk.bot for desk in support.desks):
        found["bot", ""] = support.draws
    for desk in support.desks:
        found["contacts", desk.name] = desk.contacts.sum(axis=1) / orders
    return found


def _drivers(result: str, kinds: Kinds, outcome: Floats, broken: NDArray[np.bool_]) -> Iterator[Driver]:
    varying = {key: values for key, values in kinds.items() if np.ptp(values) > 1e-9 * max(np.abs(values).max(), 1e-9)}
    if not varying or np.ptp(outcome) == 0 or len(outcome) <= len(varying) + 2:
        return
    shares = rank_shares(np.stack(list(varying.values())), outcome)
    for (kind, name), share in sorted(zip(varying, shares, strict=True), key=lambda each: -each[1]):
        if share >= WORTH_NAMING_RATIO:
            lowest, highest = _quarters(varying[kind, name], broken)
            yield Driver(
                result="services" if result == "services" else "support",
                kind=kind,
                name=name,
                variance_ratio=float(share),
                breaks_lowest_quarter_ratio=lowest,
                breaks_highest_quarter_ratio=highest,
                what=Words.of(_named(kind, name)),
                told=Words.of(_told(kind, name, float(share), lowest, highest)),
            )


def rank_shares(drawn: Floats, outcome: Floats) -> Floats:
    """[driver]: of the variance of the outcome's ranks [path], what the ranks of each driver [driver, path] explain."""
    ranks, target = (rankdata(values, axis=-1) for values in (drawn, outcome))
    ranks, target = ((r - r.mean(axis=-1, keepdims=True)) / r.std(axis=-1, keepdims=True) for r in (ranks, target))
    coefficients = np.linalg.lstsq(ranks.T, target, rcond=None)[0]
    found: Floats = coefficients**2
    return found


def _quarters(values: Floats, broken: NDArray[np.bool_]) -> tuple[float, float]:
    """How often something breaks where the driver lies in its lowest, and in its highest, quarter."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(broken[values <= low].mean()), float(broken[values >= high].mean())


def _named(kind: str, name: str) -> Text:
    return {
        "demand": say("how large demand becomes"),
        "capacity": say("what one replica of {name} carries", name=name),
        "orders": say("how many orders come"),
        "bot": say("what the bot resolves"),
        "contacts": say("contacts per order at {name}", name=name),
    }[kind]


def _told(kind: str, name: str, share: float, lowest: float, highest: float) -> Text:
    return say(
        "{what}: {share} of the variance; something breaks in {lowest} of events in its lowest quarter, in {highest} "
        "in its highest",
        what=_named(kind, name), share=percent(share), lowest=percent(lowest), highest=percent(highest),
    )  # fmt: skip


def measure_next(found: Sequence[Driver]) -> Words | None:
    """The first thing that can be measured; None where only demand matters."""
    todo = {
        "capacity": say("measure next: what one replica of {name} carries (`surgeplan loadtest capacity {name}`)"),
        "bot": say("measure next: what the bot resolves, on questions of an earlier campaign"),
        "contacts": say("measure next: contacts per order at {name}, from the last campaign's records"),
    }
    for driver in sorted(found, key=lambda one: (one.result != "services", -one.variance_ratio)):
        if driver.kind in todo:
            return Words.of(Text(todo[driver.kind].message, {"name": driver.name} if driver.name else {}))
    return None
