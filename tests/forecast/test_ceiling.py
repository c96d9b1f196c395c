"""The audience of a plan bounds what it can add; money mounts, saturates and fades."""

from __future__ import annotations

import numpy as np
import pytest
from small_shop import sale

from forecast.paths.ceiling import ceiling_requests_per_second, held_below
from forecast.uplift import kernels

PLAN = sale(20).model_copy(update={"drivers": {"audience": 60_000.0}})


def test_a_tenth_of_the_audience_may_come_in_one_minute() -> None:
    assert ceiling_requests_per_second(PLAN, 8.0) == pytest.approx(60_000 * 0.1 * 8 / 60)
    assert ceiling_requests_per_second(sale(20), 8.0) is None


def test_where_more_of_an_audience_came_before_the_bound_is_higher() -> None:
    past = sale(10).model_copy(update={"drivers": {"audience": 30_000.0}})
    assert ceiling_requests_per_second(PLAN, 8.0, [(past, 1_000.0)]) == pytest.approx(1.5 * 2_000.0)
    assert ceiling_requests_per_second(PLAN, 8.0, [(past, 10.0)]) == pytest.approx(800.0)


def test_only_what_lies_above_ordinary_traffic_and_the_ceiling_is_held() -> None:
    rates = np.array([[[50.0, 900.0], [50.0, 300.0]], [[50.0, 90.0], [50.0, 30.0]]], dtype=np.float32)
    held, share = held_below(rates, np.array([[60.0, 60.0], [40.0, 40.0]]), 500.0)
    assert share == 0.5
    assert held[0, :, 1].sum() == pytest.approx(600.0)
    assert held[0, 0, 1] / held[0, 1, 1] == pytest.approx(3.0)
    assert np.array_equal(held[1], rates[1])
    assert held_below(rates, np.zeros((2, 2)), None)[0] is rates


def test_what_money_did_mounts_while_it_runs_and_halves_in_half_a_day_after() -> None:
    hours = np.arange(-2, 60) * 3600.0
    stock = kernels.adstock(hours, hours + 3600.0, 86400.0)
    assert np.all(stock[:2] == 0.0)
    assert np.all(np.diff(stock[2:26]) > 0)
    assert stock[40] / stock[28] == pytest.approx(0.5, abs=1e-9)
    minutes = np.arange(-7200, 60 * 3600, 60.0)
    fine = kernels.adstock(minutes, minutes + 60.0, 86400.0).reshape(-1, 60).mean(axis=1)
    assert fine == pytest.approx(stock)
