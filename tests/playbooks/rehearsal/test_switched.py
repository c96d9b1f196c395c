"""A switch pulled for the whole event: fewer requests of each visit, and as many orders for each visit that is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from campaign.console import no_progress
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse
from playbooks.rehearsal.judging import lost_orders, lost_orders_by_minute
from playbooks.rehearsal.levers import levers
from playbooks.rehearsal.replays import rehearsed
from playbooks.rehearsal.switched import with_switch
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.retries import NO_RETRIES, RetryPolicy

MINUTES, SHEDS = 20, 0.3
ONE_STAGE = Funnel(("home",), np.array([[2.0]]), np.array([1.0]), np.array([0.2]), np.array([0.0]))
# 500 visits a second ask the storefront once; half of them go on to ask it twice more, and the checkout once.
TWO_STAGES = Funnel(
    stages=("home", "pay"),
    requests=np.array([[1.0, 0.0], [2.0, 1.0]]),
    reach=np.array([1.0, 0.5]),
    orders=np.array([0.2, 0.4]),
    think_seconds=np.array([30.0, 0.0]),
)


def event(funnel: Funnel = ONE_STAGE) -> Inputs:
    """500 visits a second make 1,000 requests on five replicas of 100, and 0.2 orders each where all is well."""
    rows = funnel.requests.shape[1]
    rates = np.array([1000.0, 250.0], np.float32)[:rows, None, None] * np.ones((1, 2, MINUTES), np.float32)
    fleets = tuple(Fleet(row, 100.0, np.full(MINUTES, 5), target_ratio=None) for row in range(rows))
    return Inputs(
        services=("storefront", "checkout")[:rows],
        starts_at_utc=datetime(2026, 11, 10, 12, 0, tzinfo=UTC),
        demand=Demand(rates),
        fleets=fleets,
        limits=(),
        error_ratios=(0.001,) * rows,
        orders_per_request=(None,) * rows,
        costs_per_replica_hour=(1.0,) * rows,
        retries=NO_RETRIES,
        switches={"recommend-off": {0: SHEDS}},
        funnel=funnel,
    )


def test_a_switch_saves_the_visits_that_fit_once_each_asks_less() -> None:
    """500 of 1,000 requests are refused: 250 visits a second. With it each makes 1.4, so 200 of 700: 142.9 visits."""
    planned = event()
    without, switched = (lost_orders(each, rehearse(each)) for each in (planned, with_switch(planned, "recommend-off")))
    seconds = 60 * MINUTES
    assert without == pytest.approx(seconds * 250 * 0.2)
    assert switched == pytest.approx(seconds * 200 / 1.4 * 0.2)
    saved = [each.saved_orders for each in levers(rehearsed(planned), None, no_progress) if "switch" in each.change.en]
    assert saved == [pytest.approx(seconds * (250 - 200 / 1.4) * 0.2)]


@pytest.mark.parametrize("funnel", [ONE_STAGE, TWO_STAGES])
@pytest.mark.parametrize("retries", [NO_RETRIES, RetryPolicy()])
def test_it_is_a_plan_whose_visits_ask_that_much_less_from_the_beginning(funnel: Funnel, retries: RetryPolicy) -> None:
    """Also where requests still wait to come again at the end."""
    planned = replace(event(funnel), retries=retries)
    left = np.array([1 - SHEDS, 1.0])[: len(planned.services)]
    rates = planned.demand.requests_per_second * left[:, None, None].astype(np.float32)
    leaner = replace(planned, demand=Demand(rates), funnel=replace(funnel, requests=funnel.requests * left))
    lost, same = (lost_orders(each, rehearse(each)) for each in (with_switch(planned, "recommend-off"), leaner))
    assert lost.all()
    assert lost == pytest.approx(same, rel=1e-5)


def test_pulled_later_it_changes_nothing_before() -> None:
    planned, half = event(), MINUTES // 2
    switched = with_switch(planned, "recommend-off", half)
    lost = lost_orders_by_minute(switched, rehearse(switched))
    assert lost[:, :half] == pytest.approx(60 * 250 * 0.2)
    assert lost[:, half:] == pytest.approx(60 * 200 / 1.4 * 0.2)


def test_parts_of_the_paths_are_the_whole() -> None:
    switched = with_switch(event(), "recommend-off")
    few = np.array([1])
    assert np.array_equal(rehearse(on_paths(switched, few)).lost_requests, rehearse(switched).lost_requests[:, few])


def test_a_switch_that_sheds_all_of_a_service_loses_nothing_there() -> None:
    planned = replace(event(), switches={"page-off": {0: 1.0}})
    assert not lost_orders(planned, rehearse(with_switch(planned, "page-off"))).any()
