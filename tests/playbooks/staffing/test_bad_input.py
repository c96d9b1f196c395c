"""Inputs at their edges and beyond: no volume at all, and figures that a workspace must not hold."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from campaign.console import no_progress
from campaign.demand import DemandPaths
from campaign.errors import UserError
from campaign.workspace import open_workspace
from playbooks.staffing.publish import publish_staffing

Make = Callable[..., Path]
Demand = Callable[..., DemandPaths]
NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)


def replaced(paths: DemandPaths, contacts: np.ndarray) -> DemandPaths:
    return DemandPaths(
        paths.sessions, paths.orders, contacts.astype(np.float32), paths.desks, paths.hours_utc, paths.half_hours_utc
    )


def test_no_volume_at_all_needs_nobody(make_workspace: Make, make_demand: Demand) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    replaced(paths, paths.contacts * 0).save(folder / "out" / "d11" / "demand_paths.npz")
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert plan.peak_agents_required == 0
    assert [desk.paid_hours for desk in plan.desks] == [0, 0, 0]
    with open(folder / "out" / "d11" / "playbook" / "staffing.csv", encoding="utf-8", newline="") as file:
        assert {row["agents_required"] for row in csv.DictReader(file)} == {"0"}


def test_one_contact_needs_two_people_because_one_is_away_a_quarter_of_the_time(
    make_workspace: Make, make_demand: Demand
) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    few = paths.contacts * 0
    few[:, :, 20] = 1
    replaced(paths, few).save(folder / "out" / "d11" / "demand_paths.npz")
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert [desk.peak.agents_required for desk in plan.desks][:2] == [2, 2]


def test_one_path_is_enough(make_workspace: Make, make_demand: Demand) -> None:
    folder = make_workspace()
    make_demand({"chat": 60.0, "hotline": 10.0, "mail": 5.0}, paths=1, intervals=400).save(
        folder / "out" / "d11" / "demand_paths.npz"
    )
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert plan.desks[0].self_check is not None
    assert plan.desks[0].self_check.paths == 1


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_contacts_that_are_no_counts_are_refused(make_workspace: Make, make_demand: Demand, bad: float) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    broken = paths.contacts.copy()
    broken[1, 1, 7] = bad
    replaced(paths, broken).save(folder / "out" / "d11" / "demand_paths.npz")
    with pytest.raises(UserError) as refused:
        publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert str(refused.value) == (
        "demand_paths.npz: the forecast's contacts of hotline are not all numbers from zero up\n"
        "  run `surgeplan forecast` again"
    )


@pytest.mark.parametrize(
    ("given", "wrong", "said"),
    [
        ("concurrency: 3", "concurrency: 0", "surgeplan.yaml:8 desks[0].concurrency: 0 must be ≥ 1"),
        ("patience_seconds: 120", "patience_seconds: 0", "surgeplan.yaml:10 desks[0].patience_seconds: 0 must be > 0"),
        ("patience_seconds: 120", "patience_seconds: .inf", "surgeplan.yaml:10 desks[0].patience_seconds: "),
        ("high: 0.6", "high: 1.6", "surgeplan.yaml:20 desks[0].bot.resolved_ratio.high: 1.6 must be ≤ 1"),
        ("mid: 0.45", "mid: 0.75", "desks[0].bot.resolved_ratio: low, mid and high are not in order"),
        ("handle_seconds: 240", "handle_seconds: 4", "these look like minutes: write handle_seconds: 240"),
        (
            "hours: 8, break_minutes: 60}\n      - {name: mid",
            "hours: 2}\n      - {name: mid",
            "no shift of chat covers",
        ),
    ],
)
def test_impossible_desks_are_refused_and_nothing_is_written(
    make_workspace: Make, settings_text: str, given: str, wrong: str, said: str
) -> None:
    assert given in settings_text
    folder = make_workspace(settings_text.replace(given, wrong))
    with pytest.raises(UserError) as refused:
        publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert said in str(refused.value)
    assert not (folder / "out" / "d11" / "playbook").exists()
