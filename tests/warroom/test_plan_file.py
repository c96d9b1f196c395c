"""A plan's file changed by a form: comments stay, nothing of anybody is lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.documents import parse_yaml
from warroom.plans.differences import differences
from warroom.plans.file import ChangedMeanwhile, one_writer, revised, save, version_of
from warroom.plans.form import copied, entries_from, entries_of, field_of, submitted

ZONE = ZoneInfo("Asia/Shanghai")
PLAN = """\
# agreed with operations on Monday
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00   # eight sharp
ends_at: 2026-11-12T00:00+08:00
channels:
  # the big one
  - {name: app-push, sends: [{at: 2026-11-10T19:55+08:00, reach: 1800000, open_ratio: 0.04}]}
  - name: sms
    sends:
      - at: 2026-11-10T12:00:00+00:00  # noon in London
        reach: 3000
moments:
  - {at: 2026-11-10T20:00:00+08:00, kind: opening}  # first
  - {at: 2026-11-11T00:00:00+08:00, kind: coupon-drop, quantity: 500000}
drivers:
  discount_ratio: 0.30  # thirty percent
metrics: [sessions]
"""


def content(text: str) -> dict[str, object]:
    made: dict[str, object] = parse_yaml(text, "d11.yaml").content
    return made


def test_saying_the_same_leaves_every_byte() -> None:
    assert revised(PLAN, content(PLAN)) == PLAN


def test_a_changed_figure_leaves_comments_order_and_spelling_alone() -> None:
    said = content(PLAN)
    said["drivers"] = {"discount_ratio": 0.45}
    assert revised(PLAN, said) == PLAN.replace("0.30", "0.45")


def test_the_same_instant_in_another_zone_is_no_change() -> None:
    said = content(PLAN)
    said["starts_at"] = "2026-11-10T12:00:00+00:00"
    assert revised(PLAN, said) == PLAN


def test_a_removed_record_takes_only_its_own_line() -> None:
    said = content(PLAN)
    said["moments"] = said["moments"][1:]  # type: ignore[index]
    assert revised(PLAN, said) == PLAN.replace("  - {at: 2026-11-10T20:00:00+08:00, kind: opening}  # first\n", "")


def test_a_form_sent_back_untouched_changes_nothing() -> None:
    before = content(PLAN)
    entries = entries_of(before, ZONE)
    pairs = [*entries.values.items()]
    pairs += [
        (f"{s}-{i}-{k}", v) for s, rows in entries.rows.items() for i, row in enumerate(rows) for k, v in row.items()
    ]
    read = submitted(entries_from(pairs), before, ZONE)
    assert not read.complaints
    assert revised(PLAN, read.content) == PLAN
    assert differences(before, read.content, ZONE) == ()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10**7)), max_size=6, unique_by=lambda pair: pair[0]))
def test_any_sends_come_back_as_they_were_written(sends: list[tuple[int, int]]) -> None:
    before = content(PLAN)
    rows = [
        {"channel": "app-push", "at": f"2026-11-10T20:{minute:02d}", "reach": f"{reach}"} for minute, reach in sends
    ]
    pairs = [*entries_of(before, ZONE).values.items()]
    pairs += [(f"sends-{i}-{k}", v) for i, row in enumerate(rows) for k, v in row.items()]
    said = content(revised(PLAN, submitted(entries_from(pairs), before, ZONE).content))
    channels = {c["name"]: c.get("sends", []) for c in said.get("channels", [])}  # type: ignore[attr-defined]
    found = {(datetime.fromisoformat(s["at"]).minute, s["reach"]) for s in channels.get("app-push", [])}
    assert found == set(sends)


def test_figures_are_read_as_marketers_write_them() -> None:
    pairs = [("id", "x"), ("sends-0-channel", "push"), ("sends-0-at", "2026-11-10T20:00"), ("sends-0-reach", "180万")]
    pairs += [("sends-0-open_ratio", "4%"), ("drivers-0-driver", "audience"), ("drivers-0-value", "1,200,000")]
    said = submitted(entries_from(pairs), {}, ZONE)
    assert said.content["channels"] == [
        {"name": "push", "sends": [{"at": "2026-11-10T20:00:00+08:00", "reach": 1800000, "open_ratio": 0.04}]}
    ]
    assert said.content["drivers"] == {"audience": 1200000}


@pytest.mark.parametrize(
    ("driver", "written", "read"),
    [
        ("discount_ratio", "30%", 0.3),
        ("discount_ratio", "0.3", 0.3),
        ("discount", "３０％", 0.3),
        ("discount_percent", "30%", 30),
        ("coupon_quantity", "50万张", 500_000),
    ],
)
def test_a_figures_percent_is_what_its_name_says(driver: str, written: str, read: float) -> None:
    pairs = [("id", "x"), ("drivers-0-driver", driver), ("drivers-0-value", written)]
    said = submitted(entries_from(pairs), {}, ZONE)
    assert said.content["drivers"] == {driver: read}
    assert not said.complaints


@pytest.mark.parametrize(
    ("field", "written", "why"),
    [
        ("drivers-0-value", "30", "discount_ratio is a share: write 0.3 or 30%"),
        ("sends-0-reach", "20%", "20% is not a number"),
    ],
)
def test_percent_where_a_share_or_a_number_belongs_is_refused(field: str, written: str, why: str) -> None:
    pairs = [("id", "x"), ("drivers-0-driver", "discount_ratio"), ("sends-0-channel", "sms"), (field, written)]
    assert str(submitted(entries_from(pairs), {}, ZONE).complaints[field]) == why


@pytest.mark.parametrize(
    "written", ["2026/11/10 20:00", "2026年11月10日20点", "２０２６-１１-１０ ２０：００", "2026.11.10 20:00"]
)
def test_where_a_browser_has_no_calendar_times_are_read_as_people_write_them(written: str) -> None:
    said = submitted(entries_from([("id", "x"), ("starts_at", written)]), {}, ZONE)
    assert said.content["starts_at"] == "2026-11-10T20:00:00+08:00"


def test_what_cannot_be_read_is_said_beside_its_field() -> None:
    pairs = [("id", "x"), ("sends-0-channel", "push"), ("sends-0-at", "tomorrow"), ("sends-0-reach", "many")]
    said = submitted(entries_from(pairs), {}, ZONE)
    assert {k: str(v) for k, v in said.complaints.items()} == {
        "sends-0-at": "tomorrow is not a time: write it as 2026-11-10 20:00",
        "sends-0-reach": "many is not a number",
    }


def test_an_hour_that_comes_twice_is_asked_about() -> None:
    pairs = [("id", "x"), ("starts_at", "2026-11-01T01:30")]
    said = submitted(entries_from(pairs), {}, ZoneInfo("America/New_York"))
    assert "clocks change" in str(said.complaints["starts_at"])


@pytest.mark.parametrize(
    ("key", "field"),
    [("channels[1].sends[0].reach", "sends-1-reach"), ("moments[0].at", "moments-0-at"), ("kind", "kind")],
)
def test_a_problems_key_leads_to_the_field_behind_it(key: str, field: str) -> None:
    pairs = [("id", "x"), ("kind", "k"), ("moments-0-at", "2026-11-10T20:00"), ("moments-0-kind", "opening")]
    pairs += [(f"sends-{i}-{k}", v) for i, n in enumerate(("a", "b")) for k, v in (("channel", n), ("reach", "5"))]
    assert field_of(key, submitted(entries_from(pairs), {}, ZONE).fields) == field


def test_differences_are_said_in_words() -> None:
    after = content(PLAN.replace("reach: 1800000", "reach: 900000").replace("kind: opening", "kind: flash-sale"))
    assert [str(d) for d in differences(content(PLAN), after, ZONE)] == [
        "app-push 11-10 19:55, People reached: 1.8 M → 900,000",
        "Moments at which demand jumps: 11-10 20:00 opening is gone",
        "Moments at which demand jumps: 11-10 20:00 flash sale is new",
    ]


def test_a_copy_of_last_years_plan_moves_with_its_start() -> None:
    draft = copied(content(PLAN), "d11-next", datetime.fromisoformat("2027-11-10T20:00+08:00"))
    assert draft["id"] == "d11-next"
    assert draft["ends_at"] == "2027-11-12T00:00:00+08:00"
    assert draft["channels"][1]["sends"][0]["at"] == "2027-11-10T12:00:00+00:00"


def test_only_the_file_that_was_opened_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "campaigns" / "d11.yaml"
    path.parent.mkdir()
    path.write_text(PLAN, "utf-8")
    mine, theirs = PLAN.replace("3000", "1"), PLAN.replace("3000", "2")
    with one_writer(tmp_path):
        assert save(tmp_path, "d11", theirs, version_of(PLAN))
        with pytest.raises(ChangedMeanwhile) as conflict:
            save(tmp_path, "d11", mine, version_of(PLAN))
    assert conflict.value.theirs == theirs
    assert path.read_text("utf-8") == theirs
