"""The rehearsal's war room: the re-forecast and the rule of the live desk on small events."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from campaign.spreading import HERE, Spread
from campaign.traffic import LiveSettings
from playbooks.rehearsal.inputs import Inputs, rehearse, with_demand
from playbooks.rehearsal.replays import rehearse_in_parts
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.war_room import with_war_room
from playbooks.simulation.event import Played
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.retries import NO_RETRIES
from playbooks.simulation.war_room import WarRoom
from surgeplan.war_room import war_room_of

STARTS_AT = datetime(2026, 11, 10, 11, 30, tzinfo=UTC)
LEARNED = LiveSettings(half_life_seconds=1200, scale_ratio=1.0, campaigns=3)
PATHS, MINUTES, REACTION_SECONDS = 130, 270, 180.0


def event(seed: int = 0, target_ratio: float | None = None, spread: float = 0.2) -> Inputs:
    """Two services that rise to a peak after three hours, alike on each path; floors carry the forecast's p95."""
    rng = np.random.default_rng(seed)
    level = rng.lognormal(0, spread, (1, PATHS, 1)) * rng.lognormal(0, 0.05, (2, PATHS, 1))
    course = 300 + 900 * np.exp(-(((np.arange(MINUTES) - 200) / 40) ** 2))
    rates = (level * course * rng.lognormal(0, 0.01, (2, PATHS, MINUTES))).astype(np.float32)
    floors = np.ceil(np.quantile(rates, 0.95, axis=1) / 100).astype(np.int64)
    return Inputs(
        services=("storefront", "checkout"),
        starts_at_utc=STARTS_AT,
        demand=Demand(rates),
        fleets=tuple(Fleet(row, 100.0, floors[row], ceiling=80, target_ratio=target_ratio) for row in range(2)),
        limits=(),
        error_ratios=(0.001, 0.001),
        orders_per_request=(None, 0.1),
        costs_per_replica_hour=(1.0, 3.0),
        retries=NO_RETRIES,
    )


def room_of(inputs: Inputs) -> WarRoom:
    room = war_room_of(inputs, LEARNED, REACTION_SECONDS)
    assert room is not None
    return room


def both(inputs: Inputs, room: WarRoom) -> tuple[Played, Played]:
    """Without and with the war room."""
    return rehearse(inputs), rehearse(replace(inputs, war_room=room))


def acts_of(played: Played) -> NDArray[np.int64]:
    assert played.acts is not None
    return played.acts


def with_rates(inputs: Inputs, rates: NDArray[np.float32]) -> Inputs:
    return replace(inputs, demand=Demand(rates.astype(np.float32)))


def test_it_meets_every_hour_at_six_minutes_past() -> None:
    inputs = event()
    assert [inputs.time_of(minute) for minute in room_of(inputs).syncs] == [
        STARTS_AT + timedelta(minutes=36 + 60 * hour) for hour in range(4)
    ]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(1.1, 2.0), st.sampled_from([None, 0.65]))
def test_on_no_path_is_more_lost_than_without_it_when_the_forecast_is_low(
    seed: int, factor: float, target_ratio: float | None
) -> None:
    planned = event(seed, target_ratio)
    without, joined = both(with_demand(planned, factor), room_of(planned))
    assert (joined.lost_requests <= without.lost_requests + 1e-6).all()


def test_it_saves_most_of_what_a_forecast_half_too_low_would_lose() -> None:
    planned = event()
    without, joined = both(with_demand(planned, 1.5), room_of(planned))
    assert (acts_of(joined).sum(axis=0) > 0).mean() > 0.8
    assert joined.lost_requests.sum() < 0.5 * without.lost_requests.sum()
    assert joined.replica_hours.sum() > without.replica_hours.sum()


def test_what_comes_after_a_sync_does_not_change_what_is_done_at_it() -> None:
    planned = event()
    room, late = room_of(planned), with_demand(planned, 1.5)
    seen: list[list[NDArray[np.int64]]] = []

    def play(inputs: Inputs) -> None:
        done: list[NDArray[np.int64]] = []
        seen.append(done)

        def recorded(sync: int, came: NDArray[np.float32], running: NDArray[np.int64]) -> NDArray[np.int64]:
            done.append(room.rule(sync, came, running))
            return done[-1]

        rehearse(replace(inputs, war_room=replace(room, rule=recorded)))

    play(late)
    other = late.demand.requests_per_second.copy()
    other[:, :, room.syncs[2] :] *= 0.3
    play(with_rates(late, other))
    assert seen[0][2].any()
    assert all(np.array_equal(one, two) for one, two in zip(seen[0][:3], seen[1][:3], strict=True))
    assert not np.array_equal(seen[0][3], seen[1][3])


