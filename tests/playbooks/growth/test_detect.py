"""When a rule fires and clears: hand-worked series, and what the shipped ROI rule finds in simulated channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from playbooks.growth.detect import Runs, readings, runs
from playbooks.growth.policy import Baseline, Below, Previous, When

ROI = Baseline(compare="baseline", change_ratio=-0.10, clear_change_ratio=-0.05, noise_mads=1.5)
LITERAL = Previous(compare="previous", change_ratio=-0.10, clear_change_ratio=0.0)
LOW = Below(compare="level", below=0.25, clear_at=0.26)


def ran(values: np.ndarray, when: When, sample: np.ndarray | None = None) -> Runs:
    found = readings(values, sample, when)
    return runs(values, found, np.isfinite(values) & np.isfinite(found.expected), when)


def days(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


def test_fires_on_the_third_closed_day_and_clears_on_the_second_good_one() -> None:
    values = np.array([2.0] * 20 + [1.7] * 6 + [2.0] * 6)
    made = ran(values, ROI)
    assert days(made.fires) == [22]
    assert days(made.clears) == [27]


def test_two_bad_days_fire_nothing_and_a_good_day_starts_the_count_again() -> None:
    assert not ran(np.array([2.0] * 20 + [1.7, 1.7, 2.0, 1.7, 1.7, 2.0]), ROI).fires.any()


def test_days_without_a_value_neither_count_nor_break_the_run() -> None:
    values = np.array([2.0] * 20 + [1.7, np.nan, 1.7, np.nan, np.nan, 1.7])
    assert days(ran(values, ROI).fires) == [25]


def test_a_lasting_fall_stays_open_four_weeks_and_is_not_called_normal_before() -> None:
    made = ran(np.array([2.0] * 20 + [1.4] * 60), ROI)
    assert days(made.fires) == [22]
    assert made.expected[40] == 2.0
    (cleared,) = days(made.clears)
    assert 22 + 28 <= cleared <= 22 + 31


def test_a_fall_within_the_noise_is_not_told() -> None:
    """A channel that swings by ±15 % from day to day: 20 % below the median is nothing there."""
    swinging = np.array([1.7, 2.0, 2.3] * 10 + [1.6] * 3)
    assert not ran(swinging, ROI).fires.any()
    assert ran(swinging, ROI.model_copy(update={"noise_mads": 0.0})).fires.any()


def test_the_literal_form_wants_three_falls_in_a_row() -> None:
    falling = np.array([2.0] * 10 + [1.7, 1.4, 1.1])
    assert days(ran(falling, LITERAL).fires) == [12]
    assert not ran(np.array([2.0] * 10 + [1.0] * 10), LITERAL).fires.any()


def test_red_is_where_even_the_interval_is_below() -> None:
    values, sample = np.array([0.24, 0.24]), np.array([400.0, 20_000.0])
    found = readings(values, sample, LOW)
    assert found.hit.tolist() == [True, True]
    assert found.certain.tolist() == [False, True]


def test_without_a_sample_there_is_no_interval_to_be_within() -> None:
    assert readings(np.array([0.24, 0.3]), None, LOW).certain.tolist() == [True, False]


def test_a_level_clears_at_its_own_level_above() -> None:
    made = ran(np.array([0.3, 0.24, 0.252, 0.258, 0.27]), LOW)
    assert days(made.fires) == [1]
    assert days(made.clears) == [4]


@given(arrays.arrays(float, 60, elements=st.floats(0.5, 3.0)))
def test_fires_and_clears_take_turns(values: np.ndarray) -> None:
    made = ran(values, ROI)
    turns = sorted([(day, 1) for day in days(made.fires)] + [(day, -1) for day in days(made.clears)])
    assert [kind for _, kind in turns] == [1, -1] * (len(turns) // 2) + [1] * (len(turns) % 2)


@given(arrays.arrays(float, 60, elements=st.floats(0.5, 3.0)), st.floats(0.01, 100))
def test_the_unit_of_money_does_not_matter(values: np.ndarray, factor: float) -> None:
    whole = np.round(values, 2)
    assert days(ran(whole, LITERAL).fires) == days(ran(whole * 4.0, LITERAL).fires)


def simulated(noise: float, shift: float, count: int = 1000) -> tuple[float, float]:
    """Share found within 14 days, and false alarms per channel-year."""
    rng = np.random.default_rng(11)
    quiet = 2 * np.exp(rng.normal(0, noise, (count, 365)))
    alarms = ran(quiet, ROI).fires.sum() / count
    shifted = quiet[:, :74].copy()
    shifted[:, 60:] *= 1 + shift
    return float(ran(shifted, ROI).fires[:, 60:].any(axis=1).mean()), float(alarms)


def test_finds_a_quarter_less_in_95_of_100_channels_at_four_false_alarms_a_year() -> None:
    found, alarms = simulated(0.08, -0.25)
    assert found >= 0.95
    assert alarms <= 4


def test_the_literal_form_is_nearly_blind() -> None:
    rng = np.random.default_rng(2)
    values = np.exp(rng.normal(0, 0.08, (1000, 74)))
    values[:, 60:] *= 0.6
    assert ran(values, LITERAL).fires[:, 60:].any(axis=1).mean() < 0.10


@pytest.mark.parametrize("length", [0, 1, 5, 10])
def test_short_histories_say_nothing(length: int) -> None:
    made = ran(np.full(length, 2.0), ROI)
    assert made.fires.shape == (length,)
    assert not made.fires.any()
