"""The checklist's files: the same bytes for the same inputs, safe, and readable back by other programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar, Event
from openpyxl import load_workbook

from campaign.documents import read_json
from campaign.language import use_language
from campaign.readiness import Checklist
from campaign.workspace import open_workspace
from playbooks.readiness.publish import publish_checklist
from surgeplan.cli import main

NOW = datetime(2026, 10, 20, 9, tzinfo=UTC)
FILES = ("checklist.json", "checklist.md", "checklist.html", "checklist.xlsx", "warroom.ics")
SYSTEM = """schema_version: 1
time_zone: Asia/Shanghai
services:
  - {name: shop, capacity_requests_per_second_per_replica: 100, replicas: {today: 8, max: 100}}
"""
AUTUMN = """id: autumn
name: {name}
kind: sale
time_zone: Europe/Berlin
starts_at: 2026-10-24T20:00+02:00
ends_at: 2026-10-26T00:00+01:00
moments: [{{at: 2026-10-24T20:00:00+02:00, kind: opening}}, {{at: 2026-10-25T20:00:00+01:00, kind: last-hours}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SYSTEM)
    (tmp_path / "campaigns" / "autumn.yaml").write_text(AUTUMN.format(name="Autumn sale"))
    return tmp_path


def publish(folder: Path, language: str = "en", now: datetime = NOW) -> Path:
    use_language("zh" if language == "zh" else "en")
    try:
        publish_checklist(open_workspace(folder), "autumn", now)
    finally:
        use_language("en")
    return folder / "out" / "autumn" / "playbook"


def calendar(folder: Path) -> dict[str, Event]:
    parsed = Calendar.from_ical((folder / "warroom.ics").read_bytes())
    return {str(event["uid"]): event for event in parsed.walk("VEVENT")}


def test_same_inputs_give_the_same_bytes(folder: Path) -> None:
    first = {name: (publish(folder) / name).read_bytes() for name in FILES}
    again = {name: (publish(folder) / name).read_bytes() for name in FILES}
    assert first == again


def test_the_record_reads_back_and_names_its_inputs(folder: Path) -> None:
    made = read_json(publish(folder) / "checklist.json", "checklist.json", Checklist)
    assert (made.tier, made.tier_ratio) == ("L", None)
    assert set(made.inputs) == {"surgeplan.yaml", "campaigns/autumn.yaml"}
    assert sum(made.items_by_gate.values()) == len(made.items)
    assert made.items_by_gate["G4"] == len(made.of_gate("G4"))


def test_a_script_in_a_name_stays_a_name(folder: Path) -> None:
    name = "<script>alert(1)</script> *x* [y](z)"
    (folder / "campaigns" / "autumn.yaml").write_text(AUTUMN.format(name=json.dumps(name)))
    out = publish(folder)
    page, notes = (out / "checklist.html").read_text(), (out / "checklist.md").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in notes.replace("\\<script", "")
    assert "\\[y\\]" in notes


def test_the_page_needs_nothing_from_elsewhere(folder: Path) -> None:
    page = (publish(folder) / "checklist.html").read_text()
    assert "http" not in page
    assert 'name="viewport"' in page


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ("检查清单", "上线决策", "总指挥")), ("en", ("Checklist", "GO", "commander"))]
)
def test_page_and_notes_speak_the_language(folder: Path, language: str, words: tuple[str, ...]) -> None:
    out = publish(folder, language)
    for name in ("checklist.html", "checklist.md"):
        text = (out / name).read_text("utf-8")
        assert all(word in text for word in words)


def test_the_workbook_opens_with_every_item(folder: Path) -> None:
    out = publish(folder)
    made = read_json(out / "checklist.json", "checklist.json", Checklist)
    (sheet,) = load_workbook(out / "checklist.xlsx").worksheets
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][0] == "gate"
    assert len(rows) == 1 + len(made.items)
    frozen = next(row for row in rows if row[-1] == "plan-frozen")
    assert frozen[1:3] == ("T-3d", datetime(2026, 10, 21, 20, 0))


def test_the_calendar_keeps_the_campaigns_wall_clock_across_the_clock_change(folder: Path) -> None:
    out = publish(folder)
    events = calendar(out)
    before, after = (
        events[f"moment-autumn-{m}@surgeplan"].DTSTART
        for m in ("opening-20261024T180000", "last-hours-20261025T190000")
    )
    assert (before.hour, after.hour) == (20, 20)
    assert after - before == timedelta(hours=24)  # same zone: Python subtracts wall clocks
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=25)
    (zone,) = Calendar.from_ical((out / "warroom.ics").read_bytes()).walk("VTIMEZONE")
    assert zone["tzid"] == "Europe/Berlin"
    offsets = {part.name: part["tzoffsetto"].td for part in zone.subcomponents}
    assert offsets == {"DAYLIGHT": timedelta(hours=2), "STANDARD": timedelta(hours=1)}


