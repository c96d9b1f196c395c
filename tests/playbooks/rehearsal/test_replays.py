"""The same numbers in one process, in several, and on a local dask cluster of two workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime

import numpy as np
import pytest

from campaign.console import no_progress
from campaign.spreading import HERE, Spread, spread
from playbooks.rehearsal.inputs import Inputs, rehearse
from playbooks.rehearsal.levers import curve, levers
from playbooks.rehearsal.replays import rehearse_in_parts, rehearsed
from playbooks.simulation.event import Played
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.limits import RateLimit

PATHS, MINUTES = 600, 40


@pytest.fixture(scope="module")
def event() -> Inputs:
    """Two services that scale, share a limit and are refused now and then; seeded."""
    size = np.random.default_rng(0).lognormal(0, 0.3, (2, PATHS, 1))
    shape = 1 + np.exp(-np.abs(np.arange(MINUTES) - 20) / 5)
    fleets = [Fleet(row, 100.0, np.full(MINUTES, 18), ceiling=30, nodes=Nodes()) for row in range(2)]
    return Inputs(
        services=("storefront", "checkout"),
        starts_at_utc=datetime(2026, 11, 10, 12, 0, tzinfo=UTC),
        demand=Demand((700 * size * shape).astype(np.float32)),
        fleets=tuple(fleets),
        limits=(RateLimit("payment", {1: 1.0}, 1900.0),),
        error_ratios=(0.001, 0.001),
        orders_per_request=(None, 0.1),
        costs_per_replica_hour=(1.0, 3.0),
    )


def same(one: Played, other: Played) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Played))


def test_parts_put_together_are_the_whole_to_the_last_bit(event: Inputs) -> None:
    whole = rehearse(event)
    assert whole.lost_requests.sum() > 0
    assert same(whole, rehearse_in_parts(event, Spread(HERE.run, 2)))


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A dask scheduler on this machine with two worker processes of one thread."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_two_processes_give_the_same_numbers_as_one(event: Inputs) -> None:
    with spread(2) as everywhere:
        assert same(rehearse(event), rehearse_in_parts(event, everywhere))
        assert levers(rehearsed(event), 120.0, no_progress) == levers(rehearsed(event), 120.0, no_progress, everywhere)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_two_dask_workers_give_the_same_numbers_as_one_process(event: Inputs, scheduler: str) -> None:
    with spread(1, scheduler) as everywhere:
        assert everywhere.width == 2
        assert same(rehearse(event), rehearse_in_parts(event, everywhere))
        assert curve(rehearsed(event), no_progress) == curve(rehearsed(event), no_progress, everywhere)
