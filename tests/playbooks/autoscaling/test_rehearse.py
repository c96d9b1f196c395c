"""`surgeplan rehearse` on the small workspace with its coupon drop."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from campaign.errors import UserError
from campaign.files import write_json
from campaign.pages import unbroken
from campaign.workspace import open_workspace
from playbooks.readiness.checks import found
from playbooks.readiness.gather import gather as readiness
from playbooks.readiness.rehearsed import STATES
from playbooks.rehearsal.fleets import PlannedFleet, read_fleets
from playbooks.rehearsal.gather import gather
from playbooks.rehearsal.inputs import rehearse as rehearse_inputs
from playbooks.rehearsal.inputs import with_demand
from playbooks.rehearsal.judging import breaks
from playbooks.rehearsal.verdict import Played as Judged
from playbooks.rehearsal.verdict import verdict as verdict_of
from playbooks.simulation.fleet import UNLIMITED, Ticks
from surgeplan.cli import main

AS_OF = datetime(2026, 11, 7, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "shop"))


def rehearse(shop: Path, *options: str) -> int:
    return main(["rehearse", "coupon-drop", "--workspace", str(shop), "--paths", "20", "--workers", "1", *options])


def test_files_hold_the_verdict_that_was_printed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = rehearse(shop, "--json")
    printed = json.loads(capsys.readouterr().out)
    out = shop / "out" / "coupon-drop"
    assert json.loads((out / "rehearsal.json").read_text("utf-8")) == printed
    assert code == {"go": 0, "go-with-limits": 0, "no-go": 1, "too-close": 4}[printed["verdict"]]
    page = (out / "rehearsal.html").read_text("utf-8")
    assert page.index("<h1>") < page.index("rehearsal.png") < page.index("<table")
    assert (out / "rehearsal.png").read_bytes().startswith(b"\x89PNG")


def test_the_war_room_is_played_beside_the_plan_and_can_be_left_out(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearse(shop, "--json", "--lang", "en")
    joined = json.loads(capsys.readouterr().out)
    room = joined["war_room"]
    assert room["without_war_room"]["lost_orders_mean"] == joined["lost_orders_mean"]
    assert room["syncs"] >= 1
    assert "With the war room" in (shop / "out" / "coupon-drop" / "rehearsal.html").read_text("utf-8")
    rehearse(shop, "--json", "--lang", "en", "--no-war-room")
    alone = json.loads(capsys.readouterr().out)
    assert alone["war_room"] is None
    assert alone["breaks"] == joined["breaks"]


def rehearsed(shop: Path) -> str:
    return found("rehearsal", readiness(open_workspace(shop), "coupon-drop"), AS_OF).state


def test_the_gate_reads_the_verdict_and_sees_when_it_is_of_another_plan(shop: Path) -> None:
    out = shop / "out" / "coupon-drop"
    assert rehearsed(shop) == "pending"
    code = rehearse(shop)
    assert rehearsed(shop) == {0: "pass", 1: "fail", 4: "pending"}[code]
    record = json.loads((out / "rehearsal.json").read_text("utf-8"))
    for verdict, state in STATES.items():
        (out / "rehearsal.json").write_text(json.dumps(record | {"verdict": verdict}), "utf-8")
        assert rehearsed(shop) == state
    plan = out / "playbook" / "autoscaling.json"
    plan.write_text(plan.read_text("utf-8") + "\n", "utf-8")
    assert rehearsed(shop) == "stale"


def test_a_drill_is_worse_and_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "--json", "--inject", "forecast:3") == 1
    drilled = json.loads(capsys.readouterr().out)
    assert drilled["verdict"] == "no-go"
    assert drilled["injected"] == ["forecast:3"]
    assert not (shop / "out" / "coupon-drop" / "rehearsal.json").exists()


def test_the_game_day_is_a_page_to_print_with_boxes_and_fields(shop: Path) -> None:
    assert rehearse(shop, "--game-day") in (0, 1, 4)
    page = (shop / "out" / "coupon-drop" / "gameday.html").read_text("utf-8")
    assert "@page { size: A4" in page
    assert page.count("<section") == 2
    assert "surgeplan rehearse coupon-drop --inject lose-replicas:" in page
    assert "seconds to effect" in page or "no switch sheds requests" in page


def test_a_game_day_of_a_drill_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "--game-day", "--inject", "forecast:2") == 2
    assert "--game-day: a game day is of the plan, not of a drill" in capsys.readouterr().err


def test_another_forecast_than_the_playbooks_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traffic = shop / "out" / "coupon-drop" / "traffic.json"
    traffic.write_text(traffic.read_text("utf-8") + "\n", "utf-8")
    assert rehearse(shop) == 2
    said = capsys.readouterr().err
    assert "the forecast changed since the playbook was built" in said
    assert "surgeplan playbook coupon-drop" in said


def test_a_seed_chooses_other_paths_and_the_same_ones_each_time(shop: Path) -> None:
    workspace = open_workspace(shop)
    planned = read_fleets(workspace, "coupon-drop")
    evenly, once, again = (gather(workspace, planned, 20, seed) for seed in (None, 3, 3))
    assert np.array_equal(once.demand.requests_per_second, again.demand.requests_per_second)
    assert not np.array_equal(once.demand.requests_per_second, evenly.demand.requests_per_second)


@pytest.mark.parametrize("worse", [1.0, 1.3, 2.0])
def test_halving_the_tick_changes_no_verdict(shop: Path, worse: float) -> None:
    """The plan itself, and demand that it is just not and by far not made for."""
    workspace = open_workspace(shop)
    inputs = with_demand(gather(workspace, read_fleets(workspace, "coupon-drop"), 200), worse)
    found = [breaks(inputs, rehearse_inputs(inputs, Ticks(per_sync))) for per_sync in (1, 2)]
    coarse, fine = (verdict_of(each, 0.05, Judged(200, 200, limited_only=False))[0] for each in found)
    assert coarse == fine
    assert coarse == ("no-go" if worse > 1 else "go")
    for one, other in zip(*found, strict=True):
        assert one.event_ratio == pytest.approx(other.event_ratio, abs=0.02)


def test_every_seed_draws_its_own_capacities_zero_too(shop: Path) -> None:
    workspace = open_workspace(shop)
    planned = read_fleets(workspace, "coupon-drop")
    drawn = [gather(workspace, planned, 20, seed).uncertain for seed in (None, 0, 0, 3)]
    capacities = [each.capacity for each in drawn if each is not None]
    assert np.array_equal(capacities[1], capacities[2])
    assert all(not np.array_equal(capacities[1], other) for other in (capacities[0], capacities[3]))


def test_an_instant_before_the_forecast_or_a_measured_capacity_is_refused(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearse(shop, "--now", "2026-11-06T20:00+08:00") == 2
    said = capsys.readouterr().err
    assert "knows what came until 11-07 20:00; it cannot be rehearsed as of 11-06 20:00" in said
    assert "surgeplan forecast coupon-drop --as-of 2026-11-06T12:00+00:00" in said
    assert not (shop / "out" / "coupon-drop" / "rehearsal.json").exists()
    write_json(
        shop / "out" / "capacity" / "storefront.json",
        {
            "schema_version": 1,
            "service": "storefront",
            "source": "measured",
            "capacity_requests_per_second_per_replica": {"low": 90.0, "mid": 100.0, "high": 110.0},
            "measured_at_utc": "2026-11-08T00:00:00Z",
        },
    )
    assert rehearse(shop, "--now", "2026-11-07T21:00+08:00") == 2
    assert "storefront.json --now: was measured at 11-08 08:00" in capsys.readouterr().err


def test_after_the_start_it_is_marked_historical(shop: Path) -> None:
    rehearse(shop, "--now", "2026-11-12T12:00+08:00")
    record = json.loads((shop / "out" / "coupon-drop" / "rehearsal.json").read_text("utf-8"))
    assert record["historical"]
    assert record["as_of_utc"] == "2026-11-12T04:00:00Z"


def without_playbook(shop: Path, replicas: str = "{today: 4, min: 2, max: 400}") -> None:
    """No playbook yet, and checkout's replicas written otherwise."""
    shutil.rmtree(shop / "out" / "coupon-drop" / "playbook")
    edit(shop, "{today: 4, min: 2, max: 400}", replicas)


