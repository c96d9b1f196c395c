"""Visits through a funnel: who is refused at one stage is missing at the next, and is one order less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.simulation.event import Event, Played, play
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import NO_RETRIES

MINUTES = 10
# A visit asks the shop four times, then, with one in two going on, the checkout twice; four in five of those order.
FUNNEL = Funnel(
    stages=("home", "pay"),
    requests=np.array([[4.0, 0.0], [0.0, 2.0]]),
    reach=np.array([1.0, 0.5]),
    orders=np.array([0.4, 0.8]),
    think_seconds=np.array([30.0, 0.0]),
)
VISITS = 100.0


def event(shop_replicas: int = 10, checkout_replicas: int = 10, paths: int = 1, **own: object) -> Event:
    """100 visits a second: 400 requests on the shop and 100 on the checkout, replicas of 100 and of 20."""
    rates = np.stack([np.full((paths, MINUTES), 400.0), np.full((paths, MINUTES), 100.0)]).astype(np.float32)
    fleets = [
        Fleet(0, 100.0, np.full(MINUTES, shop_replicas), target_ratio=None),
        Fleet(1, 20.0, np.full(MINUTES, checkout_replicas), target_ratio=None),
    ]
    return replace(Event(Demand(rates), fleets, retries=NO_RETRIES, funnel=FUNNEL), **own)  # type: ignore[arg-type]


def lost_by_stage(played: Played) -> list[float]:
    assert played.lost_orders_by_stage is not None
    return [float(value) for value in played.lost_orders_by_stage[:, 0]]


def test_where_everything_fits_nothing_changes() -> None:
    with_funnel, without = play(event()), play(event(funnel=None))
    assert np.array_equal(with_funnel.offered_requests, without.offered_requests)
    assert lost_by_stage(with_funnel) == [0.0, 0.0]


def test_a_quarter_refused_at_home_is_missing_at_the_checkout_half_a_minute_later() -> None:
    played = play(event(shop_replicas=3))
    seconds = 60 * MINUTES
    assert played.offered_requests[0, 0] == pytest.approx(400 * seconds)
    assert played.offered_requests[1, 0] == pytest.approx(100 * 30 + 75 * (seconds - 30))
    assert lost_by_stage(played) == pytest.approx([25 * seconds * 0.4, 0.0])


def test_what_is_refused_at_the_last_stage_loses_only_its_own() -> None:
    played = play(event(checkout_replicas=4))
    assert played.offered_requests[0, 0] == pytest.approx(400 * 60 * MINUTES)
    assert lost_by_stage(played) == pytest.approx([0.0, 10 * 60 * MINUTES * 0.8])


def test_a_checkout_that_is_too_small_has_less_to_refuse_when_the_shop_refuses_first() -> None:
    alone, after = play(event(checkout_replicas=4)), play(event(shop_replicas=3, checkout_replicas=4))
    assert alone.lost_requests[1, 0] == pytest.approx(20 * 60 * MINUTES)
    assert after.lost_requests[1, 0] == pytest.approx(20 * 30)


def test_orders_lost_by_minute_and_by_stage_are_the_same() -> None:
    played = play(event(shop_replicas=3, checkout_replicas=3, paths=2))
    assert played.lost_orders_by_minute is not None
    assert played.lost_orders_by_stage is not None
    total = played.lost_orders_by_minute.sum(axis=1)
    assert total == pytest.approx(played.lost_orders_by_stage.sum(axis=0), rel=1e-5)
    assert (total <= VISITS * 0.4 * 60 * MINUTES).all()


def test_each_path_has_replicas_that_carry_what_was_drawn_for_it() -> None:
    capacity = np.array([[100.0, 50.0], [20.0, 20.0]])
    played = play(event(shop_replicas=6, paths=2, capacity=capacity, funnel=None))
    assert played.lost_requests[0].tolist() == pytest.approx([0.0, 100 * 60 * MINUTES])
    assert played.lost_requests[1].sum() == 0


@settings(max_examples=25)
@given(
    st.lists(st.floats(50, 900), min_size=1, max_size=3),
    st.integers(1, 12),
    st.floats(100, 1200),
    st.floats(1.0, 2.0),
)
def test_laws_of_more(rates: list[float], replicas: int, limit: float, factor: float) -> None:
    """A replica more and a higher limit never refuse more; more traffic never loses less."""
    demand = np.array(rates, np.float32)[None, :, None].repeat(MINUTES, axis=2)
    whole = Event(
        Demand(demand),
        [Fleet(0, 100.0, np.full(MINUTES, replicas), target_ratio=None)],
        (RateLimit("gate", {0: 1.0}, limit),),
    )
    before = play(whole)
    more = play(replace(whole, fleets=[replace(whole.fleets[0], floor=whole.fleets[0].floor + 1)]))
    wider = play(replace(whole, limits=(RateLimit("gate", {0: 1.0}, limit * factor),)))
    larger = play(replace(whole, demand=Demand(demand * np.float32(factor))))
    slack = 1e-6 * before.offered_requests + 1e-3
    assert (more.lost_requests <= before.lost_requests + slack).all()
    assert (wider.limited_requests <= before.limited_requests + slack).all()
    assert (wider.lost_requests <= before.lost_requests + slack).all()
    assert (larger.lost_requests >= before.lost_requests - slack * factor).all()


def test_parts_of_the_paths_put_together_are_the_whole() -> None:
    capacity = np.array([[100.0, 50.0, 80.0], [20.0, 20.0, 9.0]])
    whole = play(event(shop_replicas=4, paths=3, capacity=capacity))
    one = play(event(shop_replicas=4, paths=1, capacity=capacity[:, :1]))
    rest = play(event(shop_replicas=4, paths=2, capacity=capacity[:, 1:]))
    for name, value in vars(Played.joined([one, rest])).items():
        assert np.array_equal(value, getattr(whole, name)), name
