"""The rehearsal's war room: the re-forecast, the order of response and the acts of the live one on small events."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from campaign.settings import Settings
from campaign.spreading import HERE, Spread
from campaign.traffic import LiveSettings
from metrics.dictionary import read_dictionary
from playbooks.growth.policy import Response, read_rules
from playbooks.rehearsal.inputs import Inputs, rehearse, with_demand
from playbooks.rehearsal.replays import rehearse_in_parts
from playbooks.rehearsal.sends import Send
from playbooks.rehearsal.stories import stories
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.war_room import Joined, Judged, Room, Watched, watched, with_war_room
from playbooks.simulation.event import Played
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import NO_RETRIES
from playbooks.simulation.war_room import Act, Done, Seen, WarRoom
from surgeplan.war_room.making import Known, war_room_of
from surgeplan.war_room.options import Switched
from surgeplan.war_room.sight import Services, ahead_of, syncs_of

STARTS_AT = datetime(2026, 11, 10, 11, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
PATHS, MINUTES, SENT = 130, 270, 165
LEARNED = LiveSettings(half_life_seconds=1200, scale_ratio=1.0, campaigns=3)
SETTINGS = Settings.model_validate({"time_zone": "Asia/Shanghai", "services": [{"name": "storefront"}]})
RULES = read_rules(Path("/nowhere"), read_dictionary(Path("/nowhere"), SETTINGS))
REACTION_SECONDS = 3600 * RULES.live.levers.scale.hours
OFF = Switched("recommend-off", {0: 0.3}, 12 / 3600)
KNOWN = Known(RULES.live, RULES.response, LEARNED, (1, 1), np.array([0.1, 10.0]))


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


def room_of(inputs: Inputs, known: Known = KNOWN) -> WarRoom:
    room = war_room_of(inputs, known)
    assert room is not None
    return room


def both(inputs: Inputs, room: WarRoom) -> tuple[Played, Played]:
    """Without and with the war room."""
    return rehearse(inputs), rehearse(replace(inputs, war_room=room))


def done_of(played: Played) -> Done:
    assert played.done is not None
    return played.done


def often(room: WarRoom, done: Done, kind: str, subject: str | None = None) -> float:
    """On which share of the paths it was done."""
    rows = [i for i, each in enumerate(room.options) if each.kind == kind and subject in (None, each.subject)]
    return float((done.times[rows] > 0).any(axis=0).mean())


def with_rates(inputs: Inputs, rates: NDArray[np.float32]) -> Inputs:
    return replace(inputs, demand=Demand(rates.astype(np.float32)))


def with_quota(inputs: Inputs, most: int) -> Inputs:
    return replace(inputs, fleets=tuple(replace(fleet, ceiling=most) for fleet in inputs.fleets))


def at_sync(room: WarRoom, inputs: Inputs, sync: int, running: NDArray[np.int64] | None = None) -> list[Act]:
    """What is done at a sync with everything that came before, nothing done so far."""
    rates = inputs.demand.requests_per_second
    came = rates[:, :, : room.syncs[sync] // 5 * 5].reshape(*rates.shape[:2], -1, 5).mean(axis=3)
    none = np.zeros(rates.shape[:2], np.int64)
    return list(room.rule(sync, Seen(came, none if running is None else running, ())))


def floors_of(acts: Sequence[Act]) -> NDArray[np.int64]:
    floors = np.zeros((2, PATHS), np.int64)
    for act in acts:
        if act.replicas is not None:
            floors[act.row] = act.replicas
    return floors


def test_it_meets_every_hour_at_twelve_minutes_past() -> None:
    inputs = event()
    assert [inputs.time_of(minute) for minute in room_of(inputs).syncs] == [
        STARTS_AT + timedelta(minutes=42 + 60 * hour) for hour in range(4)
    ]


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000), st.floats(1.1, 2.0), st.sampled_from([None, 0.65]))
def test_on_no_path_is_more_lost_than_without_it_when_the_forecast_is_low(
    seed: int, factor: float, target_ratio: float | None
) -> None:
    planned = event(seed, target_ratio)
    room = room_of(planned, replace(KNOWN, switches=(OFF,)))
    without, joined = both(with_demand(planned, factor), room)
    assert (joined.lost_requests <= without.lost_requests + 1e-6).all()


def test_it_saves_most_of_what_a_forecast_half_too_low_would_lose() -> None:
    planned = event()
    room = room_of(planned)
    without, joined = both(with_demand(planned, 1.5), room)
    assert often(room, done_of(joined), "scale") > 0.8
    assert joined.lost_requests.sum() < 0.5 * without.lost_requests.sum()
    assert joined.replica_hours.sum() > without.replica_hours.sum()


def test_what_comes_after_a_sync_does_not_change_what_is_done_at_it() -> None:
    planned = event()
    room, late = room_of(planned), with_demand(planned, 1.5)
    seen: list[list[NDArray[np.int64]]] = []

    def play(inputs: Inputs) -> None:
        done: list[NDArray[np.int64]] = []
        seen.append(done)

        def recorded(sync: int, sees: Seen) -> Sequence[Act]:
            acts = room.rule(sync, sees)
            done.append(floors_of(acts))
            return acts

        rehearse(replace(inputs, war_room=replace(room, rule=recorded)))

    play(late)
    other = late.demand.requests_per_second.copy()
    other[:, :, room.syncs[1] :] *= 0.3
    play(with_rates(late, other))
    assert seen[0][1].any()
    assert all(np.array_equal(one, two) for one, two in zip(seen[0][:2], seen[1][:2], strict=True))
    assert not np.array_equal(seen[0][2], seen[1][2])


def test_paths_that_are_the_forecasts_middle_leave_it_nothing_to_do() -> None:
    planned = event()
    middle = np.median(planned.demand.requests_per_second, axis=1, keepdims=True)
    without, joined = both(with_rates(planned, np.repeat(middle, 3, axis=1)), room_of(planned))
    assert not done_of(joined).times.any()
    assert np.array_equal(without.replica_hours, joined.replica_hours)


def test_a_raised_floor_is_not_there_before_people_and_pods_are() -> None:
    """Found short at the sync of 12:12 first; three minutes until the patch, one to two until replicas are ready."""
    planned = event()
    room, late = room_of(planned), with_demand(planned, 3.0)
    without, joined = both(late, room)
    earliest = room.syncs[0] + int(REACTION_SECONDS // 60) + 1
    assert np.array_equal(without.lost_by_minute[:, :, :earliest], joined.lost_by_minute[:, :, :earliest])
    assert without.lost_by_minute[:, :, :earliest].any()
    assert joined.lost_by_minute[:, :, earliest + 2].sum() < without.lost_by_minute[:, :, earliest + 2].sum()


def test_what_the_autoscaler_reaches_by_itself_is_left_to_it() -> None:
    """The same rise with a third of the floors: an HPA at 65 % follows it, fixed replicas do not."""
    planned = event(target_ratio=0.65)
    planned = replace(planned, fleets=tuple(replace(fleet, floor=fleet.floor // 3) for fleet in planned.fleets))
    fixed = replace(planned, fleets=tuple(replace(fleet, target_ratio=None) for fleet in planned.fleets))
    scaled, still = (often(room, done_of(both(one, room)[1]), "scale")
                     for one in (planned, fixed) for room in [room_of(one)])  # fmt: skip
    assert (scaled, still) == (0.0, 1.0)
    slow = replace(planned, fleets=tuple(replace(fleet, start_seconds=(600, 1500)) for fleet in planned.fleets))
    room = room_of(slow)
    assert often(room, done_of(both(slow, room)[1]), "scale") > 0.5


def test_no_floor_is_raised_above_the_quota_and_then_the_switch_is_pulled() -> None:
    planned = with_quota(event(), 18)
    room = room_of(planned, replace(KNOWN, switches=(OFF,)))
    without, joined = both(with_demand(planned, 2.0), room)
    done = done_of(joined)
    assert int(joined.most_replicas.max()) == 18
    assert often(room, done, "scale") > 0.9
    assert often(room, done, "switch") > 0.9
    pulled = done.times[[each.kind for each in room.options].index("switch")] > 0
    assert done.asked_ratio is not None
    assert done.asked_ratio[0].min() == pytest.approx(0.7)
    assert (done.asked_ratio[1] == 1).all()
    assert (joined.lost_requests[0, pulled] < without.lost_requests[0, pulled]).all()


def test_where_a_rate_limit_ends_first_no_floor_is_raised() -> None:
    planned = replace(event(), limits=(RateLimit("sms", {1: 1.0}, 1300.0),))
    room = room_of(planned)
    first = at_sync(room, with_demand(planned, 1.3), 1)
    assert {act.row for act in first if act.replicas is not None} == {0}


def test_what_runs_already_is_not_asked_for_again() -> None:
    planned = event()
    room, late = room_of(planned), with_demand(planned, 1.5)
    wanted = floors_of(at_sync(room, late, 2))
    assert wanted.any()
    assert not floors_of(at_sync(room, late, 2, wanted)).any()


def test_a_planned_floor_is_seen_as_carried_a_start_up_after_its_step() -> None:
    """Ten, twenty from minute 120 on, ready a quarter of an hour later: at 135 whole intervals of five carry them."""
    planned = event()
    stepped = np.where(np.arange(MINUTES) < 120, 10, 20)
    fleets = tuple(replace(f, floor=stepped, start_seconds=(400, 870), floor_late_seconds=30) for f in planned.fleets)
    sync = syncs_of(replace(planned, fleets=fleets), LEARNED)[1]
    assert sync is not None
    assert sync.starts[sync.floor[0] == 20].min() == 135


def test_a_floor_that_was_raised_is_seen_as_carried_a_start_up_after_its_patch() -> None:
    planned = with_rise(event(), 40)
    services, sync = Services.of(planned.fleets, (1, 1)), syncs_of(planned, LEARNED)[0]
    assert sync is not None
    slow = replace(services, lead_minutes=np.array([14.0, 14.0]))
    act = Act(0, np.ones(PATHS, bool), sync.minute + 3, sync.minute + 183, replicas=np.full(PATHS, 30))
    came = planned.demand.requests_per_second[:, :, : sync.minute // 5 * 5].reshape(2, PATHS, -1, 5).mean(axis=3)
    seen = Seen(came, np.zeros((2, PATHS), np.int64), (act,))
    carried = ahead_of(sync, slow, seen).carries[0, 0]
    assert sync.starts[carried == 3000].min() == -(-(sync.minute + 17) // 5) * 5


def test_a_later_planned_step_does_not_lower_a_floor_that_was_raised() -> None:
    """Twenty replicas of 100 for 1,500 a second; the plan's step down to five comes while twenty are held."""
    planned = with_rates(event(), np.full((2, PATHS, MINUTES), 1500.0))
    floors = np.where(np.arange(MINUTES) < 100, 20, 5)
    planned = replace(planned, fleets=tuple(replace(fleet, floor=floors) for fleet in planned.fleets))
    held = Act(0, np.ones(PATHS, bool), 50, 200, row=0, replicas=np.full(PATHS, 20))
    room = replace(room_of(planned), rule=lambda sync, _: [held] if sync == 0 else [])
    lost = both(planned, room)[1].lost_by_minute.sum(axis=1)
    assert not lost[0, :200].any()
    assert lost[1, 110:200].all()
    assert lost[0, 210:].all()