def test_paths_that_are_the_forecasts_middle_leave_it_nothing_to_do() -> None:
    planned = event()
    middle = np.median(planned.demand.requests_per_second, axis=1, keepdims=True)
    without, joined = both(with_rates(planned, np.repeat(middle, 3, axis=1)), room_of(planned))
    assert not acts_of(joined).any()
    assert np.array_equal(without.replica_hours, joined.replica_hours)


def test_a_raised_floor_is_not_there_before_people_and_pods_are() -> None:
    """Found short at the sync of 13:06 first; three minutes until the patch, one to two until replicas are ready."""
    planned = event()
    room, late = room_of(planned), with_demand(planned, 3.0)
    without, joined = both(late, room)
    earliest = room.syncs[0] + int(REACTION_SECONDS // 60) + 1
    assert np.array_equal(without.lost_by_minute[:, :, :earliest], joined.lost_by_minute[:, :, :earliest])
    assert without.lost_by_minute[:, :, :earliest].any()
    assert joined.lost_by_minute[:, :, earliest + 2].sum() < without.lost_by_minute[:, :, earliest + 2].sum()


def test_no_floor_is_raised_above_the_quota() -> None:
    planned = event()
    planned = replace(planned, fleets=tuple(replace(fleet, ceiling=18) for fleet in planned.fleets))
    _without, joined = both(with_demand(planned, 2.0), room_of(planned))
    assert acts_of(joined).any()
    assert int(joined.most_replicas.max()) == 18


def test_what_runs_already_is_not_asked_for_again() -> None:
    planned = event()
    room, late = room_of(planned), with_demand(planned, 1.5).demand.requests_per_second
    came = late[:, :, : room.syncs[2] // 5 * 5].reshape(2, PATHS, -1, 5).mean(axis=3)
    wanted = room.rule(2, came, np.zeros((2, PATHS), np.int64))
    assert wanted.any()
    assert not room.rule(2, came, wanted).any()


def test_replicas_come_in_whole_multiples_of_the_plans_floor() -> None:
    planned = event()
    room = war_room_of(planned, LEARNED, REACTION_SECONDS, [5, 1])
    assert room is not None
    late = with_demand(planned, 1.5).demand.requests_per_second
    came = late[:, :, : room.syncs[2] // 5 * 5].reshape(2, PATHS, -1, 5).mean(axis=3)
    none = np.zeros((2, PATHS), np.int64)
    wanted, single = room.rule(2, came, none), room_of(planned).rule(2, came, none)
    assert (wanted[0] >= single[0]).all()
    assert (wanted[0] > single[0]).any()
    assert np.array_equal(wanted[1], single[1])


def test_parts_of_the_paths_meet_the_same_war_room_in_another_process_too() -> None:
    planned = event()
    late = replace(with_demand(planned, 1.5), war_room=pickle.loads(pickle.dumps(room_of(planned))))
    whole, parts = rehearse(late), rehearse_in_parts(with_two_parts(late), Spread(HERE.run, 2))
    assert np.array_equal(acts_of(whole), acts_of(parts)[:, :PATHS])
    assert np.array_equal(whole.lost_requests, parts.lost_requests[:, :PATHS])


def with_two_parts(inputs: Inputs) -> Inputs:
    """All paths four times: enough of them that they are played in two parts."""
    return with_rates(inputs, np.concatenate([inputs.demand.requests_per_second] * 4, axis=1))


def test_the_record_has_both_courses_and_how_often_it_acted() -> None:
    planned = event()
    late = replace(with_demand(planned, 1.5), war_room=room_of(planned))
    played = rehearse(replace(late, war_room=None))
    found = with_war_room(late, played, 0.01, PathsPlayed(PATHS, PATHS, limited_only=False), HERE)
    assert found is not None
    assert found.without_war_room.lost_orders_mean == pytest.approx(float(played.lost_requests[1].mean()) * 0.1)
    assert found.with_war_room.event_ratio <= found.without_war_room.event_ratio
    assert found.with_war_room.lost_orders_mean < found.without_war_room.lost_orders_mean
    assert found.acted_ratio > 0.8
    assert found.raises_mean >= found.acted_ratio
    assert found.syncs == 4


def test_too_few_minutes_make_no_war_room() -> None:
    assert war_room_of(with_minutes(event(), 20), LEARNED, REACTION_SECONDS) is None


def with_minutes(inputs: Inputs, minutes: int) -> Inputs:
    fleets = tuple(replace(fleet, floor=fleet.floor[:minutes]) for fleet in inputs.fleets)
    cut = with_rates(inputs, inputs.demand.requests_per_second[:, :, :minutes])
    return replace(cut, fleets=fleets)
