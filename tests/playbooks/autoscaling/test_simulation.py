"""The replay's arithmetic against worked examples of the controller it imitates, and its laws."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.simulation import hpa, pods
from playbooks.simulation.fixed import clairvoyant_replica_hours, forward_most, in_ticks, under_fixed_replicas
from playbooks.simulation.fleet import TICKS_PER_MINUTE, Demand, Fleet, Nodes
from playbooks.simulation.replay import replay
from playbooks.simulation.running import Window


def one(value: float) -> np.ndarray:
    return np.array([[value]])


def count(value: int) -> np.ndarray:
    return np.array([[value]], np.int64)


@pytest.mark.parametrize(
    ("utilization", "target", "ready", "unready", "wanted"),
    [
        (1.00, 0.50, 4, 0, 8),  # the documentation's own: twice the target doubles
        (0.25, 0.50, 4, 0, 2),  # half of it halves
        (0.54, 0.50, 4, 0, 4),  # within the tolerance of 10 %
        (0.56, 0.50, 4, 0, 5),  # beyond it
        (1.00, 0.50, 4, 4, 8),  # unready pods count as idle: 8 are wanted and 8 are there
        (1.00, 0.50, 4, 3, 8),  # spread over all seven it is 1.14 of the target
        (0.60, 0.50, 4, 4, 8),  # counting them would turn the direction: no change
        (0.25, 0.50, 4, 4, 2),  # on the way down unready pods are left out
        (0.90, 0.50, 0, 3, 3),  # no ready pod, no metric, no change
    ],
)
def test_a_utilization_asks_for_what_the_controller_would(
    utilization: float, target: float, ready: int, unready: int, wanted: int
) -> None:
    found = hpa.wanted_by_utilization(one(utilization), one(target), count(ready), count(unready))
    assert found.item() == wanted


@pytest.mark.parametrize(("rate", "replicas", "wanted"), [(700, 7, 7), (760, 7, 7), (780, 7, 8), (100, 7, 1)])
def test_a_rate_asks_for_the_total_over_the_target(rate: float, replicas: int, wanted: int) -> None:
    assert hpa.wanted_by_rate(one(rate), one(100.0), count(replicas)).item() == wanted


@pytest.mark.parametrize(
    ("wanted", "recent", "replicas", "floor", "most", "set_to"),
    [
        (50, 50, 10, 2, 100, 20),  # at most double in one sync
        (50, 50, 3, 2, 100, 7),  # or four pods more
        (50, 50, 10, 2, 15, 15),  # never above maxReplicas
        (2, 8, 10, 2, 100, 8),  # down only to the largest recommendation of five minutes
        (2, 2, 10, 4, 100, 4),  # never below minReplicas
        (9, 9, 10, 51, 100, 51),  # below the floor it jumps at once
    ],
)
def test_the_controller_sets(wanted: int, recent: int, replicas: int, floor: int, most: int, set_to: int) -> None:
    assert hpa.next_replicas(count(wanted), count(recent), count(replicas), floor, most).item() == set_to


def test_pods_become_ready_in_quarters_and_the_last_go_first() -> None:
    starting = pods.Starting.none(8, 1, 1)
    delays = pods.delays_in_ticks(np.array([60.0]), np.array([120.0]), 15)
    assert delays[:, 0].tolist() == [5, 6, 7, 8]
    pods.start(starting, 0, count(8), delays)
    assert starting.pending.item() == 8
    assert pods.remove(starting, 0, count(3)).item() == 3
    came = [pods.become_ready(starting, tick) for tick in range(1, 9)]
    assert [0 if ready is None else ready.item() for ready in came] == [0, 0, 0, 0, 2, 2, 1, 0]
    assert starting.pending.item() == 0


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 7))
def test_a_window_knows_the_largest_of_the_latest(values: list[int], length: int) -> None:
    window = Window(length)
    found = [window.most_with(count(value)).item() for value in values]
    assert found == [max(values[max(0, i - length + 1) : i + 1]) for i in range(len(values))]


def steady(rate: float, minutes: int = 60, paths: int = 1) -> np.ndarray:
    return np.full((1, paths, minutes), rate, np.float32)


def test_steady_demand_is_carried_at_a_steady_cost() -> None:
    played = replay(Demand(steady(650)), [Fleet(0, 100.0, np.full(60, 2), target_ratio=0.65)])
    assert played.overloaded_minutes.item() == 0
    assert played.replica_hours.item() == pytest.approx(10.0)
    assert played.offered_requests.item() == pytest.approx(650 * 3600)


def test_a_floor_above_the_need_is_what_is_paid() -> None:
    played = replay(Demand(steady(10)), [Fleet(0, 100.0, np.full(60, 30), target_ratio=None)])
    assert played.replica_hours.item() == pytest.approx(30.0)
    assert played.above_capacity_ratio.item() == 0


def test_a_floor_rises_at_its_minute_and_is_ready_after_the_start() -> None:
    floor = np.where(np.arange(60) >= 10, 20, 2)
    fleet = Fleet(0, 100.0, floor, target_ratio=None, start_seconds=(60, 60), floor_late_seconds=30)
    ready = replay(Demand(steady(10)), [fleet]).watched_ready[0]
    assert ready[: 10 * TICKS_PER_MINUTE + 6].max() == 2
    assert ready[10 * TICKS_PER_MINUTE + 6] == 20


def test_pods_beyond_the_head_room_wait_for_nodes() -> None:
    floor = np.where(np.arange(60) >= 10, 20, 10)
    fleet = Fleet(0, 100.0, floor, target_ratio=None, start_seconds=(60, 60), nodes=Nodes((120, 120), 0.5))
    ready = replay(Demand(steady(10)), [fleet]).watched_ready[0]
    begins = 10 * TICKS_PER_MINUTE
    assert ready[begins + 4] == 15
    assert ready[begins + 11] == 15
    assert ready[begins + 12] == 20


def drop(paths: int = 20, seed: int = 0) -> np.ndarray:
    minutes = np.arange(180)
    shape = 400 * (1 + np.where(minutes >= 60, 7 * np.exp(-(minutes - 60) / 20), 0))
    level = np.exp(0.2 * np.random.default_rng(seed).standard_normal((paths, 1)))
    return (shape * level).astype(np.float32)[None]


def test_an_hpa_alone_loses_a_flash_drop_and_rates_react_sooner_than_cpu() -> None:
    low = np.full(180, 2)
    played = replay(Demand(drop()), [Fleet(0, 100.0, low), Fleet(0, 100.0, low, metric="rate")])
    cpu, rate = played.overloaded_minutes.mean(axis=1)
    assert 5 <= cpu <= 8
    assert 2 <= rate < cpu


@settings(max_examples=20)
@given(st.integers(0, 50), st.integers(0, 60))
def test_a_floor_on_top_never_overloads_more_than_the_same_hpa_alone(floor: int, begins: int) -> None:
    low = np.full(180, 2)
    planned = np.where((np.arange(180) >= begins) & (np.arange(180) < begins + 60), floor, 2)
    played = replay(Demand(drop(4)), [Fleet(0, 100.0, low), Fleet(0, 100.0, np.maximum(planned, low))])
    assert (played.overloaded_minutes[1] <= played.overloaded_minutes[0]).all()


def test_nobody_is_cheaper_than_who_knew_it_all() -> None:
    rates = in_ticks(drop()[0])
    oracle = clairvoyant_replica_hours(rates, 100.0)
    fleets = [Fleet(0, 100.0, np.full(180, n)) for n in (2, 40)]
    assert (replay(Demand(drop()), fleets).replica_hours >= oracle).all()


def test_the_oracle_pays_two_minutes_before_it_serves() -> None:
    rates = np.array([[0.0] * 20 + [200.0] * 4 + [0.0] * 20])
    assert clairvoyant_replica_hours(rates, 100.0).item() == pytest.approx((44 + 12) * 15 / 3600)
    assert forward_most(np.array([[1.0, 5.0, 2.0]]), 1).tolist() == [[5.0, 5.0, 2.0]]


def test_a_minute_is_overloaded_by_any_of_its_quarters() -> None:
    rates = np.array([[90.0, 90, 110, 90, 90, 90, 90, 90]])
    minutes, above = under_fixed_replicas(rates, 100.0)
    assert minutes.tolist() == [1]
    assert above.item() == pytest.approx(10 / 740)


def test_quarters_shape_the_demand_within_a_minute() -> None:
    quarters = np.ones((1, 60, 4))
    quarters[0, 30] = (0.0, 0.0, 0.0, 4.0)
    played = replay(Demand(steady(100), quarters), [Fleet(0, 100.0, np.full(60, 2), target_ratio=None)])
    assert played.overloaded_minutes.item() == 1
    assert played.offered_requests.item() == pytest.approx(100 * 3600)


def test_a_thousand_paths_of_a_day_take_a_few_seconds() -> None:
    rates = (400 + 300 * np.random.default_rng(0).random((1, 1000, 1440))).astype(np.float32)
    began = time.process_time()
    replay(Demand(rates), [Fleet(0, 100.0, np.full(1440, 2))])
    assert time.process_time() - began < 6
