"""Calls that come again because nobody answered: the fixed point of load and abandonment."""

from __future__ import annotations

import numpy as np
import pytest

from playbooks.staffing.erlang import load_with_redials, with_patience


def test_half_calling_again_is_the_known_fixed_point() -> None:
    effective = load_with_redials(100.0, 90, 300, 120, 0.5)
    assert float(effective) == pytest.approx(110.4, abs=0.05)
    assert float(with_patience(effective, 90, 300, 120, 20).abandoned_ratio) == pytest.approx(0.189, abs=0.0005)
    assert float(with_patience(100.0, 90, 300, 120, 20).abandoned_ratio) == pytest.approx(0.116, abs=0.0005)


@pytest.mark.parametrize("redial", [0.1, 0.5, 0.9])
def test_the_point_is_fixed_at_every_size_and_even_far_beyond_the_agents(redial: float) -> None:
    load, agents = np.array([0.0, 3.0, 100.0, 800.0, 5000.0]), np.array([2, 0, 90, 400, 5200])
    effective = load_with_redials(load, agents, 300, 120, redial)
    given_up = with_patience(effective, agents, 300, 120, 20).abandoned_ratio
    assert effective == pytest.approx(load + redial * given_up * effective, rel=1e-9)


def test_nobody_calling_again_changes_nothing() -> None:
    assert float(load_with_redials(100.0, 90, 300, 120, 0.0)) == 100.0