def test_replicas_come_in_whole_multiples_of_the_plans_floor() -> None:
    planned = event()
    late = with_demand(planned, 1.5)
    wanted, single = (floors_of(at_sync(room_of(planned, replace(KNOWN, multiples=many)), late, 2))
                      for many in ((5, 1), (1, 1)))  # fmt: skip
    assert (wanted[0] >= single[0]).all()
    assert (wanted[0] > single[0]).any()
    assert np.array_equal(wanted[1], single[1])


def with_rise(inputs: Inputs, most: int) -> Inputs:
    """400 a second until minute 150, then 760 on the storefront's eight replicas of at most `most`."""
    level = inputs.demand.requests_per_second[:, :, :1] / inputs.demand.requests_per_second[:, :, :1].mean()
    rates = level**0.25 * np.where(np.arange(MINUTES) < 150, 400.0, 760.0)
    floors = (8, 40)
    fleets = tuple(
        replace(fleet, floor=np.full(MINUTES, floor), ceiling=max(most, floor))
        for fleet, floor in zip(inputs.fleets, floors, strict=True)
    )
    return replace(with_rates(inputs, rates), fleets=fleets)


ORDERS = {
    "impact": ("impact", "hours", "people"),
    "hours": ("hours", "impact", "people"),
    "people": ("people", "hours", "impact"),
}
QUICK, WEAK = Switched("recommend-off", {0: 0.05}, 12 / 3600), 3
SLOW, STRONG = Switched("recommend-off", {0: 0.3}, 0.5), 1
SLOWER_THAN_THE_PATCH = Switched("recommend-off", {0: 0.05}, 60 / 3600)


