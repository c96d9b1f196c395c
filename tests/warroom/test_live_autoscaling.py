"""What the live war room counts on where an HPA runs on top of the planned floors."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.store.live import Measured
from campaign.workspace import open_workspace
from playbooks.autoscaling.holds import Hold
from playbooks.readiness.acts import Actor
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.hpa import Counts, sure_growth, surely_ready
from playbooks.simulation.replay import replay
from playbooks.simulation.startup import lead_minutes, ready_of
from tests.warroom.live_event import CAMPAIGN, START, model_files
from tests.warroom.scaling_plan import plan_file
from tests.warroom.test_levers import campaign_in
from warroom.live.actions.ahead import Ahead, ahead_of
from warroom.live.actions.scaling import scaling_wanted
from warroom.live.deciding.decisions import Wanted, take
from warroom.live.deciding.levers import levers
from warroom.live.records import LiveState
from warroom.live.state import live_state, live_store
from warroom.push.carried import SEEN_MINUTES, Hpa, Observed, Row, Stretch, as_seen

NOW = START + timedelta(minutes=30)


LONG_BEFORE = START - timedelta(hours=8)


@pytest.mark.parametrize(("most", "carries", "reached"), [(8, 800.0, True), (40, 1700.0, False)])
def test_capacity_is_not_reached_where_the_hpa_follows_within_its_quota(
    tmp_path: Path, most: int, carries: float, reached: bool
) -> None:
    """A day of about 1,160 a second at p90: 17 replicas that are 65 % busy, give or take a tenth."""
    model_files(campaign_in(tmp_path))
    plan_file(tmp_path, {LONG_BEFORE: 8}, most)
    workspace = open_workspace(tmp_path)
    state = live_state(workspace, CAMPAIGN, NOW)
    capacity = state.capacities["storefront"]
    assert capacity.requests_per_second == pytest.approx(carries, abs=100)
    assert (capacity.reached_at is not None) == reached
    ahead = ahead_of(workspace, state)["storefront"]
    assert ahead.carries == pytest.approx(np.full(len(ahead.starts), carries), abs=100)


def test_an_hpa_is_late_by_its_start_up_and_stays_for_its_window() -> None:
    asked = np.array([65.0] * 10 + [650.0] * 5 + [65.0] * 15)
    ready = surely_ready(asked, np.zeros(30, np.int64), 3, 5, 65.0, math.inf)
    assert ready.tolist() == [1] * 13 + [10] * 7 + [1] * 10


def test_by_cpu_a_jump_is_followed_start_up_by_start_up_because_utilisation_ends_at_all() -> None:
    """Ten replicas, 65 % busy, and five times as much: 14, 20, 28 ... one start-up of three minutes after the other."""
    asked = np.array([650.0] * 3 + [3250.0] * 13)
    ready = surely_ready(asked, np.full(16, 10), 3, 5, 65.0, sure_growth(0.65))
    assert ready[5:].tolist() == [10] + [14] * 3 + [20] * 3 + [28] * 3 + [40]


@pytest.mark.parametrize("metric", ["cpu", "rate"])
@given(st.integers(0, 10_000), st.floats(1.0, 6.0), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_what_an_hpa_is_counted_on_for_is_ready_in_the_replay(
    metric: Literal["cpu", "rate"], seed: int, factor: float, floor: int
) -> None:
    """A noisy day with a jump and a fall, minute by minute beside the replay of the plan with its node waits."""
    rates = 1000 * np.random.default_rng(seed).lognormal(0, 0.05, 120)
    rates[60:90] *= factor
    floors = np.where(np.arange(120) < 75, floor, floor + 8)
    fleet = Fleet(0, 100.0, floors, 60, 0.65, metric, (60, 120), Nodes(), floor_late_seconds=60)
    ready = replay(Demand(rates.astype(np.float32)[None, None]), [fleet]).watched_ready[0].reshape(120, 4).min(axis=1)
    growth = sure_growth(0.65) if metric == "cpu" else math.inf
    lead = lead_minutes(120, 240, 60)
    hpa = Hpa(60, lead + SEEN_MINUTES, 65.0, growth)
    counted = Row(ready_of(floors, lead), 100.0, np.full(120, np.inf), hpa).replicas(rates)
    assert (counted <= ready).all()


PLANNED = np.repeat([10, 40], [60, 120])
"""Floors by the minute: thirty more are ordered after an hour, and ready six minutes later."""
LEAD = 6


def there(
    minute: int,
    ready: int | None,
    raised: int = 0,
    patched: int | None = None,
    until: int = 180,
    planned: Counts = PLANNED,
) -> Counts:
    stretch, earlier = Stretch(START, 180), np.concatenate([planned[:1].repeat(LEAD), planned])
    held = () if patched is None else (Hold("storefront", raised, at(patched), at(until), at(until)),)
    row = Row(ready_of(planned, LEAD), 100.0, np.full(180, np.inf))
    return as_seen(row, earlier, stretch, Observed(at(minute), ready, held), LEAD).replicas(np.zeros(180))


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def test_what_is_planned_counts_from_a_start_up_after_its_order_until_it_should_have_come_true() -> None:
    assert there(30, 10).tolist() == [10] * 66 + [40] * 114
    assert there(64, 10)[64:].tolist() == [10] * 2 + [40] * 114  # on their way
    assert there(70, 10)[70:].tolist() == [10] * 110
    assert there(70, 38)[70:].tolist() == [38] * 110
    assert there(30, 7)[60:].tolist() == [7] * 6 + [37] * 114  # three are missing
    assert there(30, None).tolist() == [10] * 66 + [40] * 114


def test_more_than_planned_count_while_the_hpa_keeps_them() -> None:
    assert there(30, 25)[28:38].tolist() == [10, 10, 25, 25, 25, 25, 25, 10, 10, 10]


def test_a_floor_that_was_raised_counts_from_when_it_is_due_for_as_many_as_came() -> None:
    assert there(20, 10, 25, patched=23)[28:31].tolist() == [10, 25, 25]
    assert there(30, 25, 25, patched=23)[65:67].tolist() == [25, 40]
    assert there(30, 12, 25, patched=23)[36:67].tolist() == [12] * 30 + [40]
    assert there(30, None, 25, patched=23)[65:67].tolist() == [25, 40]


def test_a_planned_step_does_not_lower_a_floor_that_was_decided_on_before_its_time() -> None:
    """Forty from the start on and ten after an hour; 25 are decided on at half past and held for an hour."""
    sinks = there(35, 40, 25, patched=30, until=90, planned=np.repeat([40, 10], [60, 120]))
    assert sinks[58:62].tolist() == [40, 40, 25, 25]
    assert sinks[88:92].tolist() == [25, 25, 10, 10]


def test_what_is_taken_back_within_a_start_up_never_counts() -> None:
    ordered = np.repeat([10, 40, 10], [20, 5, 35])
    assert ready_of(ordered, LEAD).tolist() == [10] * 60
    assert ready_of(ordered, 4).tolist() == [10] * 24 + [40] + [10] * 35


def live_at(folder: Path, ready: int) -> LiveState:
    """Half an hour in, with so many replicas read a minute ago."""
    at = int(NOW.timestamp()) - 60
    workspace = open_workspace(folder)
    live_store(workspace).keep(CAMPAIGN, [Measured("ready_replicas", "storefront", 60, at, float(ready), False)])
    return live_state(workspace, CAMPAIGN, NOW)


@pytest.mark.parametrize("ready", [4, 8, 11])
def test_the_order_is_what_the_demand_needs_however_many_run(tmp_path: Path, ready: int) -> None:
    """About 1,160 a second at p90 on replicas of 100: twelve, whether fewer or more than the floor of eight run."""
    model_files(campaign_in(tmp_path))
    plan_file(tmp_path, {LONG_BEFORE: 8}, most=8)
    workspace, state = open_workspace(tmp_path), live_at(tmp_path, ready)
    scale = next(lever for lever in levers(workspace, state) if lever.kind == "scale")
    assert (scale.amount, scale.base) == (12, min(ready, 8))
    assert f"({ready} run)" in scale.title.speak("en")
    assert f"need 12 replicas, {min(ready, 8)} would be ready" in scale.how.speak("en")
    assert state.capacities["storefront"].reached_at is not None


def test_what_was_ordered_and_came_is_not_ordered_again(tmp_path: Path) -> None:
    model_files(campaign_in(tmp_path))
    plan_file(tmp_path, {LONG_BEFORE: 8}, most=8)
    workspace = open_workspace(tmp_path)
    decided = Wanted("scale:storefront:12", Actor("wang", ("sre",)), "p99", NOW - timedelta(minutes=20))
    take(workspace, CAMPAIGN, "act", decided)
    assert live_at(tmp_path, 12).capacities["storefront"].reached_at is None
    assert live_at(tmp_path, 8).capacities["storefront"].reached_at == NOW  # nobody did it


def test_where_a_load_test_is_trusted_planned_replicas_are_counted_on_all_the_same() -> None:
    """Fourteen run, twenty are planned for the minute that needs 23: neither 14 + 3 nor 20 + 3 of a test to 2,000."""
    starts = int(NOW.timestamp()) + 60 * np.arange(60, dtype=np.int64)
    expected = np.full((3, 60), 2300.0)
    service = Ahead(
        "storefront", NOW, starts, np.full(60, 60), expected, expected[1], np.full(60, 2000.0), True, np.full(60, 20)
    )
    wanted = scaling_wanted(service, 14, 100.0, 1, NOW)
    assert (wanted.base, wanted.replicas, wanted.short) == (20, 23, True)