def test_the_calendar_names_moments_in_the_readers_language(folder: Path) -> None:
    last = calendar(publish(folder, "zh"))["moment-autumn-last-hours-20261025T190000@surgeplan"]
    assert str(last["summary"]).endswith(": 最后几小时")


def test_the_calendar_reads_right_by_its_own_zone_table(folder: Path) -> None:
    parsed = Calendar.from_ical((publish(folder) / "warroom.ics").read_bytes())
    (zone,) = parsed.walk("VTIMEZONE")
    table = zone.to_tz()
    retrospective = calendar(folder / "out/autumn/playbook")["item-autumn-retrospective@surgeplan"].DTSTART
    local = retrospective.replace(tzinfo=table)
    assert local.astimezone(UTC) == datetime(2026, 11, 1, 23, tzinfo=UTC)


def test_the_calendar_has_gates_items_window_freeze_and_sync(folder: Path) -> None:
    out = publish(folder)
    events = calendar(out)
    made = read_json(out / "checklist.json", "checklist.json", Checklist)
    assert {f"item-autumn-{i.id}@surgeplan" for i in made.items} <= set(events)
    assert {f"gate-autumn-{g.gate}@surgeplan" for g in made.gates} <= set(events)
    freeze, campaign = events["freeze-autumn@surgeplan"], events["campaign-autumn@surgeplan"]
    assert campaign.DTSTART.astimezone(UTC) - freeze.DTSTART.astimezone(UTC) == timedelta(hours=24)
    assert events["sync-autumn@surgeplan"]["rrule"]["FREQ"] == ["HOURLY"]
    assert all(event["dtstamp"].dt == datetime(2026, 10, 20, 9, tzinfo=UTC) for event in events.values())


def test_a_later_calendar_replaces_the_events_of_an_earlier_one(folder: Path) -> None:
    early, late = calendar(publish(folder)), calendar(publish(folder, "zh", NOW + timedelta(days=30)))
    assert set(early) == set(late)
    stamps = {event["dtstamp"].dt for event in late.values()}
    assert stamps == {datetime(2026, 10, 21, 18, tzinfo=UTC)}  # never later than D-3


def test_a_workspace_in_utc_needs_no_zone_table(folder: Path) -> None:
    (folder / "surgeplan.yaml").write_text(SYSTEM.replace("Asia/Shanghai", "UTC"))
    plan = AUTUMN.format(name="x").replace("time_zone: Europe/Berlin\n", "")
    (folder / "campaigns" / "autumn.yaml").write_text(plan)
    text = (publish(folder) / "warroom.ics").read_text()
    assert "VTIMEZONE" not in text
    assert "DTSTART:20261024T180000Z" in text


def test_history_counts_as_fresh_for_a_day(folder: Path) -> None:
    (folder / "history").mkdir()
    rows = "starts_at,service,requests\n2026-10-24T10:00+02:00,shop,5\n2026-10-24T09:00+02:00,shop,5\n"
    (folder / "history" / "traffic.csv").write_text(rows)
    newest = datetime(2026, 10, 24, 8, tzinfo=UTC)
    for hours, state in ((23, "pass"), (25, "stale")):
        publish(folder, now=newest + timedelta(hours=hours))
        made = read_json(folder / "out/autumn/playbook/checklist.json", "checklist.json", Checklist)
        assert {i.id: i.state for i in made.items}["sources-fresh"] == state


def test_the_command_prints_items_by_gate_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["checklist", "autumn", "--workspace", str(folder), "--now", "2026-10-20T09:00Z"]
    assert main([*command, "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Autumn sale · tier L\n")
    assert "G3 Freeze and hand-over · 10-21 20:00" in out
    assert out.endswith("next: surgeplan gate autumn G0\n")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tier"] == "L"
    assert not (folder / "out").exists()


def test_an_unknown_campaign_suggests_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checklist", "autum", "--workspace", str(folder)]) == 2
    assert "there is no campaign autum\n  did you mean autumn?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("out/autumn/traffic.json", "{", "is not valid JSON"),
        ("out/autumn/loadtest/results.json", "[", "is not valid JSON"),
        ("out/autumn/loadtest/results.json", '{"outcome": "GO"}', "counts_for_campaign: this key is required"),
        (
            "out/autumn/playbook/staffing.csv",
            "a,b\n1,2\n",
            "has no column agents_required, agents_rostered, desk, starts_at_utc",
        ),
        (
            "out/autumn/playbook/staffing.csv",
            "starts_at_utc,desk,agents_required,agents_rostered\n2026-10-24T20:00:00Z,chat,many,2\n",
            "cannot be read: could not convert string to float: 'many'",
        ),
        ("evidence/autumn/bot_replay.csv", "offer,question\n", "has no column passed"),
    ],
)
def test_a_broken_file_is_refused_by_name(
    folder: Path, name: str, content: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert main(["checklist", "autumn", "--workspace", str(folder)]) == 2
    err = capsys.readouterr().err
    assert f"{name}:" in err
    assert told in err
