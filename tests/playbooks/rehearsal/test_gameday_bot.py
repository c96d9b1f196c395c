"""The bot's failure on the game day, on the small event of the desks."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.gameday_bot import bot_drill
from playbooks.rehearsal.inputs import rehearse
from playbooks.rehearsal.replays import rehearsed
from playbooks.rehearsal.support_judging import supported, unserved
from tests.playbooks.rehearsal.test_support import event, support

ZONE = ZoneInfo("Asia/Shanghai")


def test_the_bot_fails_for_two_hours_as_the_printed_command_has_it() -> None:
    inputs = event([700.0, 800.0] * 10, seats=80)
    drill = bot_drill(rehearsed(inputs), ZONE)
    assert drill is not None
    again = injected(inputs, drill.fault, ZONE)
    met = supported(again, rehearse(again))["chat"]
    assert again.support is not None
    desk = again.support.desks[0]
    assert drill.desk == "chat"
    assert (drill.ends_at - drill.starts_at).total_seconds() == 7200
    assert drill.unserved_mean == pytest.approx(unserved(desk, met).mean())
    assert drill.unserved_mean > drill.planned_unserved_mean


def test_what_the_room_should_see_falls_when_the_bot_does() -> None:
    drill = bot_drill(rehearsed(event([1000.0] * 20, seats=80)), ZONE)
    assert drill is not None
    broken = next(one for one in drill.half_hours if one.at == drill.starts_at)
    back = drill.half_hours[-1]
    assert broken.level_p50 < drill.target_ratio < back.level_p50
    assert broken.attempts_p50 > back.attempts_p50


def test_more_people_save_more_of_those_who_would_go_unserved() -> None:
    drill = bot_drill(rehearsed(event([700.0] * 20, seats=80)), ZONE)
    assert drill is not None
    saved = [people.saved_ratio for people in drill.more_people]
    assert len(saved) == 3
    assert 0 < saved[0] < saved[1] < saved[2] <= 1


def test_people_who_carry_it_all_are_enough() -> None:
    drill = bot_drill(rehearsed(event([100.0] * 20, seats=80)), ZONE)
    assert drill is not None
    assert drill.more_people == ()
    assert all(one.level_p10 > 0.99 for one in drill.half_hours)


def test_without_a_bot_there_is_no_such_drill() -> None:
    inputs = event([100.0] * 20)
    assert bot_drill(rehearsed(replace(inputs, support=support([100.0] * 20, bot=None))), ZONE) is None
    assert bot_drill(rehearsed(replace(inputs, support=None)), ZONE) is None
