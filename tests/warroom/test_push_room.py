"""Can I push now: what planned floors carry alone, and with the HPA, as the replay of the plan has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from campaign.plan import Send
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.hpa import sure_growth
from playbooks.simulation.replay import replay
from warroom.push.asking import Planned
from warroom.push.carried import Carried, Hpa, Row
from warroom.push.room import AFTER_MINUTES, LATEST_MINUTES, Room, room_for
from warroom.push.words import sentences

Floats = NDArray[np.float64]
Course = Callable[[Floats], Floats]
AT = datetime(2026, 11, 11, 7, 0, tzinfo=UTC)
BEFORE, PATHS, FLOOR = 13, 200, 10
MINUTES = BEFORE + LATEST_MINUTES + AFTER_MINUTES
HPA = Hpa(most=60, lag_minutes=8, per_replica=65.0, growth=sure_growth(0.65))
LEVELS = np.random.default_rng(0).lognormal(0, 0.1, (PATHS, 1, 1))


@dataclass(frozen=True)
class Asked:
    """One service whose demand, by the minute after `AT`, is a course times each path's level; a send adds its reach,
    as requests per second, for the hour from then on."""

    course: Course
    services: tuple[str, ...] = ("storefront",)

    def minutes(self, send: Send | None, at: datetime) -> NDArray[np.float32]:
        minute = (at - AT) / timedelta(minutes=1) + np.arange(-BEFORE, AFTER_MINUTES, dtype=np.float64)
        added = np.where(minute >= (send.at - AT) / timedelta(minutes=1), send.reach, 0.0) if send else 0.0
        found: NDArray[np.float32] = ((self.course(minute) + added) * LEVELS).astype(np.float32)
        return found


def room(asked: Asked, reach: float = 1.0, hpa: Hpa | None = HPA) -> Room:
    row = Row(np.full(MINUTES, FLOOR), 100.0, np.full(MINUTES, np.inf), hpa)
    return room_for(Send(at=AT, reach=reach), asked, Planned(Carried({"storefront": row}, ()), AT, BEFORE))


def rising(minute: Floats) -> Floats:
    """From 800 requests a second to twice as many, within an hour."""
    return 800 + 800 * np.clip(minute / 60, 0, 1)


def jumping(minute: Floats) -> Floats:
    return np.where(minute < 5, 600.0, 1600.0)


def test_what_the_hpa_follows_is_no_shortage_though_floors_alone_would_be_short() -> None:
    found = room(Asked(rising))
    assert (found.fits, found.fits_by_floors) == (True, False)
    assert found.short is not None
    assert found.short.with_hpa.high < 0.03
    assert found.short.by_floors.low > 0.95
    fixed = room(Asked(rising), hpa=None)
    assert (fixed.fits, fixed.fits_by_floors, fixed.short) == (False, False, fixed.short)
    assert fixed.short is not None
    assert fixed.short.with_hpa == fixed.short.by_floors == found.short.by_floors


def test_a_jump_that_the_hpa_is_too_late_for_is_short_with_it_too() -> None:
    found = room(Asked(jumping))
    assert (found.fits, found.fits_by_floors) == (False, False)
    assert found.tightest is not None
    assert found.tightest.at == AT + timedelta(minutes=5)
    assert found.tightest.floors_requests_per_second == 1000
    assert found.short is not None
    assert found.short.with_hpa.low > 0.95


def test_what_is_carried_with_the_hpa_is_a_range_over_the_paths_and_never_less_than_the_floors() -> None:
    tightest = room(Asked(rising)).tightest
    assert tightest is not None
    assert 1000 <= tightest.carried_low_requests_per_second < tightest.carried_high_requests_per_second
    assert tightest.used_ratio < 1


@pytest.mark.parametrize("course", [rising, jumping])
def test_wherever_the_replay_of_the_plan_is_short_so_is_the_answer(
    course: Course,
) -> None:
    """On the same paths; the answer errs on the safe side only."""
    paths = Asked(course).minutes(None, AT)
    fleet = Fleet(0, 100.0, np.full(paths.shape[2], FLOOR), 60, 0.65, "cpu", (60, 120), Nodes(), 60)
    overloaded = replay(Demand(np.ascontiguousarray(paths.swapaxes(0, 1))), [fleet]).overloaded_minutes[0] > 0
    found = room(Asked(course))
    assert found.short is not None
    assert overloaded.mean() <= found.short.with_hpa.high


def test_a_smaller_push_fits_where_the_hpa_carries_the_rest() -> None:
    with_it, without = room(Asked(rising), 700.0), room(Asked(rising), 700.0, hpa=None)
    assert with_it.up_to_reach is not None
    assert 100 < with_it.up_to_reach < 700
    assert without.up_to_reach is None


def test_both_figures_are_said_and_one_where_no_hpa_helps() -> None:
    said = [text.speak("en") for text in sentences(room(Asked(rising)), ZoneInfo("UTC"))]
    assert said[0].startswith("Yes")
    assert "the planned floors alone carry 1,000, with the HPA " in said[1]
    assert said[2].startswith(
        "In the hour from then on something is short in 0 – 1.8 % of cases; by the planned floors"
    )
    fixed = [text.speak("en") for text in sentences(room(Asked(rising), hpa=None), ZoneInfo("UTC"))]
    assert "of 1,000 carried" in fixed[1]
    assert "HPA" not in fixed[1]
