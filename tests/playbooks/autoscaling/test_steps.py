"""The step cover is exact, covers, and is fast."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.autoscaling.steps import cheapest_cover, held

needs = st.lists(st.integers(0, 50), min_size=1, max_size=9)


def brute_force(need: list[int], steps_most: int) -> int:
    """The cheapest cover by trying every set of cuts."""
    size = len(need)
    return min(
        sum(max(need[i:j]) * (j - i) for i, j in zip((0, *cuts), (*cuts, size), strict=True))
        for k in range(steps_most)
        for cuts in combinations(range(1, size), k)
    )


@given(needs, st.integers(1, 5))
def test_no_other_cover_is_cheaper(need: list[int], steps_most: int) -> None:
    assert cheapest_cover(np.array(need), steps_most).replica_minutes == brute_force(need, steps_most)


@given(needs, st.integers(1, 5))
def test_a_cover_covers_in_few_enough_steps_and_costs_what_it_says(need: list[int], steps_most: int) -> None:
    cover = cheapest_cover(np.array(need), steps_most)
    floor = cover.by_minute(len(need))
    assert (floor >= need).all()
    assert 1 <= len(cover.starts) <= steps_most
    assert cover.starts[0] == 0
    assert floor.sum() == cover.replica_minutes


@given(needs, st.integers(1, 4))
def test_more_steps_never_cost_more(need: list[int], steps_most: int) -> None:
    fewer, more = (cheapest_cover(np.array(need), k).replica_minutes for k in (steps_most, steps_most + 1))
    assert more <= fewer


@given(needs, st.data())
def test_a_larger_need_never_costs_less(need: list[int], data: st.DataObject) -> None:
    added = data.draw(st.lists(st.integers(0, 20), min_size=len(need), max_size=len(need)))
    larger = cheapest_cover(np.array(need) + np.array(added), 3).replica_minutes
    assert cheapest_cover(np.array(need), 3).replica_minutes <= larger


@pytest.mark.parametrize(
    ("need", "steps_most", "starts", "replicas"),
    [
        ([5, 5, 5], 8, (0,), (5,)),
        ([1, 1, 9, 1, 1], 3, (0, 2, 3), (1, 9, 1)),
        ([1, 1, 9, 8, 1, 1], 3, (0, 2, 4), (1, 9, 1)),
        ([0, 0, 4], 2, (0, 2), (0, 4)),
    ],
)
def test_hand_worked_covers(
    need: list[int], steps_most: int, starts: tuple[int, ...], replicas: tuple[int, ...]
) -> None:
    cover = cheapest_cover(np.array(need), steps_most)
    assert (cover.starts, cover.replicas) == (starts, replicas)


def test_a_step_is_held_until_the_next() -> None:
    assert held((0, 2, 3), (1, 9, 4), 5).tolist() == [1, 1, 9, 4, 4]


def test_a_day_of_minutes_in_eight_steps_takes_half_a_second_at_most() -> None:
    need = np.random.default_rng(0).integers(0, 1000, 1440)
    began = time.process_time()
    cheapest_cover(need, 8)
    assert time.process_time() - began < 0.5
