"""The parameters of the uplift model: which each term shares with which, and what is believed before any data.

An amplitude is the sum of what its kernel usually brings, what its driver adds, what its service adds, the campaign's
kind, the plan's numbers and the campaign's own luck: all on the log scale, all Gaussian, all estimated together, so
that many past campaigns speak for themselves and few lean on their like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]

SURVIVAL = "survival"
AWAY = "away"
FOLLOWING = "following"
BEFORE, AFTER = "before", "after"
CAMPAIGN_SD, SERVICE_SD = 0.25, 0.12
KIND_SD, DRIVER_SD, PAIR_SD = 0.35, 0.45, 0.3
LOADING_SD, LANDING_SD = 0.4, 0.3
FIELD_SD = 0.25
AWAY_USUAL, AWAY_KIND_SD = (math.log(0.03), 1.0), 1.0
SURVIVAL_USUAL, SURVIVAL_KIND_SD = (-0.3, 0.3), 0.3
SIZE_EFFECT = 0.15
EXTRAPOLATION_RATIO = 1.5
SMALLEST_SHARE = 0.01
"""A size of nothing counts as this share of the past median: how much less than little it is, no past can tell."""

# Log of the usual size, and its standard deviation. Volumes: requests per person per request of a visit.
USUAL: Mapping[str, tuple[float, float]] = {
    "plateau/share": (math.log(0.35), 0.6),
    "opening/share": (math.log(0.2), 0.8),
    "closing/share": (math.log(0.1), 0.8),
    "spike/level/sudden": (math.log(1.0), 0.7),
    "surge/level/sudden": (math.log(0.4), 0.7),
    "ramp/level/sudden": (math.log(0.15), 0.8),
    "spike/level": (math.log(0.2), 0.8),
    "surge/level": (math.log(0.2), 0.8),
    "ramp/level": (math.log(0.05), 0.8),
    "slot/level": (math.log(0.3), 0.7),
    "pulse/volume": (0.0, 0.6),
    "slot/volume": (math.log(0.15), 0.8),
    "spend/volume": (math.log(0.5), 0.8),
}
DECAYS: Mapping[str, tuple[float, float]] = {
    "pulse": (math.log(1200.0), 0.5),
    "spike": (math.log(240.0), 0.6),
    "surge": (math.log(3000.0), 0.5),
    "ramp": (math.log(300.0), 0.5),
}
EXPONENT = (1.0, 0.15)
SPEND_EXPONENT = (0.7, 0.2)
"""Money has diminishing returns: twice the spend brings 1.6 times the visits, if history does not say otherwise."""


def usual_of(term: Term) -> str:
    """The family of amplitudes that a term belongs to."""
    family = f"{term.kernel}/{term.manner}"
    return f"{family}/sudden" if f"{family}/sudden" in USUAL and term.sudden else family


@dataclass
class Layout:
    """Names, prior means and prior standard deviations of all parameters, in the order of their vector."""

    names: list[str] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    sds: list[float] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, mean: float = 0.0, sd: float = 1.0) -> None:
        if name not in self.index:
            self.index[name] = len(self.names)
            self.names.append(name)
            self.means.append(mean)
            self.sds.append(sd)

    def named(self, prefix: str) -> NDArray[np.int64]:
        """Positions of the parameters whose name begins so."""
        return np.array([i for i, name in enumerate(self.names) if name.startswith(prefix)], dtype=np.int64)


@dataclass(frozen=True)
class Numbers:
    """The plans' numbers made comparable [campaign][field], and the effect expected of a unit of each.

    missing: plans that do not give a number (it counts as typical there). stretched: the target's numbers beyond 1.5
    times their past maximum, with the ratio; shrunk: those as far below their past minimum: extrapolation. unheard: the
    target's numbers that fewer than two past plans give: nothing is learned from them. untold: numbers that every past
    plan of its kind gives, and the target does not.
    """

    scores: Mapping[str, Mapping[str, float]]
    expected: Mapping[str, float]
    missing: Mapping[str, tuple[str, ...]]
    stretched: tuple[tuple[str, float], ...]
    shrunk: tuple[tuple[str, float], ...] = ()
    unheard: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def numbers_of(plans: Sequence[Plan], target: Plan, others: Sequence[Plan] = ()) -> Numbers:
    """Compare the numbers that the target gives and that vary over at least two past plans.

    Sizes (always positive) become the log of their ratio to the past median, with a positive effect expected; flags and
    others become their distance from the past mean in units of their range.
    """
    scored = (*plans, *others, target)
    scores: dict[str, dict[str, float]] = {plan.id: {} for plan in scored}
    expected: dict[str, float] = {}
    missing: dict[str, tuple[str, ...]] = {}
    stretched, shrunk, unheard = [], [], []
    for name, value in sorted(target.drivers.items()):
        past = [plan.drivers[name] for plan in plans if name in plan.drivers]
        if len(past) < 2:
            unheard.append(name)
        if len(past) < 2 or len({*past, value}) < 2:
            continue
        size = min(past) > 0 and value >= 0 and max(past) > 1.0
        expected[name] = SIZE_EFFECT if size else 0.0
        usual = float(np.median(past) if size else np.mean(past))
        for plan in scored:
            given = plan.drivers.get(name)
            scores[plan.id][name] = 0.0 if given is None else _score(given, past, usual, size)
        missing[name] = tuple(plan.id for plan in plans if name not in plan.drivers)
        if max(past) > 0 and value > EXTRAPOLATION_RATIO * max(past):
            stretched.append((name, value / max(past)))
        if min(past) > 0 and value < min(past) / EXTRAPOLATION_RATIO:
            shrunk.append((name, value / min(past)))
    return Numbers(scores, expected, missing, tuple(stretched), tuple(shrunk), tuple(unheard), _untold(plans, target))


def _untold(plans: Sequence[Plan], target: Plan) -> tuple[str, ...]:
    alike = [set(plan.drivers) for plan in plans if plan.kind == target.kind]
    return tuple(sorted(set.intersection(*alike) - set(target.drivers))) if len(alike) > 1 else ()


def _score(given: float, past: Sequence[float], usual: float, size: bool) -> float:
    if size:
        return math.log(max(given, min(SMALLEST_SHARE * usual, *past)) / usual)
    width = max(past) - min(past)
    return min(max((given - usual) / (width or 1.0), -3.0), 3.0)


def layout_of(
    terms: Sequence[Term],
    plans: Mapping[str, Plan],
    services: Sequence[str],
    numbers: Numbers,
    requests_per_visit: float,
) -> Layout:
    """All parameters that the terms need; the target's own exist too, at their prior."""
    layout = Layout()
    layout.add(SURVIVAL, *SURVIVAL_USUAL)
    layout.add(FOLLOWING, 0.5, 0.3)
    layout.add(AWAY, *AWAY_USUAL)
    layout.add(BEFORE, 0.0, 0.12)
    layout.add(AFTER, 0.0, 0.12)
    for term in terms:
        _add_term(layout, term, requests_per_visit)
        _add_campaign(layout, plans[term.campaign], services, numbers)
        layout.add(f"pair:{plans[term.campaign].kind}:{term.driver}", 0.0, PAIR_SD)
        for service in services if len(services) > 1 else ():
            layout.add(f"loading:{term.driver}:{service}", 0.0, LOADING_SD)
        _add_landing(layout, term, services)
    return layout


