"""What the plan says first, what it orders, and what it draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from playbooks.autoscaling.admission import admitted_by_endpoint, endpoint_shares
from playbooks.autoscaling.backtest import Candidate, Way, chosen_way, fleets_of, shifted
from playbooks.autoscaling.plan import BackTest, Outcome
from playbooks.autoscaling.policy import read_policy
from playbooks.autoscaling.verdict import verdict_of


def outcome(minutes: float, events: float, above: float = 0.0) -> Outcome:
    return Outcome(
        overloaded_minutes=minutes,
        event_overload_ratio=events,
        above_capacity_ratio=above,
        replica_hours=10,
        oracle_ratio=1.5,
    )


def replayed(alone: Outcome, warm: Outcome, plan: Outcome) -> BackTest:
    policies = {"hpa-alone": alone, "hpa-alone-warm-nodes": warm, "plan": plan, "hpa-alone-at-plan-target": alone}
    return BackTest(paths=100, tick_seconds=15, shift_minutes=(0,), nodes_wait=True, policies=policies)


SAFE, BAD = outcome(0, 0), outcome(6, 1, 0.06)
HAIR = outcome(0.5, 0.36, 0.000003)


@pytest.mark.parametrize(
    ("alone", "warm", "verdict", "said"),
    [
        (SAFE, SAFE, "reactive-suffices", "follows this ramp"),
        (HAIR, SAFE, "reactive-suffices", "0.5 overloaded minutes"),
        (BAD, SAFE, "scheduled", "were the nodes kept warm"),
        (BAD, BAD, "scheduled", "is too late"),
    ],
)
def test_the_verdict_follows_the_replay(alone: Outcome, warm: Outcome, verdict: str, said: str) -> None:
    found, why = verdict_of(replayed(alone, warm, SAFE), (), read_policy())
    assert found == verdict
    assert said in str(why)


def test_the_cheapest_safe_way_is_taken() -> None:
    policy = read_policy()
    assert chosen_way([SAFE, SAFE, SAFE], BAD, policy) == 0
    assert chosen_way([BAD, SAFE, SAFE], BAD, policy) == 1
    assert chosen_way([outcome(0.5, 0.04), SAFE], outcome(0.2, 0.02), policy) == 1
    assert chosen_way([outcome(3, 1), outcome(1, 1), outcome(2, 1)], BAD, policy) == 1


def test_paths_come_as_planned_early_and_late_in_turn() -> None:
    rates = np.arange(6, dtype=np.float32)[None, None] * np.ones((1, 3, 1), np.float32)
    moved = shifted(rates, (0, -2, 1))[0]
    assert moved.tolist() == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 5, 5], [0, 0, 1, 2, 3, 4]]


def test_without_a_funnel_the_service_is_one_endpoint() -> None:
    (limit,) = admitted_by_endpoint((), "shop", 100.0, 60.0)
    assert (limit.endpoint, limit.admitted_requests_per_second) == ("shop", 60.0)
    assert endpoint_shares((), "shop") == []


def test_both_pictures_are_drawn(published: Path) -> None:
    for name in ("autoscaling.svg", "risk_against_cost.svg"):
        assert "storefront" in (published / "out/coupon-drop/playbook" / name).read_text("utf-8")


def test_todays_hpa_is_not_held_down_by_the_plans_maxreplicas() -> None:
    floor = np.full(60, 2)
    ways = (Way("surges", 0.75, floor, 30), Way("everywhere", 0.65, floor, 50))
    fleets = fleets_of(0, Candidate(100.0, 2, 90.0, ways), read_policy())
    assert (fleets["hpa-alone"].ceiling, fleets["hpa-alone-warm-nodes"].ceiling) == (50, 50)
    assert (fleets["way-0"].ceiling, fleets["hpa-alone-0.75"].ceiling) == (30, 30)
