"""Kernels: mass, height, and buckets of any length agreeing with each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.uplift import kernels


def ramp(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    return kernels.ramp(starts, ends, 420.0)


def seconds(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    starts = np.arange(first, last, dtype=np.float64)
    return starts, starts + 1.0


@pytest.mark.parametrize("decay", [300.0, 1200.0, 3600.0])
@pytest.mark.parametrize("sending", [0.0, 90.0, 1800.0])
def test_everyone_a_send_reaches_comes_once(decay: float, sending: float) -> None:
    found = kernels.pulse(*seconds(-60, 60_000), sending, decay)
    assert found.sum() == pytest.approx(1.0, rel=1e-6)
    assert np.all(found[:60] == 0.0)


def test_a_spike_rises_within_a_minute_to_about_one_and_decays() -> None:
    found = kernels.spike(*seconds(0, 3600), 600.0)
    assert 0.85 < found.max() <= 1.0
    assert 20 <= int(found.argmax()) <= 60
    assert found[1800] == pytest.approx(found[1200] * np.exp(-1.0), rel=1e-3)


def test_nothing_is_left_of_a_ramp_after_its_instant() -> None:
    found = ramp(*seconds(-3600, 600))
    assert np.all(np.diff(found[:3600]) > 0)
    assert np.all(found[3600:] == 0.0)


def test_an_instant_known_to_minutes_keeps_its_mass_and_loses_its_tooth() -> None:
    sharp, blunt = (made(*seconds(-7200, 7200)) for made in (ramp, lambda a, b: kernels.about(ramp, a, b)))
    assert blunt.sum() == pytest.approx(sharp.sum(), rel=1e-3)
    assert np.abs(np.diff(blunt)).max() < 0.4 * np.abs(np.diff(sharp)).max()
    assert np.all(blunt[7200 + 241 :] == 0.0)


def test_a_soft_edge_is_half_way_at_its_instant_and_has_no_step() -> None:
    found = kernels.soft(*seconds(-7200, 7200))
    assert found[7200] == pytest.approx(0.5, abs=1e-3)
    assert found[0] == pytest.approx(0.0, abs=1e-3)
    assert found[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.all(np.diff(found) >= 0)


def test_a_plateau_is_one_in_its_middle() -> None:
    assert kernels.plateau(np.array([7200.0]), np.array([7260.0]), 14_400.0)[0] == pytest.approx(1.0, abs=1e-4)


@given(st.floats(60.0, 7200.0), st.integers(-120, 120))
def test_an_hour_is_the_mean_of_its_minutes(decay: float, shift: int) -> None:
    minutes = np.arange(shift * 60, shift * 60 + 3600, 60, dtype=np.float64)
    hour = np.array([float(shift * 60)]), np.array([float(shift * 60 + 3600)])
    for kernel in (
        lambda a, b: kernels.pulse(a, b, 300.0, decay),
        lambda a, b: kernels.spike(a, b, decay),
        lambda a, b: kernels.ramp(a, b, decay),
        lambda a, b: kernels.about(ramp, a, b),
        lambda a, b: kernels.soft(a, b, decay),
        lambda a, b: kernels.plateau(a, b, 5400.0, decay),
    ):
        fine = kernel(minutes, minutes + 60.0)
        assert np.all(fine >= 0.0)
        assert kernel(*hour)[0] == pytest.approx(fine.mean(), rel=1e-6, abs=1e-9)
