"""The rehearsal on a small event worked out by hand, and its command on a small workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.console import no_progress
from campaign.errors import UserError
from campaign.traffic import Course, Effect, EffectQuantiles
from playbooks.rehearsal.certainty import interval, paths_that_decide
from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.inputs import Inputs, rehearse, with_floors, with_limit
from playbooks.rehearsal.judging import breaks, cost, lost_orders
from playbooks.rehearsal.levers import curve, levers
from playbooks.rehearsal.record import Added, Break
from playbooks.rehearsal.replays import rehearsed
from playbooks.rehearsal.sends import sends_of
from playbooks.rehearsal.settling import settling, told
from playbooks.rehearsal.stories import stories
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.verdict import verdict
from playbooks.simulation.event import Played
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import NO_RETRIES, RetryPolicy

STARTS_AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MINUTES = 20


def small_event(rates: Sequence[float], limits: tuple[RateLimit, ...] = (), minutes: int = MINUTES) -> Inputs:
    """One service, ten replicas of 100 requests per second that nothing scales; a constant path for each rate."""
    demand = np.repeat(np.array(rates, np.float32)[None, :, None], minutes, axis=2)
    fleet = Fleet(0, 100.0, np.full(minutes, 10), ceiling=100, target_ratio=None)
    return Inputs(
        services=("checkout",),
        starts_at_utc=STARTS_AT,
        demand=Demand(demand),
        fleets=(fleet,),
        limits=limits,
        error_ratios=(0.001,),
        orders_per_request=(0.1,),
        costs_per_replica_hour=(3.0,),
        retries=NO_RETRIES,
    )


def judged(inputs: Inputs, appetite: float = 0.01, available: int = 0) -> tuple[str, tuple[Break, ...], Played]:
    played = rehearse(inputs)
    found, paths = breaks(inputs, played), inputs.demand.paths
    limited_only = bool(played.above_capacity_requests.sum() == 0)
    return verdict(found, appetite, PathsPlayed(paths, max(available, paths), limited_only))[0], found, played


def test_intervals_are_the_published_ones() -> None:
    """Clopper and Pearson for 0 of 10, 2 of 10 and 10 of 10, as in every table of theirs."""
    assert (interval(0, 10).low, interval(0, 10).high) == pytest.approx((0, 0.3085), abs=1e-4)
    assert (interval(2, 10).low, interval(2, 10).high) == pytest.approx((0.0252, 0.5561), abs=1e-4)
    assert (interval(10, 10).low, interval(10, 10).high) == pytest.approx((0.6915, 1), abs=1e-4)


@given(st.integers(1, 3000), st.floats(0, 1))
def test_more_hits_move_the_interval_up_and_it_holds_the_share(paths: int, share: float) -> None:
    hits = round(share * (paths - 1))
    fewer, more = interval(hits, paths), interval(hits + 1, paths)
    assert fewer.low <= hits / paths <= fewer.high
    assert fewer.low <= more.low
    assert fewer.high <= more.high


def test_paths_that_decide_are_neither_too_few_nor_many_more_than_needed() -> None:
    needed = paths_that_decide(0.0, 0.01, 20)
    assert needed is not None
    assert interval(0, needed).high <= 0.01 < interval(0, round(0.9 * needed)).high
    assert paths_that_decide(0.01, 0.01, 400) is None


@pytest.mark.parametrize(("paths", "available", "said"), [
    (100, 2000, "100 paths leave it open: rehearse with --paths 370"),
    (300, 300, "all 300 paths of the forecast leave it open, so to be careful this is no GO"),
])  # fmt: skip
def test_few_paths_without_a_break_are_too_close_to_call(paths: int, available: int, said: str) -> None:
    found = breaks(few := small_event([800] * paths), rehearse(few))
    outcome, why = verdict(found, 0.01, PathsPlayed(paths, available, limited_only=False))
    assert outcome == "too-close"
    assert said in str(why)
    assert judged(small_event([800] * 400))[0] == "go"


def test_what_settles_it_is_the_fewest_replicas_that_were_found_enough() -> None:
    inputs = small_event([800] * 600 + [1050] * 6)
    played = rehearse(inputs)
    assert judged(inputs)[0] == "too-close"
    found = settling(inputs, played, 0.01, ZONE)
    assert found is not None
    assert [(one.service, one.replicas, inputs.minute_of(one.ends_at_utc)) for one in found.added] == [
        ("checkout", 1, MINUTES)
    ]
    assert found.cost == pytest.approx(1 * MINUTES / 60 * 3.0)
    assert judged(with_floors(inputs, more=[1]))[0] == "go"


def test_what_settles_it_is_added_around_the_minutes_that_break_only() -> None:
    inputs = small_event([800] * 600, minutes=240)
    rates = inputs.demand.requests_per_second.copy()
    rates[:, :6, 100:103] = 1050
    inputs = replace(inputs, demand=Demand(rates))
    found = settling(inputs, rehearse(inputs), 0.01, ZONE)
    assert found is not None
    assert [(inputs.minute_of(a.starts_at_utc), inputs.minute_of(a.ends_at_utc)) for a in found.added] == [(60, 120)]
    assert found.cost == pytest.approx(3.0)


def test_where_many_services_need_more_the_sentence_names_those_that_need_most() -> None:
    at = datetime(2026, 11, 10, 12, tzinfo=UTC)
    added = [
        Added(service=f"s{i}", replicas=i + 1, starts_at_utc=at, ends_at_utc=at + timedelta(hours=1)) for i in range(9)
    ]
    assert str(told(added[:2], ZoneInfo("Asia/Shanghai"))) == "s0 +1, s1 +2 11-10 20:00 – 21:00"
    many = told(added, ZoneInfo("Asia/Shanghai"))
    assert str(many).startswith("s8 +9, s7 +8, s6 +7, s5 +6, s4 +5, s3 +4 11-10 20:00")
    assert str(many).endswith("; 3 more in rehearsal.html")


def test_nothing_settles_what_a_quota_ends() -> None:
    inputs = small_event([800, 1500] * 300)
    inputs = replace(inputs, fleets=(replace(inputs.fleets[0], ceiling=10),))
    assert settling(inputs, rehearse(inputs), 0.01, ZONE) is None


def test_what_ten_replicas_cannot_carry_is_lost_in_orders() -> None:
    inputs = small_event([800, 900, 1000, 1200] * 10)
    outcome, found, played = judged(inputs)
    assert outcome == "no-go"
    assert found[0].event_ratio == 0.25
    assert lost_orders(inputs, played)[:4].tolist() == pytest.approx([0, 0, 0, 200 * 60 * MINUTES * 0.1])


def test_a_limit_that_ends_first_is_go_with_limits_and_named() -> None:
    inputs = small_event([500, 900] * 200, (RateLimit("payment", {0: 0.1}, 60.0),))
    outcome, found, _played = judged(inputs)
    assert outcome == "go-with-limits"
    assert {one.name: one.event_ratio for one in found} == {"checkout": 0.5, "payment": 0.5}
    assert judged(with_limit(inputs, "payment", 2.0))[0] == "go"


def test_a_limit_that_ends_within_every_objective_is_still_named() -> None:
    limited = Break(kind="limit", name="payment", event_ratio=0.5, worst_minute_ratio=0.5, worst_at_utc=STARTS_AT)
    held = limited.model_copy(
        update={
            "kind": "service",
            "name": "checkout",
            "worst_minute_ratio": 0.0,
            "worst_minute_interval": interval(0, 900),
        }
    )
    outcome, why = verdict([held, limited], 0.01, PathsPlayed(900, 900, limited_only=False))
    assert outcome == "go-with-limits"
    assert "payment" in str(why)


def test_nodes_that_come_later_change_what_waits_for_them() -> None:
    inputs = small_event([800, 900])
    inputs = replace(inputs, fleets=(replace(inputs.fleets[0], nodes=Nodes()),))
    slower = injected(inputs, "node-wait:2", ZONE).fleets[0].nodes
    assert slower is not None
    assert slower.wait_seconds == tuple(2 * seconds for seconds in Nodes().wait_seconds)


def test_the_appetite_decides_between_go_and_no_go() -> None:
    inputs = small_event([800, 900, 1000, 1200] * 200)
    assert judged(inputs, appetite=0.3)[0] == "go"
    assert judged(inputs, appetite=0.2)[0] == "no-go"
    assert judged(inputs, appetite=0.24)[0] == "too-close"


def test_levers_are_found_by_playing_again_and_cost_what_they_add() -> None:
    inputs = small_event([800, 1050])
    best = levers(rehearsed(inputs), 120.0, no_progress)[0]
    assert best.saved_orders == pytest.approx(50 * 60 * MINUTES * 0.1 / 2)
    assert best.saved_value == pytest.approx(best.saved_orders * 120)
    assert best.cost == pytest.approx(1 * MINUTES / 60 * 3.0)


def test_what_has_no_price_is_left_out_of_the_cost_and_of_what_a_change_costs() -> None:
    inputs = small_event([800, 1050])
    fleets = (inputs.fleets[0], replace(inputs.fleets[0], service=1))
    rates = np.repeat(inputs.demand.requests_per_second, 2, axis=0)
    two = replace(
        inputs,
        services=("checkout", "coupon"),
        demand=Demand(rates),
        fleets=fleets,
        error_ratios=(0.001, 0.001),
        orders_per_request=(0.1, 0.2),
        costs_per_replica_hour=(3.0, None),
    )
    assert cost(two, rehearse(two)) == pytest.approx(10 * MINUTES / 60 * 3.0)
    bought = {lever.change.en: lever.cost for lever in levers(rehearsed(two), None, no_progress)}
    assert bought["replicas of coupon: +1"] is None
    assert cost(replace(two, costs_per_replica_hour=(None, None)), rehearse(two)) is None


def test_requests_that_still_wait_at_the_end_are_lost_in_the_last_minute() -> None:
    inputs = replace(small_event([800, 1200]), retries=RetryPolicy())
    played = rehearse(inputs)
    assert played.lost_by_minute.sum(axis=2) == pytest.approx(played.lost_requests, rel=1e-4)


def test_more_floor_costs_more_and_loses_no_more() -> None:
    points = curve(rehearsed(small_event([800, 1100, 1300])), no_progress)
    costs, lost = [point.cost for point in points], [point.lost_orders for point in points]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > lost[-1]


def test_only_paths_on_which_something_broke_have_a_story_the_worst_first() -> None:
    inputs = small_event([800, 1100, 1300])
    told = stories(inputs, rehearse(inputs), ZONE)
    assert [story.path for story in told] == [2, 1]
    assert told[0].told.en.startswith("11-10 20:00 checkout at 130 %")
    assert "36 万" in told[0].told.zh


@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        ("forecast:1.5", 200 * 60 * MINUTES * 0.1),
        ("limit:payment:0.5", 300 * 60 * MINUTES * 0.1),
    ],
)
def test_a_fault_loses_what_it_takes_away(fault: str, lost: float) -> None:
    inputs = small_event([800, 800], (RateLimit("payment", {0: 0.1}, 100.0),))
    changed = injected(inputs, fault, ZONE)
    if fault == "forecast:1.5":
        changed = replace(changed, limits=())
    assert lost_orders(changed, rehearse(changed)).mean() == pytest.approx(lost)


def with_push(inputs: Inputs) -> Inputs:
    """400 of 900 requests a second in minutes 10 to 12 are an app push's, sent then."""
    rates = np.full_like(inputs.demand.requests_per_second, 500)
    rates[:, :, 10:13] = 900
    effect = Effect(
        driver="app-push",
        at_utc=inputs.time_of(10),
        service="checkout",
        added_requests_per_second=EffectQuantiles(p10=300, p50=400, p90=500),
        course=Course(sent_at_utc=inputs.time_of(10), ratios=(1.0, 1.0, 1.0)),
    )
    sends = sends_of([effect], inputs.services, inputs.starts_at_utc, rates[:, 0])
    return replace(inputs, demand=Demand(rates), sends=sends)