@pytest.mark.parametrize(
    ("most", "switch", "people", "order", "done"),
    [
        # The floor carries all that comes; the switch sheds a part of what is beyond, sooner, and needs three people.
        (40, QUICK, WEAK, "impact", {"scale"}),
        (40, QUICK, WEAK, "hours", {"switch", "scale"}),
        (40, QUICK, WEAK, "people", {"scale"}),
        # A quota of nine replicas is not enough; the switch is, half an hour later.
        (9, SLOW, STRONG, "impact", {"switch"}),
        (9, SLOW, STRONG, "hours", {"scale", "switch"}),
        # A minute after the patch it works, while replicas are not ready for another.
        (40, SLOWER_THAN_THE_PATCH, STRONG, "hours", {"switch", "scale"}),
    ],
)
def test_the_first_act_is_the_one_that_the_response_order_puts_first(
    most: int, switch: Switched, people: int, order: str, done: set[str]
) -> None:
    """One of the two is enough by itself: the other is done only where it comes first, and then both are."""
    levers = RULES.live.levers
    rules = levers.model_copy(update={"switch": levers.switch.model_copy(update={"people": people})})
    known = replace(
        KNOWN,
        switches=(switch,),
        rules=RULES.live.model_copy(update={"levers": rules}),
        response=Response(order_by=ORDERS[order]),
    )
    planned = with_rise(event(), most)
    room, middle = room_of(planned, known), np.median(planned.demand.requests_per_second, axis=1, keepdims=True)
    acts = at_sync(room, with_rates(planned, 1.25 * middle), 1)
    assert {room.options[act.option].kind for act in acts} == done
    assert all(act.paths.all() for act in acts)


