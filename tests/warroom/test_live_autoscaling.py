"""What the live war room counts on where an HPA runs on top of the planned floors."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from campaign.capacity import CapacityRange
from campaign.workspace import open_workspace
from playbooks.simulation.hpa import surely_ready
from tests.warroom.live_event import CAMPAIGN, START, model_files
from tests.warroom.test_levers import campaign_in
from warroom.live.actions.ahead import ahead_of
from warroom.live.state import live_state
from warroom.push import carried

NOW = START + timedelta(minutes=30)


def plan_of(most: int, step_at: datetime = START - timedelta(hours=8)) -> SimpleNamespace:
    """Eight replicas of 100 requests per second as floors, and an HPA at 65 % up to `most`."""
    service = SimpleNamespace(
        verdict="scheduled",
        capacity_requests_per_second_per_replica=CapacityRange(low=100, mid=110, high=120),
        capacity_source="measured",
        hpa_target_ratio=0.65,
        lead_minutes=6,
        replicas=SimpleNamespace(floor=2, most=most),
        steps=(SimpleNamespace(starts_at_utc=step_at, replicas=8),),
        limits_hit=(),
    )
    return SimpleNamespace(services={"storefront": service})


@pytest.mark.parametrize(("most", "carries", "reached"), [(8, 800.0, True), (40, 1700.0, False)])
def test_capacity_is_not_reached_where_the_hpa_follows_within_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, carries: float, reached: bool
) -> None:
    """A day of about 1,160 a second at p90: 17 replicas that are 65 % busy, give or take a tenth."""
    monkeypatch.setattr(carried, "autoscaling_plan", lambda path: plan_of(most))
    model_files(campaign_in(tmp_path))
    workspace = open_workspace(tmp_path)
    state = live_state(workspace, CAMPAIGN, NOW)
    capacity = state.capacities["storefront"]
    assert capacity.requests_per_second == pytest.approx(carries, abs=100)
    assert (capacity.reached_at is not None) == reached
    ahead = ahead_of(workspace, state)["storefront"]
    assert ahead.carries == pytest.approx(np.full(len(ahead.starts), carries), abs=100)


def test_an_hpa_is_late_by_its_start_up_and_stays_for_its_window() -> None:
    asked = np.array([65.0] * 10 + [650.0] * 5 + [65.0] * 15)
    ready = surely_ready(asked, 3, 5, 65.0)
    assert ready.tolist() == [1] * 13 + [10] * 10 + [1] * 7
