"""Eight times the contacts within 15 minutes: what usual staffing rules and the exact chain achieve, simulated.

nice .venv/bin/python benchmarks/staffing/surge_day.py [days]

Contacts are flat at 3 a minute, ramp to eight times that between 20:00 and 20:15, stay for 15 minutes and decay with a
time constant of 45 minutes. Rules per interval staff its mean, as spreadsheets do; the others know the minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from playbooks.staffing import erlang, transient
from playbooks.staffing.erlang import Floats
from playbooks.staffing.offered_load import in_hand
from playbooks.staffing.requirement import Rules, required_seats
from playbooks.staffing.simulation_check import simulate

QUARTER_SECONDS, QUARTERS = 900, 96
SURGE = slice(80, 96)
DESKS = {
    "phone: 5 min, patience 2 min, 80 % in 20 s": Rules((300.0,), 120, "served_within", 0.8, 20),
    "long chat: 20 min, patience 4 min, 80 % in 60 s": Rules((1200.0,), 240, "served_within", 0.8, 60),
}
Rule = Callable[[Floats, Rules], Floats]


def rate_per_minute(minute: Floats) -> Floats:
    after = minute - 1200
    surge = np.where(after < 15, after / 15, np.exp(-np.maximum(after - 30, 0) / 45))
    return 3.0 * (1 + 7 * np.where(after < 0, 0, surge))


def quarter_means() -> Floats:
    """Contacts in each quarter-hour of the day."""
    return rate_per_minute(np.arange(1440) + 0.5).reshape(QUARTERS, 15).sum(axis=1)


def erlang_c(contacts: Floats, rules: Rules) -> Floats:
    load = contacts * rules.seconds_at_full / QUARTER_SECONDS
    found = erlang.agents_without_abandonment(load, rules.seconds_at_full, rules.target_ratio, rules.within_seconds)
    return found.astype(np.float64)


def erlang_a(contacts: Floats, rules: Rules) -> Floats:
    return np.ceil(required_seats(rules, contacts * rules.seconds_at_full / QUARTER_SECONDS).seats - 1e-9)


def modified_load(contacts: Floats, rules: Rules) -> Floats:
    load = in_hand(minutes()[None], 60, rules.seconds_at_full)[0, :, -1].reshape(QUARTERS, 15).max(axis=-1)
    return np.ceil(required_seats(rules, load).seats - 1e-9)


def minutes() -> Floats:
    """Contacts in each minute of the day."""
    return rate_per_minute(np.arange(1440) + 0.5)


def exact_chain(contacts: Floats, rules: Rules) -> Floats:
    seats, rates = modified_load(contacts, rules), minutes().reshape(QUARTERS, 15) / 60
    places = transient.places_needed(rules, rates[SURGE].max(axis=1), seats[SURGE] * 1.3)
    starts = transient.empty(places)
    for i in range(SURGE.start - 12, QUARTERS):
        if i >= SURGE.start:
            found, _ = transient.fewest_in_interval(starts, rates[i], float(seats[i]), QUARTER_SECONDS, rules)
            seats[i] = np.ceil(found - 1e-9)
        starts = transient.through_interval(starts, rates[i], float(seats[i]), QUARTER_SECONDS, rules).ends
    return seats


RULES: dict[str, Rule] = {
    "Erlang C per interval (spreadsheets)": erlang_c,
    "Erlang A per interval": erlang_a,
    "Erlang A, modified load, interval's maximum": modified_load,
    "exact chain, interval after interval": exact_chain,
}


@dataclass(frozen=True)
class Day:
    """The surge's agent-hours, service level over it, in its worst and best quarter-hour, and the share given up."""

    hours: float
    level: float
    worst: float
    best: float
    given_up: float


def simulated(seats: Floats, rules: Rules, days: int, seed: int = 1) -> Day:
    rng = np.random.default_rng(seed)
    good, offered, lost = np.zeros(QUARTERS), np.zeros(QUARTERS), np.zeros(QUARTERS)
    for _ in range(days):
        arrived = _arrivals(rng)
        outcome = simulate(arrived, seats.astype(int).tolist(), QUARTER_SECONDS, rules, rng)
        quarter = (arrived // QUARTER_SECONDS).astype(int)
        kept = outcome.served & (outcome.waited_seconds <= rules.within_seconds)
        offered += np.bincount(quarter, minlength=QUARTERS)
        good += np.bincount(quarter[kept], minlength=QUARTERS)
        lost += np.bincount(quarter[~outcome.served], minlength=QUARTERS)
    level = good[SURGE] / offered[SURGE]
    return Day(
        hours=float(seats[SURGE].sum()) / 4,
        level=float(good[SURGE].sum() / offered[SURGE].sum()),
        worst=float(level.min()),
        best=float(level.max()),
        given_up=float(lost[SURGE].sum() / offered[SURGE].sum()),
    )


def _arrivals(rng: np.random.Generator) -> Floats:
    """Poisson arrivals of a day, minute by minute, from the evening on preceded by the quiet day."""
    counts = rng.poisson(rate_per_minute(np.arange(1440) + 0.5))
    starts = np.repeat(np.arange(1440) * 60.0, counts)
    return np.sort(starts + rng.uniform(0, 60, len(starts)))


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for desk, rules in DESKS.items():
        contacts = quarter_means()
        base = simulated(erlang_c(contacts, rules), rules, days)
        print(f"\n{desk}; {days} simulated days\n")
        print("| rule | agent-hours 20–24 h | against Erlang C | service level | worst quarter | best | given up |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        endless = simulated(erlang_c(contacts, rules), replace(rules, patience_seconds=1e9), days)
        _row("Erlang C per interval, nobody giving up (its own assumption)", endless, base)
        for name, rule in RULES.items():
            _row(name, simulated(rule(contacts, rules), rules, days), base)


def _row(name: str, day: Day, base: Day) -> None:
    print(
        f"| {name} | {day.hours:.1f} | {100 * (day.hours / base.hours - 1):+.1f} % | {100 * day.level:.1f} % "
        f"| {100 * day.worst:.1f} % | {100 * day.best:.1f} % | {100 * day.given_up:.1f} % |"
    )


if __name__ == "__main__":
    main()