@pytest.mark.parametrize("fault", ["push-early:5m", "push-early:5m@20:10"])
def test_an_early_push_moves_what_it_brings_and_nothing_else(fault: str) -> None:
    moved = injected(with_push(small_event([500, 500])), fault, ZONE).demand.requests_per_second
    assert moved[0, 1, 5:8] == pytest.approx(900)
    assert np.delete(moved[0, 1], range(5, 8)) == pytest.approx(500)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("push-early:11m", "11 minutes early is before the planned hours begin"),
        ("push-early:5m@21:00", "nothing is sent at 21:00"),
    ],
)
def test_a_push_that_cannot_come_so_early_is_refused(fault: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        injected(with_push(small_event([500, 500])), fault, ZONE)


def test_lost_replicas_are_missing_from_that_minute_on() -> None:
    inputs = injected(small_event([800, 900]), "lose-replicas:checkout:0.5@20:02", ZONE)
    lost = rehearse(inputs).lost_by_minute
    assert not lost[:, :, :2].any()
    assert (lost[:, :, 2] > 0).all()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("lose-replica:checkout:0.3@20:02", "did you mean lose-replicas?"),
        ("lose-replicas:chekout:0.3@20:02", "did you mean checkout?"),
        ("limit:paiment:0.5", "did you mean payment?"),
        ("node-wait", "write node-wait:TIMES"),
        ("node-wait:2", "no service waits for nodes"),
        ("forecast:0", "write forecast:TIMES"),
        ("limit:payment:0.0", "write limit:NAME:TIMES"),
        ("push-early:5m", "no send within the planned hours"),
        ("lose-replicas:checkout:0.3@09:00", "outside the planned hours"),
    ],
)
def test_a_fault_that_is_not_known_names_what_is_near(fault: str, said: str) -> None:
    inputs = small_event([800, 900], (RateLimit("payment", {0: 0.1}, 100.0),))
    with pytest.raises(UserError, match=re.escape(said)):
        injected(inputs, fault, ZONE)


def test_more_replicas_never_exceed_the_quota() -> None:
    inputs = small_event([1500, 2000])
    inputs = replace(inputs, fleets=(replace(inputs.fleets[0], ceiling=12),))
    assert int(rehearse(with_floors(inputs, 3.0)).most_replicas.max()) == 12
