"""Desks that cannot be planned with are refused with the likely cause; missing figures become stated assumptions."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaign.settings import Desk
from playbooks.staffing.desk import check_desk, default_shifts, definition_in_words, opening_minutes, ready_desk
from playbooks.staffing.planning import local_clock, open_intervals
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.requirement import required_seats

POLICY = shipped_policy()
PHONE: dict[str, Any] = {
    "name": "hotline",
    "channel": "phone",
    "handle_seconds": 300,
    "service_level": {"ratio": 0.8, "seconds": 20},
}


def said(**changed: Any) -> list[str]:
    return [str(problem) for problem in check_desk(Desk.model_validate(PHONE | changed), 0, POLICY)]


def test_a_sound_desk_has_no_problems() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("seconds", "todo"),
    [
        (5, "these look like minutes: write handle_seconds: 300"),
        (300000, "these look like milliseconds: write handle_seconds: 300"),
        (0.01, "write seconds between 20 and 5400"),
    ],
)
def test_an_implausible_handling_time_is_refused_with_the_likely_unit(seconds: float, todo: str) -> None:
    assert said(handle_seconds=seconds) == [
        f"surgeplan.yaml desks[0].handle_seconds: {seconds:g} seconds of handling is implausible for phone\n  {todo}"
    ]


def test_shifts_that_leave_a_hole_are_refused_with_the_hole() -> None:
    shifts = [{"name": "day", "starts": "08:00", "hours": 8}, {"name": "late", "starts": "18:00", "hours": 4}]
    assert said(shifts=shifts, opens="08:00", closes="24:00") == [
        "surgeplan.yaml desks[0].shifts: no shift of hotline covers 16:00 to 18:00\n"
        "  add a shift there or shorten the opening hours"
    ]


def test_a_shift_over_midnight_covers_hours_after_it() -> None:
    assert said(shifts=[{"name": "night", "starts": "20:00", "hours": 8}], opens="20:00", closes="04:00") == []


def test_a_bot_that_resolves_more_than_it_contains_is_refused() -> None:
    wide, narrow = {"low": 0.3, "mid": 0.5, "high": 0.7}, {"low": 0.2, "mid": 0.6, "high": 0.7}
    assert said(bot={"contained_ratio": wide, "resolved_ratio": narrow}) == [
        "surgeplan.yaml desks[0].bot.contained_ratio.mid: contained_ratio is below resolved_ratio at mid\n"
        "  the bot cannot contain more than it handled, nor resolve more than it contained"
    ]


def test_a_deadline_is_no_promise_for_a_queue() -> None:
    level = {"definition": "resolved_within", "ratio": 0.8, "seconds": 20}
    assert said(service_level=level) == [
        "surgeplan.yaml desks[0].service_level.definition: resolved_within is a promise for tickets; hotline is phone\n"
        "  use served_within or first_response_within"
    ]


def test_giving_up_is_no_promise_for_tickets() -> None:
    level = {"definition": "short_abandons_good", "ratio": 0.8, "seconds": 86400}
    assert said(channel="ticket", service_level=level) == [
        "surgeplan.yaml desks[0].service_level.definition: short_abandons_good counts those who give up; hotline is a "
        "ticket desk, where nobody waits on the line\n  use resolved_within"
    ]


@pytest.mark.parametrize(
    ("definition", "seats"),
    [
        ("served_within", 98),
        ("first_response_within", 98),
        ("virtual_wait_within", 97),
        ("short_abandons_dropped", 96),
        ("short_abandons_good", 95),
        ("answered_within", 95),
    ],
)
def test_each_definition_of_one_promise_asks_for_its_own_seats(definition: str, seats: int) -> None:
    level = {"definition": definition, "ratio": 0.8, "seconds": 20}
    desk = PHONE | {"service_level": level, "patience_seconds": 120, "redial_ratio": 0}
    ready = ready_desk(Desk.model_validate(desk), POLICY)
    assert ready.rules is not None
    assert np.ceil(required_seats(ready.rules, np.array([100.0])).seats) == seats
    assert str(definition_in_words(definition))


@pytest.mark.parametrize(
    ("opens", "closes"), [("08:00", "24:00"), ("08:00", "02:00"), ("00:00", "24:00"), ("10:00", "13:00")]
)
def test_assumed_shifts_cover_the_opening_hours(opens: str, closes: str) -> None:
    desk = Desk.model_validate(PHONE | {"opens": opens, "closes": closes})
    shifts = default_shifts(desk, POLICY)
    checked = desk.model_copy(update={"shifts": shifts})
    assert list(check_desk(checked, 0, POLICY)) == []
    assert len({shift.name for shift in shifts}) == len(shifts)


def test_a_desk_that_closes_after_midnight_is_open_in_the_small_hours() -> None:
    desk = Desk.model_validate(PHONE | {"opens": "22:00", "closes": "02:00"})
    assert opening_minutes(desk) == (1320, 1560)
    starts = np.datetime64("2026-11-09T16:00:00") + np.arange(48) * np.timedelta64(1800, "s")
    ready = ready_desk(desk, POLICY)
    found = open_intervals(ready, local_clock(starts, ZoneInfo("Asia/Shanghai")))
    assert np.flatnonzero(found).tolist() == [0, 1, 2, 3, 44, 45, 46, 47]


def test_several_chats_take_longer_each_than_one_alone() -> None:
    chat = PHONE | {"channel": "chat", "concurrency": 4}
    ready = ready_desk(Desk.model_validate(chat), POLICY)
    assert ready.rules is not None
    assert ready.rules.handle_seconds == pytest.approx((300, 300 * 2 / 1.7, 300 * 3 / 2.5, 300 * 4 / 2.9))
    assert "hotline: one chat takes 300 seconds alone and 414 seconds as one of 4" in map(str, ready.assumptions)
