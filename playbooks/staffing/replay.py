"""The plan's self-check: its roster played against sample paths, contact by contact, beside what it predicted."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from playbooks.staffing import planning, transient
from playbooks.staffing.erlang import Floats
from playbooks.staffing.plan import SelfCheck
from playbooks.staffing.planning import INTERVAL_SECONDS, DeskFigures, span
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.requirement import Rules
from playbooks.staffing.simulation_check import arrivals, simulate

BEFORE_PEAK, AFTER_PEAK, LEAD = 4, 16, 4
FEWEST_PATHS = 3


def self_check(
    figures: DeskFigures, contacts: NDArray[np.floating], policy: StaffingPolicy, seed: int
) -> SelfCheck | None:
    """Replay the hours around the peak; None for tickets (checked first in, first out, anyway) or without contacts.

    contacts: the desk's paths [path, interval]. Paths are taken evenly from all; rates differ from path to path as the
    forecast says, so both shares are what comparable campaigns would meet on average, not only the p90 one.
    """
    rules = figures.ready.rules
    if rules is None:
        return None
    window = slice(max(0, figures.peak - BEFORE_PEAK), min(len(figures.required), figures.peak + AFTER_PEAK))
    human = planning.human_paths(figures.ready, contacts, figures.clock)
    paths = _chosen(human, window, policy)
    seats = np.floor(figures.rostered * figures.ready.at_work_ratio + 0.5).astype(np.int64)
    lead = slice(max(0, window.start - LEAD), window.stop)
    skip = window.start - lead.start
    rng = np.random.default_rng(seed)
    played = [_play(human[path, lead], seats[lead], rules, rng) for path in paths]
    return _compared(figures, played, window, skip)


def _chosen(human: Floats, window: slice, policy: StaffingPolicy) -> list[int]:
    size = policy.self_check
    mean = max(1.0, float(human[:, window].sum(axis=1).mean()))
    count = int(np.clip(size.contacts_max / mean, FEWEST_PATHS, min(size.paths, len(human))))
    return sorted({int(i) for i in np.linspace(0, len(human) - 1, min(count, len(human)))})


@dataclass(frozen=True)
class _Played:
    """One path, per interval, with redials: contacts expected and predicted good; simulated counted, good, given up."""

    expected: Floats
    predicted: Floats
    counted: Floats
    good: Floats
    offered: Floats
    given_up: Floats


def _play(contacts: Floats, seats: NDArray[np.int64], rules: Rules, rng: np.random.Generator) -> _Played:
    rates, people = contacts / INTERVAL_SECONDS, seats.astype(np.float64)
    places = transient.places_needed(rules, rates, people)
    outcomes = transient.play(rates, people, INTERVAL_SECONDS, rules, transient.empty(places))
    arrived = arrivals(contacts, INTERVAL_SECONDS, rng)
    outcome = simulate(arrived, seats.tolist(), INTERVAL_SECONDS, rules, rng)
    good, counted = outcome.good_and_counted(rules.definition, rules.within_seconds)
    interval = np.minimum((outcome.arrived_seconds // INTERVAL_SECONDS).astype(np.int64), len(seats) - 1)
    expected = np.array([one.offered_per_second * INTERVAL_SECONDS for one in outcomes])

    def per_interval(which: NDArray[np.bool_]) -> Floats:
        return np.bincount(interval[which], minlength=len(seats)).astype(np.float64)

    return _Played(
        expected=expected,
        predicted=expected * np.array([one.level_ratio for one in outcomes]),
        counted=per_interval(counted),
        good=per_interval(good),
        offered=per_interval(np.ones(len(interval), dtype=bool)),
        given_up=per_interval(~outcome.served),
    )


def _compared(figures: DeskFigures, played: list[_Played], window: slice, skip: int) -> SelfCheck | None:
    opened = figures.open[window]
    totals = {
        part.name: np.array([np.where(opened, getattr(one, part.name)[skip:], 0.0) for one in played])
        for part in fields(_Played)
    }
    if not played or totals["offered"].sum() == 0 or totals["expected"].sum() == 0:
        return None
    predicted = totals["predicted"].sum() / totals["expected"].sum()
    simulated = totals["good"].sum() / max(1.0, totals["counted"].sum())
    difference = _ratio(totals["good"].sum(1), totals["counted"].sum(1)) - _ratio(
        totals["predicted"].sum(1), totals["expected"].sum(1)
    )
    by_interval = _ratio(totals["good"].sum(0), totals["counted"].sum(0))
    worst = int(np.argmin(by_interval))
    expected = _ratio(totals["predicted"].sum(0), totals["expected"].sum(0))
    return SelfCheck(
        paths=len(played),
        contacts=int(totals["offered"].sum()),
        starts_at_utc=span(figures.clock, window.start)[0],
        ends_at_utc=span(figures.clock, window.stop - 1)[1],
        predicted_ratio=float(predicted),
        simulated_ratio=float(simulated),
        difference_standard_error=float(difference.std(ddof=1) / np.sqrt(len(played))) if len(played) > 1 else 0.0,
        worst_interval_at_utc=span(figures.clock, window.start + worst)[0],
        worst_interval_predicted_ratio=float(expected[worst]),
        worst_interval_simulated_ratio=float(by_interval[worst]),
        simulated_abandoned_ratio=float(totals["given_up"].sum() / totals["offered"].sum()),
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
