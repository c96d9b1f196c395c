"""A workspace is checked as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.workspace import default_as_of, open_workspace

SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
  - name: coupon
"""
PLAN = """\
id: {id}
kind: flash-sale
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-11T00:00+08:00
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    return tmp_path


def add(folder: Path, campaign: str, more: str = "", file: str = "") -> None:
    (folder / "campaigns" / f"{file or campaign}.yaml").write_text(PLAN.format(id=campaign) + more, "utf-8")


def refusal(folder: Path) -> list[str]:
    with pytest.raises(UserError) as refused:
        open_workspace(folder)
    return [str(problem) for problem in refused.value.problems]


def test_zone_and_services_with_plans_are_a_workspace(folder: Path) -> None:
    add(folder, "drop")
    workspace = open_workspace(folder)
    assert workspace.settings.service_names == ("storefront", "coupon")
    assert workspace.plan("drop").kind == "flash-sale"


def test_problems_of_all_files_come_together(folder: Path) -> None:
    (folder / "surgeplan.yaml").write_text(SETTINGS + "langauge: zh\n", "utf-8")
    add(folder, "a", "services: [storefron]\n")
    add(folder, "b", "moments: [{at: 2026-11-12T00:00+08:00, kind: opening}]\n")
    assert refusal(folder) == [
        "surgeplan.yaml:6 langauge: unknown key\n  did you mean language?",
        "campaigns/b.yaml:5 moments[0].at: 2026-11-12T00:00:00+08:00 is outside the campaign\n"
        "  it runs from 2026-11-10T20:00:00+08:00 to 2026-11-11T00:00:00+08:00: move the moment or widen the campaign",
    ]


def test_ends_before_starts_are_told_beside_whatever_else_is_wrong(folder: Path) -> None:
    (folder / "campaigns" / "drop.yaml").write_text(
        "id: drop\nstarts_at: 2026-11-10T20:00+08:00\nends_at: 2026-11-10T08:00+08:00\nchannels:\n"
        "  - {name: live, spend: -1, starts_at: 2026-11-10T20:00+08:00, ends_at: 2026-11-10T19:00+08:00}\n",
        "utf-8",
    )
    told = [problem.partition(" is not after")[0].partition("\n")[0] for problem in refusal(folder)]
    assert told == [
        "campaigns/drop.yaml:1 kind: this key is required",
        "campaigns/drop.yaml:3 ends_at: ends_at 2026-11-10T08:00:00+08:00",
        "campaigns/drop.yaml:5 channels[0].spend: -1 must be ≥ 0",
        "campaigns/drop.yaml:5 channels[0].ends_at: ends_at 2026-11-10T19:00:00+08:00",
    ]


def test_an_unknown_service_suggests_the_nearest(folder: Path) -> None:
    add(folder, "a", "services: [storefron]\nchannels: [{name: push, lands_on: coupons}]\n")
    assert refusal(folder) == [
        "campaigns/a.yaml:5 services[0]: there is no service storefron\n  did you mean storefront?",
        "campaigns/a.yaml:6 channels[0].lands_on: coupons is neither a service nor a stage of the funnel\n"
        "  did you mean coupon?",
    ]


def test_an_id_used_twice_names_the_other_file(folder: Path) -> None:
    add(folder, "drop")
    add(folder, "drop", file="drop-copy")
    assert sorted(refusal(folder)) == [
        "campaigns/drop-copy.yaml:1 id: the id drop is not the file's name\n  rename the file to drop.yaml",
        "campaigns/drop.yaml:1 id: drop is already the id of campaigns/drop-copy.yaml\n  give one of them another id",
    ]


def test_an_unknown_campaign_suggests_the_nearest(folder: Path) -> None:
    add(folder, "double11-2026")
    with pytest.raises(UserError, match=r"there is no campaign double12-2026\n  did you mean double11-2026\?"):
        open_workspace(folder).plan("double12-2026")


def test_an_unknown_zone_is_refused(folder: Path) -> None:
    (folder / "surgeplan.yaml").write_text(SETTINGS.replace("Asia/Shanghai", "Asia/Shangai"), "utf-8")
    assert refusal(folder) == [
        "surgeplan.yaml:2 time_zone: Asia/Shangai is not a time zone\n"
        "  use a name such as Asia/Shanghai or Europe/Berlin"
    ]


def test_figures_in_another_unit_and_limits_that_leave_nothing_are_refused(folder: Path) -> None:
    sizes = "  - name: pay\n    cpu_cores: 500\n    memory_gib: 4096\n    startup_seconds_p99: 90000\n"
    limits = "limits: [{name: db, kind: rate, total: 120, reserved: 120, used_by: {pay: 1}}]\n"
    (folder / "surgeplan.yaml").write_text(SETTINGS + sizes + limits, "utf-8")
    assert refusal(folder) == [
        "surgeplan.yaml:7 services[2].cpu_cores: 500 cannot be meant in this unit\n"
        "  write cores, not milli-cores: 0.5 for 500m",
        "surgeplan.yaml:8 services[2].memory_gib: 4096 cannot be meant in this unit\n"
        "  write GiB, not MiB: 4 for 4096Mi",
        "surgeplan.yaml:9 services[2].startup_seconds_p99: 90000 cannot be meant in this unit\n"
        "  write seconds, not milliseconds",
        "surgeplan.yaml:10 limits[0].reserved: 120 of 120 are reserved: nothing is left for the services\n"
        "  reserve less, or correct the total",
    ]


def test_a_folder_that_is_no_workspace_says_how_to_get_one(tmp_path: Path) -> None:
    assert refusal(tmp_path) == [
        "surgeplan.yaml: does not exist\n  run `surgeplan init DIR --example double11` to see a workspace that works"
    ]


def test_as_of_is_three_days_before_unless_that_is_still_to_come(folder: Path) -> None:
    add(folder, "drop")
    plan = open_workspace(folder).plan("drop")
    assert default_as_of(plan, datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2026, 11, 7, 12, tzinfo=UTC)
    assert default_as_of(plan, datetime(2026, 11, 1, tzinfo=UTC)) == datetime(2026, 11, 1, tzinfo=UTC)