def _add_landing(layout: Layout, term: Term, services: Sequence[str]) -> None:
    for service in services if len(services) > 1 and term.lands_on else ():
        layout.add(f"landing:{term.lands_on}:{service}", 0.0, LANDING_SD)


def _add_term(layout: Layout, term: Term, requests_per_visit: float) -> None:
    family = usual_of(term)
    mean, sd = USUAL[family]
    layout.add(f"usual:{family}", mean + (math.log(requests_per_visit) if term.manner == "volume" else 0.0), sd)
    layout.add(f"amplitude:{term.amplitude}", 0.0, DRIVER_SD)
    if term.decay is not None:
        layout.add(f"decay:{term.decay}", *DECAYS[term.kernel])
    if term.volume is not None:
        layout.add(f"exponent:{term.kernel}", *(SPEND_EXPONENT if term.kernel == "spend" else EXPONENT))


def _add_campaign(layout: Layout, plan: Plan, services: Sequence[str], numbers: Numbers) -> None:
    layout.add(f"kind:{plan.kind}", 0.0, KIND_SD)
    layout.add(f"{AWAY}:{plan.kind}", 0.0, AWAY_KIND_SD)
    layout.add(f"{SURVIVAL}:{plan.kind}", 0.0, SURVIVAL_KIND_SD)
    for name in numbers.scores[plan.id]:
        layout.add(f"field:{name}", numbers.expected[name], FIELD_SD)
    layout.add(f"campaign:{plan.id}", 0.0, CAMPAIGN_SD)
    for service in services:
        layout.add(f"own:{plan.id}:{service}", 0.0, SERVICE_SD)


def loadings(layout: Layout, term: Term, plan: Plan, service: str, numbers: Numbers, log_volume: float) -> Floats:
    """The row that turns the parameter vector into this term's log amplitude on this service."""
    row = np.zeros(len(layout.names))
    names = [f"usual:{usual_of(term)}", f"amplitude:{term.amplitude}", f"kind:{plan.kind}"]
    names += [f"campaign:{plan.id}", f"own:{plan.id}:{service}", f"loading:{term.driver}:{service}"]
    names += [f"pair:{plan.kind}:{term.driver}", f"landing:{term.lands_on}:{service}"]
    for name in names:
        if name in layout.index:
            row[layout.index[name]] = 1.0
    for name, score in numbers.scores[plan.id].items():
        row[layout.index[f"field:{name}"]] = score
    if term.volume is not None:
        row[layout.index[f"exponent:{term.kernel}"]] = log_volume
    return row
