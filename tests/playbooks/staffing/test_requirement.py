"""What an interval needs: every promise at once, one rounding, and laws that always hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.staffing.requirement import Rules, heads, performance, required_seats, service_level

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)


def seats(rules: Rules, *load: float) -> np.ndarray:
    return required_seats(rules, np.array(load)).seats


@pytest.mark.parametrize(
    ("changed", "agents", "binding"),
    [
        ({}, 459, "service_level"),
        ({"occupancy_max_ratio": 0.90}, 556, "occupancy"),
        ({"occupancy_max_ratio": 0.85}, 589, "occupancy"),
        ({"abandonment_max_ratio": 0.03}, 493, "abandonment"),
    ],
)
def test_the_strictest_promise_binds_and_is_named(changed: dict, agents: int, binding: str) -> None:
    found = required_seats(replace(PHONE, **changed), np.array([500.0]))
    assert np.ceil(found.seats).tolist() == [agents]
    assert found.binding.tolist() == [binding]


def test_shrinkage_divides_once_and_rounding_comes_last() -> None:
    assert heads(np.array([98.0]), 0.3).tolist() == [140]
    assert heads(np.array([17.2]), 0.3).tolist() == [25]
    assert heads(np.array([0.0, 7.0]), 0.0).tolist() == [0, 7]


def test_no_contacts_need_nobody() -> None:
    found = required_seats(CHAT, np.array([0.0, 40.0]))
    assert found.seats[0] == 0
    assert found.binding[0] == "none"


def test_handling_time_divided_by_the_number_of_chats_would_understaff() -> None:
    load = 20 / 60 * CHAT.seconds_at_full
    assert np.ceil(seats(CHAT, load)).tolist() == [73]
    divided = Rules((CHAT.seconds_at_full / 3,), 180, "served_within", 0.8, 30)
    naive = np.ceil(seats(replace(divided, handle_seconds=(480.0 / 3,)), 20 / 60 * 480 / 3))
    assert performance(CHAT, np.array([load]), naive.astype(int)).served_within_ratio[0] < 0.3


@settings(max_examples=30)
@given(
    st.sampled_from([PHONE, CHAT]),
    st.floats(0.05, 300),
    st.floats(1.0, 1.5),
    st.sampled_from([1.0, 0.85]),
    st.sampled_from([1.0, 0.05]),
)
def test_more_contacts_never_need_fewer(
    rules: Rules, load: float, more: float, occupancy: float, abandonment: float
) -> None:
    strict = replace(rules, occupancy_max_ratio=occupancy, abandonment_max_ratio=abandonment)
    low, high = seats(strict, load, load * more)
    assert low <= high + 1e-6


@settings(max_examples=30)
@given(st.sampled_from([PHONE, CHAT]), st.floats(0.001, 0.5), st.floats(1.0, 1.5))
def test_longer_handling_never_needs_fewer(rules: Rules, contacts_per_second: float, longer: float) -> None:
    slow = replace(rules, handle_seconds=tuple(seconds * longer for seconds in rules.handle_seconds))
    usual = seats(rules, contacts_per_second * rules.seconds_at_full)[0]
    assert usual <= seats(slow, contacts_per_second * slow.seconds_at_full)[0] + 1e-6


@settings(max_examples=30)
@given(st.sampled_from([PHONE, CHAT]), st.floats(0.05, 300), st.floats(0.3, 0.9), st.floats(0.0, 0.09))
def test_a_stricter_level_never_needs_fewer(rules: Rules, load: float, target: float, stricter: float) -> None:
    lax = seats(replace(rules, target_ratio=target), load)[0]
    assert lax <= seats(replace(rules, target_ratio=target + stricter), load)[0] + 1e-6


@settings(max_examples=30)
@given(st.floats(0.05, 300), st.floats(0.3, 0.95), st.sampled_from([PHONE, CHAT]))
def test_rounded_seats_keep_the_promise_and_one_fewer_breaks_it(load: float, target: float, rules: Rules) -> None:
    strict = replace(rules, target_ratio=target)
    whole = np.ceil(seats(strict, load) - 1e-9)
    loads = np.array([load])
    assert service_level(strict, loads, whole)[0] >= target - 1e-9
    assert whole[0] == 1 or service_level(strict, loads, whole - 1)[0] < target


def test_shrinkage_of_nothing_and_of_nine_tenths() -> None:
    seats = np.array([0.0, 0.5, 1.0, 98.0])
    assert list(heads(seats, 0.0)) == [0, 1, 1, 98]
    assert list(heads(seats, 0.9)) == [0, 5, 10, 980]


@pytest.mark.parametrize("rules", [PHONE, replace(PHONE, handle_seconds=(300.0, 340.0, 400.0))])
def test_patience_of_no_time_and_without_end_frame_every_other(rules: Rules) -> None:
    loads = np.array([0.0, 1.0, 10.0, 100.0])
    none, some, endless = (
        required_seats(replace(rules, patience_seconds=patience), loads).seats for patience in (1e-3, 120.0, 1e12)
    )
    assert np.isfinite([none, some, endless]).all()
    assert (none[0], some[0], endless[0]) == (0, 0, 0)
    assert (none <= some + 1e-9).all()
    assert (some <= endless + 1e-9).all()


def test_almost_everybody_at_once_needs_many_but_not_without_end() -> None:
    seats = required_seats(replace(PHONE, target_ratio=0.9999), np.array([1.0, 10.0, 100.0])).seats
    assert list(np.ceil(seats)) == [7, 24, 133]
