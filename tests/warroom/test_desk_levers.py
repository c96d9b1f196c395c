"""Actions at the service desk: how many people keep a promise, what they gain, what a trained bot takes off them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.settings import Desk
from campaign.traffic import Quantiles
from playbooks.staffing.counted import Counted
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules
from tests.warroom.test_levers import NOW
from warroom.live.actions.desks import (
    HALF_HOUR,
    DeskAhead,
    agents_effect,
    agents_wanted,
    level_gain,
    lift_of,
    worst_half_hour,
)
from warroom.live.actions.questions import bot_effect, questions_of
from warroom.live.records import Hour, Metric
from warroom.live.state import METRICS

RULES = Rules(
    handle_seconds=(300.0,), patience_seconds=120.0, definition="served_within", target_ratio=0.8, within_seconds=20.0,
    abandonment_max_ratio=1.0, occupancy_max_ratio=1.0, redial_ratio=0.0, redial_seconds=600.0,
)  # fmt: skip
DESK = Desk.model_validate(
    {
        "name": "phone", "channel": "phone", "handle_seconds": 300, "patience_seconds": 120, "agents_max": 60,
        "service_level": {"definition": "served_within", "ratio": 0.8, "seconds": 20},
        "bot": {"resolved_ratio": {"low": 0.3, "mid": 0.45, "high": 0.6}},
    }
)  # fmt: skip
TABLE = level_table(RULES, 60.0)


def desk(load: float = 20.0, rostered: float = 18.0, intervals: int = 8) -> DeskAhead:
    starts = int(NOW.timestamp()) // HALF_HOUR * HALF_HOUR + HALF_HOUR * np.arange(intervals)
    loads = np.full(intervals, load)
    return DeskAhead(
        DESK, starts, np.ones(intervals, dtype=bool), np.array([6 * loads, 7 * loads]), np.array([loads, 1.2 * loads]),
        np.full(intervals, rostered), TABLE,
    )  # fmt: skip


def contacts(ratio: float) -> Metric:
    band = Quantiles(p10=80, p50=100, p90=130, p99=160)
    return Metric(
        "contacts", *METRICS["contacts"], (Hour(NOW - timedelta(hours=1), 100 * ratio, band, 0.5, 0.0, True),)
    )


def test_as_many_people_are_called_in_as_keep_the_promise_at_p90_and_one_fewer_would_not() -> None:
    now = desk()
    more = agents_wanted(now, 0, 1.0)
    load = now.load[1, :1]
    assert more > 0
    assert now.level(load, now.rostered[:1] + more)[0] >= 0.8 > now.level(load, now.rostered[:1] + more - 1)[0]
    assert agents_wanted(desk(rostered=40.0), 0, 1.0) == 0
    assert agents_wanted(desk(load=55.0, rostered=58.0), 0, 1.5) == 2  # as many as the desk may have


@given(st.floats(1, 50), st.integers(1, 40), st.integers(0, 30), st.floats(0.5, 2.0))
def test_people_more_never_lower_a_service_level(load: float, rostered: int, more: int, lift: float) -> None:
    gain = level_gain(desk(load, float(rostered)), 0, more, lift)
    assert gain.p10 >= -1e-6
    assert gain.p10 <= gain.p50 <= gain.p90 <= 1.0


def test_people_are_called_in_for_the_worst_half_hour_that_is_near() -> None:
    now = desk()
    crowded = replace(now, load=now.load * np.array([1, 1, 1.5, 1, 1, 3, 1, 1]))
    assert worst_half_hour(crowded, NOW, NOW + timedelta(hours=2), 1.0) == 2
    effect = agents_effect(crowded, 2, 5, 1.0, NOW)
    assert (effect.measure, effect.name, effect.at) == ("service_level", "phone", crowded.moment(2))
    shut = replace(now, open=np.zeros(8, dtype=bool))
    assert worst_half_hour(shut, NOW, NOW + timedelta(hours=2), 1.0) is None
    assert worst_half_hour(replace(now, table=None), NOW, NOW + timedelta(hours=2), 1.0) is None


def test_contacts_above_the_forecast_lift_what_is_to_come_unless_they_are_old() -> None:
    assert lift_of((contacts(1.5),), NOW) == pytest.approx(1.5)
    assert lift_of((contacts(50.0),), NOW) == 5.0
    assert lift_of((contacts(1.5),), NOW + timedelta(hours=5)) == 1.0
    assert lift_of((), NOW) == 1.0


def test_a_trained_bot_takes_off_people_what_they_are_asked_most_by_what_training_wins() -> None:
    came, left = {"hurry-shipping": 900.0, "refund": 100.0}, {"hurry-shipping": 600.0, "refund": 100.0}
    counted = Counted({"phone": came}, {"phone": left}, True)
    asked = {each.intent.id: each for each in questions_of(desk(), counted)}
    often, seldom = asked["hurry-shipping"], asked["refund"]
    assert (often.unresolved_ratio, seldom.unresolved_ratio) == (pytest.approx(2 / 3), 1.0)
    ends = NOW + timedelta(hours=4)
    more, less = (bot_effect(each, NOW + timedelta(hours=1), ends, 1.0) for each in (often, seldom))
    assert more is not None
    assert less is not None
    assert more.largest.p50 == pytest.approx(-600 / 700 * often.intent.gain_ratio * 120)
    assert more.largest.p10 < more.largest.p50 < less.largest.p50 < 0
    assert bot_effect(often, ends, ends, 1.0) is None
    assert list(questions_of(replace(desk(), desk=DESK.model_copy(update={"bot": None})), counted)) == []