def edit(shop: Path, old: str, new: str) -> None:
    settings = shop / "surgeplan.yaml"
    text = settings.read_text("utf-8")
    assert old in text
    settings.write_text(text.replace(old, new), "utf-8")


def checkout_of(shop: Path) -> PlannedFleet:
    return read_fleets(open_workspace(shop), "coupon-drop").services["checkout"]


@pytest.mark.parametrize(
    ("replicas", "floor", "most", "scales"),
    [
        ("{today: 9}", 9, UNLIMITED, False),
        ("{today: 9, max: 30}", 2, 30, True),
        ("{today: 9, min: 5, max: 30}", 5, 30, True),
        ("{min: 5}", 5, UNLIMITED, True),
        ("{}", 2, UNLIMITED, True),
    ],
)
def test_without_a_playbook_replicas_are_those_of_the_settings(
    shop: Path, replicas: str, floor: int, most: int, scales: bool
) -> None:
    without_playbook(shop, replicas)
    found = checkout_of(shop)
    assert (found.floor, found.most, found.target_ratio is not None, found.steps) == (floor, most, scales, ())
    assert found.assumed is not None


def test_a_playbook_wins_over_the_settings(shop: Path) -> None:
    found = checkout_of(shop)
    assert found.steps
    assert found.assumed is None


