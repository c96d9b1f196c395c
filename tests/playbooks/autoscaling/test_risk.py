"""Who chooses the risk, what each level costs, and what the next replica buys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.capacity import Capacity, CapacityRange
from campaign.settings import Replicas, Risk, Service, Settings, Stage
from campaign.workspace import open_workspace
from playbooks.autoscaling.known import ServiceFacts, risk_level
from playbooks.autoscaling.plan import Step
from playbooks.autoscaling.policy import AutoscalingPolicy, read_policy
from playbooks.autoscaling.publish import make_plan, publish_autoscaling
from playbooks.autoscaling.risk import Gamble, next_replicas, risk_against_cost

Make = Callable[..., Path]
BEGINS = datetime(2026, 11, 10, 11, 0, tzinfo=UTC)
POLICY = read_policy()


def facts(cost: float | None = 1.0, capacity: float = 100.0, lead: int = 2) -> ServiceFacts:
    known = CapacityRange(low=capacity, mid=capacity, high=capacity)
    service = Service(name="shop", cost_per_replica_hour=cost, replicas=Replicas(min=1))
    measured = Capacity(service="shop", source="measured", capacity_requests_per_second_per_replica=known)
    return ServiceFacts(service, measured, 1, None, 60.0, lead, 1, ())


def settings(**risk: float) -> Settings:
    buying = Stage(stage="buy", continues_ratio=0.01, requests={"shop": 1.0})
    return Settings(
        time_zone="UTC", services=(facts().service,), risk=Risk(**risk), funnel=(buying, Stage(stage="pay"))
    )


def policy(**own: float) -> AutoscalingPolicy:
    return POLICY.model_copy(update=own)


def test_without_prices_the_policy_chooses_the_risk() -> None:
    level = risk_level(facts(), settings(), POLICY)
    assert (level.quantile_ratio, level.chosen_by) == (0.99, "policy")


def test_prices_choose_the_risk_where_the_workspace_names_none() -> None:
    by_minute = risk_level(facts(cost=6.0), settings(), policy(cost_per_overloaded_minute=1.9))
    assert by_minute.chosen_by == "money"
    assert by_minute.quantile_ratio == pytest.approx(114 / 120)
    by_order = risk_level(facts(cost=1.0), settings(value_lost_per_refused_order=0.01), POLICY)
    assert by_order.chosen_by == "money"
    assert by_order.quantile_ratio == pytest.approx(36 / 37)  # 100/s × 3600 s × 0.01 orders × 0.01 against 1 an hour


def test_the_workspaces_own_probability_wins_over_prices() -> None:
    own = settings(value_lost_per_refused_order=50, overload_probability_per_minute=0.1)
    level = risk_level(facts(), own, policy(cost_per_overloaded_minute=5.0))
    assert (level.quantile_ratio, level.chosen_by) == (pytest.approx(0.9), "workspace")


def test_a_price_without_a_cost_chooses_nothing() -> None:
    assert risk_level(facts(cost=None), settings(), policy(cost_per_overloaded_minute=5.0)).chosen_by == "policy"


@given(st.floats(0.01, 1e5), st.floats(1, 100), st.floats(0.01, 100))
def test_dearer_minutes_never_take_more_risk_and_dearer_replicas_never_less(
    lost: float, factor: float, cost: float
) -> None:
    def chosen(minute: float, hour: float) -> float:
        return risk_level(facts(cost=hour), settings(), policy(cost_per_overloaded_minute=minute)).quantile_ratio

    assert chosen(lost * factor, cost) >= chosen(lost, cost)
    assert chosen(lost, cost * factor) <= chosen(lost, cost)


def gamble(rates: np.ndarray, lead: int = 2, value: float | None = None) -> Gamble:
    burst = np.ones(rates.shape[1])
    return Gamble(rates.astype(np.float32), burst, BEGINS, facts(lead=lead), POLICY, 8, None, value)


def steps(*replicas: int, apart_minutes: int = 10) -> tuple[Step, ...]:
    return tuple(
        Step(starts_at_utc=BEGINS + timedelta(minutes=i * apart_minutes), replicas=count, why="")
        for i, count in enumerate(replicas)
    )


def test_the_next_replica_is_worth_what_it_newly_carries() -> None:
    rates = np.array([[150.0] * 10 + [350.0] * 10, [50.0] * 20])
    best, other = next_replicas(gamble(rates, value=0.5), steps(1, 3))
    assert (best.starts_at_utc, best.replicas) == (BEGINS, 2)
    assert best.replica_hours == pytest.approx(10 / 60)
    until_the_second_is_ready = 100 * 60 * 2 / 2
    assert best.saved_requests == pytest.approx(50 * 60 * 8 / 2 + until_the_second_is_ready)  # one path of two
    assert best.saved_minutes == pytest.approx(8 / 2)
    assert best.saved_value == pytest.approx(0.5 * best.saved_requests)
    assert other.saved_requests == pytest.approx(50 * 60 * 8 / 2)  # ready after two minutes


def test_a_replica_that_carries_nothing_new_is_not_offered() -> None:
    assert next_replicas(gamble(np.full((3, 20), 90.0)), steps(1, 1)) == ()


def test_every_level_has_its_price_and_what_it_leaves_short() -> None:
    level = np.exp(0.2 * np.random.default_rng(0).standard_normal((2000, 1)))
    points = risk_against_cost(gamble(level * np.full((1, 60), 1000.0), value=0.1))
    assert [point.quantile_ratio for point in points] == [0.5, 0.75, 0.9, 0.95, 0.99, 0.999]
    costs, short = ([getattr(point, key) for point in points] for key in ("cost", "short_requests"))
    assert costs == sorted(costs)
    assert short == sorted(short, reverse=True)
    assert points[0].event_short_ratio == pytest.approx(0.5, abs=0.06)
    assert points[0].value_lost == pytest.approx(0.1 * points[0].short_requests)


def test_prices_in_a_workspace_move_its_floors(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    folder = workspace_folder()
    usual = make_plan(open_workspace(folder), "coupon-drop", as_of).plan.services["storefront"]
    (folder / "autoscaling.yaml").write_text("cost_per_overloaded_minute: 0.1\n", "utf-8")
    cheap = make_plan(open_workspace(folder), "coupon-drop", as_of).plan.services["storefront"]
    (folder / "autoscaling.yaml").write_text("cost_per_overloaded_minute: 5000\n", "utf-8")
    dear = publish_autoscaling(open_workspace(folder), "coupon-drop", as_of).services["storefront"]
    assert (usual.risk_chosen_by, cheap.risk_chosen_by, dear.risk_chosen_by) == ("policy", "money", "money")
    assert cheap.quantile_ratio < usual.quantile_ratio < dear.quantile_ratio
    assert cheap.replicas.peak < usual.replicas.peak <= dear.replicas.peak
    text = (folder / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
    assert "that risk is where one more replica-hour costs as much as it saves" in text


def test_the_plan_says_what_the_next_replica_buys(published: Path) -> None:
    text = (published / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
    assert text.count("The next replica") == 2
