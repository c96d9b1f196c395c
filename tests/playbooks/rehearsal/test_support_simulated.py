"""A rehearsal's desk through an eightfold surge beside contacts simulated one by one, as staffing's check does it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.support import HALF_HOUR_SECONDS, Support, SupportDesk, play_support
from playbooks.simulation.desks import missed_at_balance
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules
from playbooks.staffing.simulation_check import arrivals, simulate

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
LONG = Rules((1200.0,), 240, "served_within", 0.8, 60)
AGAIN = replace(PHONE, redial_ratio=0.5)
SHAPE = np.array([1.0, 1.0, 1.0, 1.0, 6.0, 8.0, 5.6, 4.2, 3.2, 2.6, 2.0, 1.6])
SURGE = slice(4, 11)
SIZES = (0.85, 1.0, 1.2)
DAYS = 250


def support(rules: Rules, contacts: np.ndarray, seats: np.ndarray) -> Support:
    """One desk, always open, on paths of three sizes."""
    always, paths = np.ones(len(SHAPE), bool), len(SIZES)
    desk = SupportDesk(
        name="desk",
        contacts=np.array(SIZES)[:, None] * contacts,
        is_open=always,
        judged=always,
        seats=seats,
        at_work_ratio=1.0,
        rules=rules,
        target_ratio=0.8,
        within_seconds=rules.within_seconds,
        missed=missed_at_balance(level_table(rules, 200.0), rules),
    )
    starts_at, none = datetime(2026, 11, 10, 8, 0, tzinfo=UTC), np.zeros((paths, len(SHAPE)))
    half, up = np.full(paths, 0.5), np.ones(len(SHAPE))
    return Support(starts_at, (desk,), none, shipped_policy().lost_orders, half, up, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rules", "points"),
    [(PHONE, 0.03), (CHAT, 0.03), (LONG, 0.03), (AGAIN, 0.05)],
    ids=["phone", "chat", "long", "redials"],
)
def test_each_interval_of_a_surge_is_within_three_points_of_the_simulation(rules: Rules, points: float) -> None:
    """Seats for nine tenths of the load leave a half-hour late. With redials the peak is 3.7 points off."""
    contacts = SHAPE * 40
    load = contacts / HALF_HOUR_SECONDS * rules.seconds_at_full / rules.at_once
    seats = np.ceil(np.maximum(0.9 * load, 0.9 * np.roll(load, 1)) + 2)
    seats[0] = seats[1]
    planned = support(rules, contacts, seats)
    met = play_support(planned, np.zeros((len(SIZES), len(SHAPE))))["desk"]
    assert met.level_ratio[:, SURGE].min() < 0.7
    for path, each in enumerate(planned.desks[0].contacts):
        simulated = simulated_levels(rules, each, seats)
        assert met.level_ratio[path, SURGE] == pytest.approx(simulated[SURGE], abs=points), SIZES[path]


def simulated_levels(rules: Rules, contacts: np.ndarray, seats: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(11)
    good, counted = np.zeros((2, len(contacts)))
    for _ in range(DAYS):
        met = simulate(arrivals(contacts, HALF_HOUR_SECONDS, rng), seats.astype(int).tolist(), 1800, rules, rng)
        interval = np.minimum(met.arrived_seconds // HALF_HOUR_SECONDS, len(contacts) - 1).astype(int)
        kinds = met.good_and_counted(rules.definition, rules.within_seconds)
        for total, which in zip((good, counted), kinds, strict=True):
            total += np.bincount(interval[which], minlength=len(contacts))
    return good / counted