def with_push(inputs: Inputs) -> Inputs:
    """An even day but for a send at `SENT`, which brings three times as much for half an hour; a quota of eight."""
    level = inputs.demand.requests_per_second[:, :, :1] / inputs.demand.requests_per_second[:, :, :1].mean()
    sent = (np.arange(MINUTES) >= SENT) & (np.arange(MINUTES) < SENT + 30)
    rates = (400 * level * (1 + 0.7 * sent)).astype(np.float32)
    shares = np.broadcast_to(np.where(sent, 0.7 / 1.7, 0.0).astype(np.float32), (2, MINUTES)).copy()
    fleets = tuple(replace(fleet, floor=np.full(MINUTES, 8), ceiling=8) for fleet in inputs.fleets)
    return replace(with_rates(inputs, rates), sends=(Send("app-push", SENT, shares, 600.0),), fleets=fleets)


def test_a_send_that_would_not_fit_is_held_and_goes_out_once_there_is_room() -> None:
    planned = with_push(event())
    room = room_of(planned)
    without, joined = both(planned, room)
    done = done_of(joined)
    held = done.times[[each.kind for each in room.options].index("hold")] > 0
    let_go = done.times[[each.kind for each in room.options].index("release")] > 0
    assert 0 < held.mean() < 0.5
    assert done.asked_ratio is not None
    assert np.allclose(done.asked_ratio[:, held, SENT : SENT + 30], 1 / 1.7, rtol=1e-5)
    assert joined.lost_requests[:, held].sum() < without.lost_requests[:, held].sum()
    assert (done.orders_away[held, SENT : SENT + 30] > 0).all()
    assert not (let_go & ~held).any()
    assert not let_go.any()  # it would fit no better an hour later


def test_a_held_send_goes_out_at_the_first_sync_at_which_there_is_room_for_it() -> None:
    planned = with_push(event())
    later = tuple(
        replace(fleet, floor=np.where(np.arange(MINUTES) < 222, 8, 20), ceiling=20, target_ratio=None)
        for fleet in planned.fleets
    )
    room = room_of(replace(planned, fleets=later))
    scaled = replace(
        room, rule=replace(room.rule, possible=tuple(e for e in room.rule.possible if e.option.kind != "scale"))
    )
    _, joined = both(replace(planned, fleets=later), scaled)
    done = done_of(joined)
    held, let_go = (
        done.times[[each.kind for each in scaled.rule.options].index(kind)] > 0 for kind in ("hold", "release")
    )
    assert held.any()
    assert np.array_equal(held, let_go)
    assert done.asked_ratio is not None
    assert (done.asked_ratio[:, held, 225:255] > 1.5).all()
    assert abs(done.orders_away[held].sum()) < 0.05 * done.orders_away[held, SENT : SENT + 30].sum()


