"""Planners' habits: what was promised and what came, channel by channel."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import sale

from campaign.errors import UserError
from campaign.language import use_language
from campaign.plan import Channel, Owner, Plan, Send, Slot
from campaign.workspace import open_workspace
from forecast.retrospectives import read_reach
from forecast.uplift.promised import (
    Reach,
    as_first_planned,
    as_it_came,
    as_it_may_come,
    as_promised,
    habits_of,
    known_by,
    promised_said,
)


def cases(ratio: float, count: int, channel: str = "push", planner: str = "lin") -> list[Reach]:
    return [Reach(f"sale-{i}", channel, planner, 1e6, 1e6 * ratio) for i in range(count)]


def plan(planner: str = "lin", day: int = 80) -> Plan:
    return sale(day, reach=1e6, owner=Owner(name=planner))


def test_without_any_case_figures_are_taken_as_they_are() -> None:
    habits = habits_of([])
    assert habits.ratio("push", "lin") == (1.0, 0)
    assert as_it_may_come(plan(), habits) == plan()
    assert promised_said(plan(), habits) == ()


def test_few_cases_move_little_and_many_nearly_all_the_way() -> None:
    found = [habits_of(cases(0.5, n)).ratio("push", "lin")[0] for n in (1, 3, 30)]
    assert 0.5 < found[2] < 0.56
    assert found[0] > found[1] > found[2]
    assert found[0] > 0.6


def test_a_new_planner_gets_the_channels_habit_and_another_channel_none() -> None:
    habits = habits_of(cases(0.5, 12))
    assert habits.ratio("push", "somebody new") == habits.channels["push"]
    assert habits.ratio("livestream", "lin") == (1.0, 0)


def test_two_planners_of_one_channel_keep_their_own_habits() -> None:
    habits = habits_of([*cases(0.5, 8, planner="lin"), *cases(1.1, 8, planner="wu")])
    assert habits.ratio("push", "lin")[0] < 0.65
    assert habits.ratio("push", "wu")[0] > 0.95


@settings(max_examples=60)
@given(st.lists(st.floats(0.05, 20.0), min_size=1, max_size=20))
def test_a_habit_lies_between_one_and_what_came(ratios: list[float]) -> None:
    found = habits_of(Reach(f"s{i}", "push", "lin", 100.0, 100.0 * r) for i, r in enumerate(ratios)).ratio(
        "push", "lin"
    )
    low, high = min(1.0, *ratios), max(1.0, *ratios)
    assert low - 1e-9 <= found[0] <= high + 1e-9
    assert found[1] == len(ratios)


def test_pushes_of_one_campaign_are_one_case() -> None:
    one = [Reach("sale-1", "push", "lin", 100.0, 50.0), Reach("sale-1", "push", "lin", 300.0, 150.0)]
    assert habits_of(one).ratio("push", "lin") == habits_of(cases(0.5, 1)).ratio("push", "lin")


def test_reach_and_viewers_are_scaled_and_the_sending_rate_is_not() -> None:
    starts = plan().starts_at
    slots = (Slot(starts_at=starts, ends_at=starts + timedelta(hours=1), expected_viewers=1000),)
    channel = Channel(name="push", sends=(Send(at=starts, reach=100, per_second=7),), slots=slots, spend=50)
    made = as_it_came(plan(day=20).model_copy(update={"channels": (channel,)}), [Reach("sale-20", "push", "", 10, 20)])
    changed = made.channels[0]
    assert (changed.sends[0].reach, changed.sends[0].per_second) == (200, 7)
    assert (changed.slots[0].expected_viewers, changed.spend) == (2000, 50)


def test_finished_plans_get_what_came_and_coming_ones_what_to_expect() -> None:
    past, coming = plan(day=20), plan(day=80)
    records = [Reach("sale-20", "push", "lin", 1e6, 4e5)]
    made = as_promised((past, coming), records, past.ends_at + timedelta(days=1))
    assert made[0].channels[0].sends[0].reach == pytest.approx(4e5)
    assert 4e5 < made[1].channels[0].sends[0].reach < 1e6


def test_a_back_test_knows_only_habits_from_before_its_own_lead() -> None:
    first, second = plan(day=20), plan(day=40)
    records = [Reach("sale-20", "push", "lin", 1e6, 4e5), Reach("sale-40", "push", "lin", 1e6, 1e5)]
    came = as_promised((first, second), records, second.ends_at)
    tested = [as_first_planned(p, (first, second), records, 3.0) for p in came]
    assert tested[0].channels == first.channels
    earlier = as_it_may_come(second, habits_of(records[:1]))
    assert tested[1].channels == earlier.channels
    assert known_by(records, (first, second), first.starts_at) == ()


def test_what_was_changed_is_said_in_both_languages() -> None:
    (said,) = promised_said(plan(), habits_of(cases(0.5, 12)))
    assert said.speak("en").startswith("push: reach counts as 5")
    assert said.speak("en").endswith("because that is what came of 12 earlier ones")
    use_language("zh")
    assert "触达按计划数的" in str(said)
    use_language("en")


def workspace(folder: Path, retro: str) -> Path:
    (folder / "campaigns").mkdir()
    (folder / "out" / "sale-20").mkdir(parents=True)
    (folder / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: UTC\nservices: [{name: web}]\n", "utf-8")
    (folder / "campaigns" / "sale-20.yaml").write_text(plan(day=20).model_dump_json(exclude_defaults=True), "utf-8")
    (folder / "out" / "sale-20" / "retro.json").write_text(retro, "utf-8")
    return folder


def test_retrospectives_are_read_where_they_are_and_money_is_no_reach(tmp_path: Path) -> None:
    line = {"channel": "push", "planner": "lin", "planned": 10, "real": 5, "at_utc": None, "measure": "reach"}
    retro = {"schema_version": 1, "reach": [line, {**line, "measure": "spend"}], "more": {}}
    opened = open_workspace(workspace(tmp_path, json.dumps(retro)))
    assert read_reach(opened) == (Reach("sale-20", "push", "lin", 10, 5),)


def test_a_broken_retrospective_is_a_problem_with_its_file(tmp_path: Path) -> None:
    opened = open_workspace(workspace(tmp_path, "{"))
    with pytest.raises(UserError) as refusal:
        read_reach(opened)
    assert str(refusal.value.problems[0]).startswith("out/sale-20/retro.json: is not a retrospective that can be read")
