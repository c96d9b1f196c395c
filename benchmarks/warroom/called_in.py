"""How often the range that is told of people called in holds what they really did: simulated desks, contact by contact.

    .venv/bin/python benchmarks/warroom/called_in.py [EVENTS]

Each event is four hours of one phone desk; people come in at the third. The same contacts, handling times and patience
are served with those people and without them: the difference is the truth. What is told knows only counts of five
minutes, who is signed in, and the staffing plan, whose contacts are a lognormal 15 % lighter or heavier in reality.
"""

from __future__ import annotations

import heapq
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.settings import Desk
from campaign.words import Words
from playbooks.staffing.level_table import LevelTable, level_table
from playbooks.staffing.requirement import Rules
from warroom.live.actions.desks import HALF_HOUR, DeskAhead
from warroom.live.actions.log import Decision, Outcome
from warroom.live.actions.records import Effect, Range
from warroom.live.actions.served import Served, level_outcome

Floats = NDArray[np.float64]

HANDLE, PATIENCE, WITHIN, HEAVIER_SD = 300.0, 120.0, 20.0, 0.15
HOUR, COME_AT, ENDS, BUCKET = 3600, 3 * 3600, 4 * 3600, 300
T0 = datetime(2026, 11, 10, 12, tzinfo=UTC)
DESKS = ((10, 9, 3), (20, 18, 5), (20, 24, 3), (60, 56, 8), (200, 195, 10), (300, 250, 30))
"""Planned contacts in hand, people on shift, people called in."""
DESK = Desk.model_validate(
    {
        "name": "phone", "channel": "phone", "handle_seconds": HANDLE, "patience_seconds": PATIENCE,
        "service_level": {"definition": "served_within", "ratio": 0.8, "seconds": WITHIN},
    }
)  # fmt: skip


@dataclass(frozen=True)
class Contacts:
    """When each comes (seconds), how long it takes, and how long it waits at most."""

    at: Floats
    handling: Floats
    patience: Floats

    def in_time(self, people: int, more: int) -> NDArray[np.bool_]:
        """Served within the promised seconds, first come first served, with `more` people from `COME_AT` on."""
        free, added = [0.0] * people, False
        found = np.zeros(len(self.at), dtype=np.bool_)
        for i, at in enumerate(self.at):
            if at >= COME_AT and not added:
                added = True
                for _ in range(more):
                    heapq.heappush(free, float(COME_AT))
            begins = max(free[0], float(at))
            if begins - at <= self.patience[i]:
                heapq.heapreplace(free, begins + self.handling[i])
                found[i] = begins - at <= WITHIN
        return found


def drawn(load: float, rng: np.random.Generator) -> Contacts:
    heavier = np.exp(rng.normal(0, HEAVIER_SD))
    at = np.cumsum(rng.exponential(HANDLE / load, int(1.5 * load / HANDLE * ENDS) + 100))
    at = at[at < ENDS]
    return Contacts(at, rng.exponential(HANDLE * heavier, len(at)), rng.exponential(PATIENCE, len(at)))


def told_of(contacts: Contacts, table: LevelTable, load: float, people: int, more: int) -> tuple[float, Outcome]:
    """The true change of the hour's service level, and what is told of it."""
    with_them, without = contacts.in_time(people, more), contacts.in_time(people, 0)
    hour = contacts.at >= COME_AT
    edges = np.arange(0, ENDS + 1, BUCKET)
    starts = int(T0.timestamp()) + edges[:-1].astype(np.int64)
    counts = [np.histogram(at, edges)[0].astype(np.float64) for at in (contacts.at, contacts.at[with_them])]
    served = Served(starts, BUCKET, *counts, np.where(edges[:-1] >= COME_AT, people + more, people).astype(np.float64))
    outcome = level_outcome(decision(more, people), planned(table, load, people), served, ())
    assert outcome is not None
    return float(with_them[hour].mean() - without[hour].mean()), outcome


def planned(table: LevelTable, load: float, people: int) -> DeskAhead:
    halves = np.ones(2 * ENDS // HOUR)
    human = load / HANDLE * HALF_HOUR * halves
    starts = int(T0.timestamp()) + HALF_HOUR * np.arange(len(halves))
    return DeskAhead(
        DESK, starts, halves > 0, np.array([human, 1.2 * human]), np.array([load * halves, 1.2 * load * halves]),
        people * halves, table,
    )  # fmt: skip


def decision(more: int, people: int) -> Decision:
    nothing, starts = Range(0, 0, 0), T0 + timedelta(seconds=COME_AT)
    effect = Effect("service_level", "phone", nothing, starts, nothing, starts)
    at = starts - timedelta(minutes=5)
    words = Words(zh="", en="")
    return Decision("", "", "agents", "phone", more, people, words, "", "support", at, "", (effect,))


def main(events: int) -> None:
    rules = Rules(
        handle_seconds=(HANDLE,), patience_seconds=PATIENCE, definition="served_within", target_ratio=0.8,
        within_seconds=WITHIN,
    )  # fmt: skip
    table = level_table(rules, 500.0)
    print("| contacts in hand | people | called in | range holds the truth | width, points | told apart from nothing |")
    print("|---:|---:|---:|---:|---:|---:|")
    for load, people, more in DESKS:
        held, widths, sure = [], [], []
        for event in range(events):
            truth, outcome = told_of(
                drawn(load, np.random.default_rng([load, people, event])), table, load, people, more
            )
            assert outcome.real is not None
            held.append(outcome.real.p10 <= truth <= outcome.real.p90)
            widths.append(100 * (outcome.real.p90 - outcome.real.p10))
            sure.append(outcome.verdict == "told")
        print(
            f"| {load} | {people} | {more} | {np.mean(held):.0%} | {np.mean(widths):.0f} | {np.mean(sure):.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
