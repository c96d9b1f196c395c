"""The minute curve: no step where nothing happens on the minute, and the mass of every hour kept."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from small_shop import sale

from campaign.plan import Moment, Plan
from forecast.epochs import HOUR, epoch
from forecast.uplift.shapes import kernel_of, shoulders
from forecast.uplift.terms import Term, terms_of


def match(day: int = 20) -> Plan:
    """A window that begins an hour before the only instants that anybody knows."""
    starts = sale(day).starts_at
    moments = tuple(
        Moment(at=starts + timedelta(minutes=after), kind=kind)
        for after, kind in ((60, "kick-off"), (105, "half-time"), (170, "full-time"))
    )
    return sale(day, reach=0.0, moments=moments)


def curve(term: Term, seconds: int = 60) -> np.ndarray:
    starts = np.arange(term.starts - 6 * HOUR, term.starts + 6 * HOUR, seconds, dtype=np.float64)
    return kernel_of(term, starts, starts + seconds, np.zeros(len(starts)), 300.0)


def test_a_start_that_is_no_instant_is_soft_and_one_with_an_opening_is_sharp() -> None:
    assert all(term.soft for term in terms_of(match()) if term.driver == "campaign")
    assert not any(term.soft for term in terms_of(sale(20)))
    bare = sale(20, reach=0.0, moments=())
    assert not any(term.soft for term in terms_of(bare))


@pytest.mark.parametrize("kernel", ["plateau", "opening", "closing"])
def test_a_soft_window_has_no_step_at_its_beginning(kernel: str) -> None:
    (term,) = (t for t in terms_of(match()) if t.driver == "campaign" and t.kernel == kernel)
    made = curve(term)
    around = made[5 * 60 : 7 * 60]
    assert np.abs(np.diff(around)).max() < 0.03
    assert np.isfinite(made).all()
    assert (made >= 0).all()


def test_half_time_comes_when_it_comes_and_an_opening_on_the_second() -> None:
    (half,) = (t for t in terms_of(match()) if t.driver == "half-time" and t.kernel == "ramp")
    (opening,) = (t for t in terms_of(sale(20)) if t.driver == "opening" and t.kernel == "ramp")
    teeth = [float(-np.diff(curve(term)).min()) for term in (half, opening)]
    assert teeth[0] < 0.6 * teeth[1]


@pytest.mark.parametrize("kind", ["half-time", "opening"])
def test_an_hour_brings_the_same_by_minutes_and_at_once(kind: str) -> None:
    plan = match() if kind == "half-time" else sale(20)
    for term in (t for t in terms_of(plan) if t.driver == kind):
        fine = curve(term).reshape(-1, 60).mean(axis=1)
        assert curve(term, 3600) == pytest.approx(fine, rel=1e-6, abs=1e-9)


def test_waiting_ends_softly_where_the_start_is_soft() -> None:
    starts = epoch(match().starts_at) + np.arange(-7200.0, 7200.0, 60.0)
    waiting, _ = shoulders(terms_of(match()), starts, starts + 60.0)
    sharp, _ = shoulders(terms_of(sale(20)), starts, starts + 60.0)
    assert np.abs(np.diff(waiting)).max() < 0.1 * np.abs(np.diff(sharp)).max()