def test_without_a_playbook_more_is_lost_and_every_assumption_is_told(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearse(shop, "--json")
    planned = json.loads(capsys.readouterr().out)
    without_playbook(shop, "{today: 4}")
    assert rehearse(shop) == 1
    printed = capsys.readouterr().out
    out = shop / "out" / "coupon-drop"
    record = json.loads((out / "rehearsal.json").read_text("utf-8"))
    page = (out / "rehearsal.html").read_text("utf-8")
    lost = [{each["name"]: each["event_ratio"] for each in one["breaks"]}["checkout"] for one in (planned, record)]
    assert lost[0] < lost[1]
    assert record["playbook"] is None
    for said in (
        "there is no playbook yet: the replicas of surgeplan.yaml are played as they are",
        "checkout: 4 replicas as today; without replicas.min and max nothing scales it",
        "storefront: an HPA from 4 to 400 replicas, at 65 % of cpu",
    ):
        assert said in printed
        assert unbroken(said) in page
        assert said in [each["en"] for each in record["assumptions"]]
    assert rehearsed(shop) == "pending"


def test_a_service_without_a_known_capacity_is_never_full_and_named(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without_playbook(shop)
    edit(shop, "    capacity_requests_per_second_per_replica: 50\n", "")
    rehearse(shop)
    said = "no capacity is known of checkout: never full here"
    assert said in capsys.readouterr().out
    record = json.loads((shop / "out" / "coupon-drop" / "rehearsal.json").read_text("utf-8"))
    assert record["never_full"] == ["checkout"]
    assert {each["name"]: each["event_ratio"] for each in record["breaks"]}["checkout"] == 0
    assert any(each["en"].startswith(said) for each in record["assumptions"])
    assert not [lever for lever in record["levers"] if "checkout" in lever["change"]["en"]]
    assert rehearse(shop, "--inject", "lose-replicas:checkout:0.5@20:02") == 2
    assert "surgeplan loadtest capacity checkout" in capsys.readouterr().err


def test_what_is_never_full_still_uses_limits_up(shop: Path) -> None:
    without_playbook(shop)
    edit(shop, "    capacity_requests_per_second_per_replica: 50\n", "")
    limit = "limits:\n  - {name: payment, kind: rate, total: 40, used_by: {checkout: 1}}\n"
    edit(shop, "services:\n", limit + "services:\n")
    rehearse(shop)
    record = json.loads((shop / "out" / "coupon-drop" / "rehearsal.json").read_text("utf-8"))
    assert {each["name"]: each["event_ratio"] for each in record["breaks"]}["payment"] == 1


def test_nothing_to_play_is_refused_with_what_to_do(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_playbook(shop)
    for figure in (100, 50):
        edit(shop, f"    capacity_requests_per_second_per_replica: {figure}\n", "")
    assert rehearse(shop) == 2
    said = capsys.readouterr().err
    assert "no service has a known capacity" in said
    assert "surgeplan loadtest capacity SERVICE" in said


def test_one_path_alone_has_no_risk(shop: Path) -> None:
    workspace = open_workspace(shop)
    with pytest.raises(UserError, match="alike"):
        gather(workspace, read_fleets(workspace, "coupon-drop"), 1)
