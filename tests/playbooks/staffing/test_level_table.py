from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from playbooks.staffing.level_table import level_table, load_tables, save_tables
from playbooks.staffing.requirement import Rules, performance, service_level

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
CHAT = Rules((240.0, 282.0, 288.0), 120, "served_within", 0.8, 60)


@pytest.mark.parametrize("rules", [PHONE, CHAT])
def test_the_table_is_close_to_the_formulas_between_its_points(rules: Rules) -> None:
    table = level_table(rules, 200)
    rng = np.random.default_rng(0)
    load = rng.uniform(5, 200, 300)
    seats = np.round(load / rules.at_once * rng.uniform(0.6, 1.5, 300))
    exact = service_level(rules, load, seats)
    assert np.abs(table.level(load, seats) - exact).max() < 0.08
    assert np.abs(table.level(load, seats) - exact).mean() < 0.01
    given_up = performance(rules, load, seats.astype(int)).abandoned_ratio
    assert np.abs(table.abandoned(load, seats) - given_up).max() < 0.035


def test_no_load_is_served_and_nobody_serves_nobody() -> None:
    table = level_table(PHONE, 50)
    assert table.level(np.array([0.0, 30.0]), np.array([0.0, 0.0])).tolist() == [1.0, 0.0]
    assert table.abandoned(np.array([0.0, 30.0]), np.array([0.0, 0.0])).tolist() == [0.0, 1.0]


def test_tables_come_back_as_saved(tmp_path: Path) -> None:
    tables = {"chat": level_table(CHAT, 60), "hot line": level_table(PHONE, 20)}
    save_tables(tmp_path / "t.npz", tables)
    back = load_tables(tmp_path / "t.npz")
    assert list(back) == list(tables)
    assert np.array_equal(back["chat"].level_ratio, tables["chat"].level_ratio)
    assert back["hot line"].at_once == 1
