"""The game day of a small event worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaign.console import no_progress
from campaign.settings import Switch
from playbooks.rehearsal.gameday import game_day
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.replays import rehearsed
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import NO_RETRIES

STARTS_AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MINUTES, PEAK = 60, 20
QUEUE = Switch(id="queue", effect={"checkout": 0.5}, action="queue", undo="serve", executor="sre", drilled_seconds=45)


@pytest.fixture
def event() -> Inputs:
    """800 requests a second on ten replicas of 100 that nothing scales, 850 in one minute; a limit of twice that."""
    rates = np.full((1, 40, MINUTES), 800, np.float32)
    rates[:, :, PEAK] = 850
    return Inputs(
        services=("checkout",),
        starts_at_utc=STARTS_AT,
        demand=Demand(rates),
        fleets=(Fleet(0, 100.0, np.full(MINUTES, 10), ceiling=100, target_ratio=None),),
        limits=(RateLimit("payment", {0: 0.1}, 160.0),),
        error_ratios=(0.001,),
        orders_per_request=(0.1,),
        costs_per_replica_hour=(3.0,),
        switches={"queue": {0: 0.5}},
        retries=NO_RETRIES,
    )


def test_the_worst_two_faults_are_of_different_kinds_the_worst_first(event: Inputs) -> None:
    drills = game_day(rehearsed(event), (QUEUE,), ZONE, no_progress)
    assert [drill.fault for drill in drills] == ["lose-replicas:checkout:0.33@20:22", "limit:payment:0.5"]
    assert drills[0].lost_orders_mean > drills[1].lost_orders_mean >= drills[1].planned_lost_orders_mean


def test_what_everybody_should_see_is_what_was_played(event: Inputs) -> None:
    drill = game_day(rehearsed(event), (), ZONE, no_progress)[0]
    assert str(drill.broken) == "checkout loses 4 of 10 replicas"
    before, after = (next(m for m in drill.minutes if m.offset == offset) for offset in (-1, 0))
    assert before.lost_p90 == 0
    assert after.load_p50 == pytest.approx(800 / 600)
    assert after.lost_p50 == pytest.approx(200 * 60)
    assert "SurgeplanReplicasMissing on checkout" in str(drill.alert)


def test_where_no_floor_is_moved_no_alert_on_a_missing_floor_is_expected(event: Inputs) -> None:
    drill = game_day(rehearsed(replace(event, stepless=("checkout",))), (), ZONE, no_progress)[0]
    assert drill.fault.startswith("lose-replicas")
    assert str(drill.alert) == "errors of checkout above 0.1 %; its p99 above the objective"


def test_a_switch_saves_what_is_lost_after_it_takes_effect(event: Inputs) -> None:
    still = replace(event, limits=(), fleets=(replace(event.fleets[0], start_seconds=(600, 600)),))
    drill = game_day(rehearsed(still), (QUEUE,), ZONE, no_progress)[0]
    answer = drill.answers[0]
    assert answer.saved_ratio == pytest.approx(1 - 3 / drill.back_minutes)
    assert drill.back_minutes == 10


def test_a_fault_that_loses_nothing_is_still_practised(event: Inputs) -> None:
    idle = replace(event, demand=Demand(np.full((1, 40, MINUTES), 300, np.float32)))
    drills = game_day(rehearsed(idle), (QUEUE,), ZONE, no_progress)
    assert len(drills) == 2
    assert drills[0].lost_orders_mean == 0
    assert drills[0].back_minutes == 0
    assert drills[0].answers[0].saved_ratio is None
