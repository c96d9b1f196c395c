from __future__ import annotations

import numpy as np
import pytest

from playbooks.staffing.offered_load import in_hand, offered_load


def test_a_steady_rate_gives_the_textbook_load() -> None:
    load = offered_load(np.full((2, 10), 60.0), 1800, 300)
    assert load == pytest.approx(10.0)


def test_load_rises_and_falls_behind_the_contacts() -> None:
    contacts = np.array([[60.0, 600.0, 60.0, 60.0]])
    long = offered_load(contacts, 1800, 1800)[0]
    assert 10 < long[1] < 600
    assert long[2] > 60
    assert long[2] > long[3]


def test_minute_steps_solve_the_differential_equation() -> None:
    found = in_hand(np.array([[0.0, 1800.0]]), 1800, 600)[0, 1]
    minutes = np.arange(1, 31)
    assert found == pytest.approx(600 * (1 - np.exp(-minutes * 60 / 600)))


def test_an_interval_without_contacts_has_no_load() -> None:
    assert offered_load(np.array([[900.0, 0.0]]), 1800, 600)[0, 1] == 0


def test_many_paths_are_as_one_at_a_time() -> None:
    contacts = np.random.default_rng(0).gamma(2, 30, (120, 8))
    together = offered_load(contacts, 1800, 700)
    assert together[77] == pytest.approx(offered_load(contacts[77:78], 1800, 700)[0])