def test_a_send_that_has_gone_out_is_not_held() -> None:
    planned = with_push(event())
    room, late = room_of(planned), with_demand(with_push(event()), 2.0)
    kinds = [[room.options[act.option].kind for act in at_sync(room, late, sync)] for sync in (2, 3)]
    assert room.syncs[2] < SENT < room.syncs[3]
    assert "hold" in kinds[0]
    assert "hold" not in kinds[1]


def test_parts_of_the_paths_meet_the_same_war_room_in_another_process_too() -> None:
    planned = event()
    late = replace(with_demand(planned, 1.5), war_room=pickle.loads(pickle.dumps(room_of(planned))))
    whole, parts = rehearse(late), rehearse_in_parts(with_two_parts(late), Spread(HERE.run, 2))
    assert np.array_equal(done_of(whole).times, done_of(parts).times[:, :PATHS])
    assert np.array_equal(done_of(whole).amount, done_of(parts).amount[:, :PATHS])
    assert np.array_equal(whole.lost_requests, parts.lost_requests[:, :PATHS])


def with_two_parts(inputs: Inputs) -> Inputs:
    """All paths four times: enough of them that they are played in two parts."""
    return with_rates(inputs, np.concatenate([inputs.demand.requests_per_second] * 4, axis=1))


def joined_of(inputs: Inputs, room: WarRoom) -> tuple[Watched, Joined]:
    alone = watched(inputs, Room(room), HERE)
    judged = Judged(0.01, PathsPlayed(PATHS, PATHS, limited_only=False), ZONE, 120.0)
    joined = with_war_room(alone, {}, judged, HERE)
    assert joined is not None
    return alone, joined


def test_only_paths_on_which_it_would_act_are_played_again_and_nothing_is_missed() -> None:
    planned = with_quota(event(), 18)
    room, late = room_of(planned, replace(KNOWN, switches=(OFF,))), with_demand(planned, 1.1)
    without, whole = both(late, room)
    alone, joined = joined_of(late, room)
    assert np.array_equal(alone.plan.played.lost_by_minute, without.lost_by_minute)
    assert 0 < alone.acting.mean() < 1
    assert np.array_equal(alone.acting, done_of(whole).acting)
    assert joined.outcome.with_war_room.replica_hours == pytest.approx(whole.replica_hours.mean(axis=1).sum(), 1e-12)
    lost = 0.1 * whole.lost_requests[1]
    assert joined.orders == pytest.approx(lost, rel=1e-4, abs=1e-3)


def test_the_record_has_both_courses_what_was_done_and_what_it_was_worth() -> None:
    planned = event()
    late = with_demand(planned, 1.5)
    alone, joined = joined_of(late, room_of(planned))
    found = joined.outcome
    assert found.without_war_room.lost_orders_mean == pytest.approx(
        float(alone.plan.played.lost_requests[1].mean()) * 0.1
    )
    assert found.with_war_room.event_ratio <= found.without_war_room.event_ratio
    assert found.saved_orders_mean == pytest.approx(
        found.without_war_room.lost_orders_mean - found.with_war_room.lost_orders_mean
    )
    assert found.saved_value_mean == pytest.approx(120 * found.saved_orders_mean)
    assert found.saved_orders_mean > 0
    assert found.acted_ratio > 0.8
    assert found.syncs == 4
    scaled = {act.subject: act for act in found.acts if act.kind == "scale"}
    assert scaled["checkout"].amount is not None
    assert scaled["checkout"].what.en == f"checkout to {round(scaled['checkout'].amount.p50)} replicas"
    told = stories(late, alone.plan.played, ZONE, None, joined)
    assert told[0].war_room is not None
    assert "with the war room" in told[0].war_room.en
    assert " replicas" in told[0].war_room.en


def test_too_few_minutes_make_no_war_room() -> None:
    assert war_room_of(with_minutes(event(), 20), KNOWN) is None


def with_minutes(inputs: Inputs, minutes: int) -> Inputs:
    fleets = tuple(replace(fleet, floor=fleet.floor[:minutes]) for fleet in inputs.fleets)
    cut = with_rates(inputs, inputs.demand.requests_per_second[:, :, :minutes])
    return replace(cut, fleets=fleets)
