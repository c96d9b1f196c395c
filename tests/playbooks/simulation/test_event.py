"""The event engine: the replay's twin where nothing is limited; retries, limits, faults, finer ticks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.simulation.event import Event, Outage, play
from playbooks.simulation.fleet import Demand, Fleet, Nodes, Ticks
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import Gates, RateLimit
from playbooks.simulation.replay import replay
from playbooks.simulation.retries import RetryPolicy

MINUTES = 120
RETRIES = RetryPolicy(again_ratio=0.7, tries_most=3, first_seconds=15.0)


def drop(growth: float = 7.0, paths: int = 8, services: int = 1, seed: int = 0, minutes: int = MINUTES) -> Demand:
    since = np.arange(minutes) - 45
    shape = 400 * (1 + np.where(since >= 0, growth * np.exp(-since / 15), 0))
    level = np.exp(0.2 * np.random.default_rng(seed).standard_normal((services, paths, 1)))
    quarters = np.ones((services, minutes, 4))
    quarters[:, 45] = (0.4, 0.8, 1.2, 1.6)
    return Demand((shape * level).astype(np.float32), quarters)


def fleet(service: int = 0, floor: int = 2, minutes: int = MINUTES, **own: object) -> Fleet:
    return replace(Fleet(service, 100.0, np.full(minutes, floor)), **own)  # type: ignore[arg-type]


PLANNED = np.where((np.arange(MINUTES) > 35) & (np.arange(MINUTES) < 80), 45, 4)
FUNNEL = Funnel(("home", "pay"), np.ones((2, 1)), np.array([1.0, 0.5]), np.array([0.4, 0.8]), np.array([20.0, 0.0]))
FLEETS = [
    fleet(),
    fleet(metric="rate", ceiling=30),
    fleet(floor=4, nodes=Nodes(), target_ratio=0.75),
    replace(fleet(), floor=PLANNED, nodes=Nodes(), floor_late_seconds=30.0),
    fleet(floor=12, target_ratio=None),
]


def test_without_limits_and_retries_it_is_the_replay_to_the_last_bit() -> None:
    replayed, played = replay(drop(), FLEETS), play(Event(drop(), FLEETS))
    for name in ("overloaded_minutes", "above_capacity_requests", "offered_requests", "replica_hours", "most_replicas"):
        assert np.array_equal(getattr(replayed, name), getattr(played, name)), name
    assert played.lost_requests == pytest.approx(replayed.above_capacity_requests)
    assert np.array_equal(played.tried_requests, played.offered_requests)
    assert played.limited_requests.sum() == 0


def test_halving_the_tick_changes_no_verdict() -> None:
    demand, fleets = drop(paths=60), FLEETS
    coarse, fine = (play(Event(demand, fleets, retries=RETRIES, ticks=Ticks(n))) for n in (1, 2))
    bad = [(played.overloaded_minutes > 0).mean(axis=1) > 0.05 for played in (coarse, fine)]
    assert bad[0].tolist() == bad[1].tolist()
    assert fine.lost_requests.sum(axis=1) == pytest.approx(coarse.lost_requests.sum(axis=1), rel=0.15)
    assert fine.replica_hours.mean(axis=1) == pytest.approx(coarse.replica_hours.mean(axis=1), rel=0.03)


@pytest.mark.parametrize(("seed", "growth", "low", "per_sync"), [(1, 7.0, 0.5, 1), (2, 2.0, 0.9, 2), (3, 5.0, 0.8, 1)])
def test_a_path_alone_is_played_as_among_others_to_the_last_bit(
    seed: int, growth: float, low: float, per_sync: int
) -> None:
    """What is left out because nothing waits, scales or is refused depends on all paths; what comes of one does not."""
    demand, rng = drop(growth, paths=5, services=2, seed=seed), np.random.default_rng(seed)
    fleets = [replace(each, service=row % 2) for row, each in enumerate(FLEETS)]
    whole = Event(
        demand,
        fleets,
        (RateLimit("gate", {0: 1.0, 3: 0.2}, float(rng.uniform(1000, 4000))),),
        RETRIES,
        (Outage(minute=50, row=2, share_ratio=0.4),),
        Ticks(per_sync),
        rng.uniform(100 * low, 110, (len(fleets), 5)),
        replace(FUNNEL, requests=rng.choice([0.0, 2.0], (2, len(fleets)))),
    )
    together = play(whole)
    for path in (0, 3):
        rates = np.ascontiguousarray(demand.requests_per_second[:, path : path + 1])
        alone = play(
            replace(whole, demand=replace(demand, requests_per_second=rates), capacity=whole.capacity[:, [path]])
        )
        for name, value in vars(alone).items():
            if value is not None:
                same = vars(together)[name].take([path], axis=0 if name == "lost_orders_by_minute" else 1)
                assert np.array_equal(same, value), name


@settings(max_examples=25)
@given(
    st.floats(0, 9),
    st.floats(0, 1),
    st.integers(0, 4),
    st.floats(5, 60),
    st.floats(200, 4000),
    st.integers(2, 30),
)
def test_every_request_is_served_or_lost_once(
    growth: float, again: float, tries: int, first: float, limit: float, floor: int
) -> None:
    demand, policy = drop(growth, paths=3), RetryPolicy(again, tries, first)
    fixed = [fleet(floor=floor, target_ratio=None)]
    played = play(Event(demand, fixed, (RateLimit("gate", {0: 1.0}, limit),), policy))
    served = played.tried_requests - played.above_capacity_requests - played.limited_requests
    assert served + played.lost_requests == pytest.approx(played.offered_requests, rel=1e-9, abs=1e-3)
    assert (played.lost_requests >= -1e-6).all()
    assert (served <= min(limit, floor * 100) * MINUTES * 60 * (1 + 1e-9)).all()


def test_a_burst_served_late_is_not_lost_and_a_storm_makes_it_worse() -> None:
    rates = np.full((1, 1, 30), 90.0, np.float32)
    rates[0, 0, 10] = 180.0
    one = [fleet(floor=1, minutes=30, target_ratio=None)]
    none, some = (play(Event(Demand(rates), one, retries=policy)) for policy in (RetryPolicy(0, 0), RETRIES))
    assert none.lost_requests.item() == pytest.approx(80 * 60)
    assert some.lost_requests.item() < none.lost_requests.item()
    assert some.overloaded_minutes.item() > none.overloaded_minutes.item()
    assert some.tried_requests.item() > some.offered_requests.item()


def test_a_rate_limit_keeps_the_pods_from_overload() -> None:
    small = [fleet(floor=10, target_ratio=None)]
    gate = RateLimit("gate", {0: 1.0}, 1000.0)
    free, gated = play(Event(drop(), small)), play(Event(drop(), small, (gate,)))
    assert free.overloaded_minutes.min() > 0
    assert gated.overloaded_minutes.max() == 0
    assert gated.limited_requests.sum() == pytest.approx(gated.lost_requests.sum())


def test_who_shares_a_channel_keeps_the_same_share() -> None:
    load = np.array([[100.0], [300.0], [50.0]])
    sms = RateLimit("sms", {0: 0.1, 1: 0.1}, 20.0)
    assert Gates.of([sms]).let_in(load, 0)[:, 0] == pytest.approx([50, 150, 50])
    assert Gates.of([]).let_in(load, 0) is load
    hourly = RateLimit("sms", {2: 1.0}, np.array([10.0, 100.0]))
    assert [Gates.of([hourly]).let_in(load, minute)[2, 0] for minute in (0, 1)] == [10, 50]


def test_lost_replicas_come_back_after_their_start_up() -> None:
    rates = np.full((1, 1, 60), 900.0, np.float32)
    ten = [fleet(floor=12, minutes=60, target_ratio=None, start_seconds=(60.0, 60.0))]
    played = play(Event(Demand(rates), ten, outages=(Outage(minute=20, row=0, share_ratio=1 / 3),)))
    assert played.overloaded_minutes.item() == 1
    assert played.lost_requests.item() == pytest.approx(100 * 60)
    assert played.replica_hours.item() == pytest.approx(12.0)
    assert np.flatnonzero(played.lost_by_minute[0, 0]).tolist() == [20]
    assert played.utilization_ratio[0, 0, 20] == pytest.approx(900 / 800)
