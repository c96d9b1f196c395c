"""`surgeplan retro` on a small workspace: from the frozen bundle, with everything people bring, and refused input."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from markupsafe import escape

from campaign.documents import read_json
from campaign.files import write_json
from campaign.store.events import Act
from campaign.store.log import open_log
from campaign.traffic import BackTest, Peak, Quantiles, TrafficModel
from forecast.retrospectives import read_reach
from surgeplan.cli import main
from warroom.retrospective.records import Retrospective

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
END = START + timedelta(hours=3)
AFTER = "2026-03-19T08:00+08:00"
SYSTEM = """schema_version: 1
time_zone: Asia/Shanghai
services:
  - {name: shop, capacity_requests_per_second_per_replica: 10, replicas: {today: 8}}
roles: {lin: marketing, wang: sre, chen: commander}
"""
PLAN = """# The spring drop.
id: drop
kind: sale
owner: {name: lin}
starts_at: 2026-03-10T20:00+08:00
ends_at: 2026-03-10T23:00+08:00   # one evening
channels:
  - {name: app-push, sends: [{at: 2026-03-10T20:00+08:00, reach: 1000}]}
  - {name: feed, spend: 500}
"""
OLD = "".join(f"2026-01-01T0{hour}:00Z,shop,5\n" for hour in range(9))
P50 = {0: 180.0, 1: 120.0, 2: 80.0}


def model() -> TrafficModel:
    peak = Peak(peak_requests_per_second=Quantiles(p10=150, p50=180, p90=260, p99=300), peak_at_utc=START)
    return TrafficModel(
        campaign="drop", as_of_utc=START - timedelta(days=3), lead_days=3, seed=0, paths=10, knowledge="some",
        inputs={}, starts_at_utc=START, ends_at_utc=END, services={"shop": peak}, total=peak,
        back_test=BackTest(campaigns=0),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Minutes of two weeks at 100 requests/s; 200, 100, 100 in the campaign's hours."""
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    for name in ("campaigns", "history", "evidence/drop"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "surgeplan.yaml").write_text(SYSTEM)
    (tmp_path / "campaigns" / "drop.yaml").write_text(PLAN)
    hours = [(START + timedelta(hours=h), 200.0 if h == 0 else 100.0) for h in range(-14 * 24, 9 * 24)]
    rows = [f"{at.isoformat()},shop,{rate}" for at, rate in hours]
    (tmp_path / "history" / "traffic.csv").write_text(
        "starts_at,service,requests_per_second\n" + "\n".join(rows) + "\n"
    )
    lines = [
        "starts_at_utc,seconds,service," + ",".join(f"requests_per_second_{q}" for q in ("p10", "p50", "p90", "p99"))
    ]
    for h, p50 in P50.items():
        at = f"{(START + timedelta(hours=h)):%Y-%m-%dT%H:%M:%SZ}"
        lines.append(f"{at},3600,shop,{p50 * 0.9:g},{p50:g},{p50 * 1.2:g},{p50 * 1.5:g}")
    out = tmp_path / "out" / "drop"
    out.mkdir(parents=True)
    (out / "traffic.csv").write_text("\n".join(lines) + "\n")
    write_json(out / "traffic.json", model().model_dump(mode="json"))
    return tmp_path


def retro(folder: Path, *more: str, now: str = AFTER) -> int:
    return main(["retro", "drop", "--workspace", str(folder), "--lang", "en", "--now", now, *more])


def record(folder: Path) -> Retrospective:
    return read_json(folder / "out/drop/retro.json", "retro.json", Retrospective)


def bring(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_scores_reach_alerts_decisions_and_days_from_what_was_brought(folder: Path) -> None:
    bring(
        folder,
        "evidence/drop/reach.csv",
        "channel,measure,at,real\napp-push,,2026-03-10T20:03+08:00,850\nfeed,spend,,450\n",
    )
    bring(folder, "out/drop/alerts.csv", "fired_at_utc,rule,useful\n2026-03-10T12:10:00Z,a,yes\nx,b,no\ny,c,\n")
    days = [f"{datetime(2026, 2, 1 + d).date()},100\n" for d in range(28)]
    days += [f"2026-03-{d:02d},{250 if d == 10 else 120 if d > 10 else 100}\n" for d in range(1, 19)]
    bring(folder, "history/actives.csv", "day,active_users\n" + "".join(days))
    open_log(folder).record(
        Act(kind="switch", campaign="drop", subject="recommend-off", actor="wang", role="sre",
            at_utc=START + timedelta(hours=1), body={"service": "shop", "expected_requests_per_second": -20})
    )  # fmt: skip
    bring(folder, "evidence/drop/actions.csv", "action,owner,due\nmeasure the checkout,wang,2026-04-01\n")
    bring(folder, "evidence/drop/figures.csv", "measure,real\nsessions,9100\n")
    assert retro(folder) == 0
    made = record(folder)
    assert [(a.owner, str(a.due)) for a in made.actions] == [("wang", "2026-04-01")]
    assert "measure the checkout" in (folder / "out/drop/retro.html").read_text()
    assert [(f.measure, f.real) for f in made.figures] == [("sessions", 9100)]
    assert "  sessions: 9100\n" in (folder / "campaigns/drop.yaml").read_text()
    assert made.forecast.methods["surgeplan"].wape_ratio == pytest.approx(60 / 400)
    assert made.forecast.methods["last-week"].wape_ratio == pytest.approx(100 / 400)
    score = made.forecast.services["shop"]
    assert (score.peak_requests_per_second, score.within_p90, score.peak_time_error_minutes) == (200, True, 0)
    assert score.inside_p10_p90_ratio == pytest.approx(1 / 3)
    assert [(r.channel, r.measure, r.planned, r.real) for r in made.reach] == [
        ("app-push", "reach", 1000, 850), ("feed", "spend", 500, 450),
    ]  # fmt: skip
    assert made.alerts is not None
    assert (made.alerts.fired, made.alerts.precision_ratio, made.alerts.unmarked) == (3, 0.5, 1)
    (decision,) = made.decisions
    assert decision.expected_requests_per_second == -20
    assert decision.real_requests_per_second == pytest.approx(100 - (55 * 120 + 5 * 80) / 60 * 200 / 180, rel=1e-4)
    assert made.lasting is not None
    assert (made.lasting.measure, made.lasting.days[-1].day) == ("active_users", 7)
    assert made.lasting.days[-1].to_first_day_ratio == pytest.approx(120 / 250)
    assert made.lasting.days[-1].to_usual_ratio == pytest.approx(1.2)
    assert "history/actives.csv" in made.inputs


def test_what_was_never_done_is_said_once_and_then_listed(folder: Path) -> None:
    assert retro(folder) == 0
    never = record(folder).discipline.never
    assert len(never) > 5
    page = (folder / "out/drop/retro.html").read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert page.lower().count("never done") == 1
    said = page[page.index("Never done") :]
    assert all(f"<li>{escape(item.title.en)} <small>" in said for item in never)


def test_the_next_forecast_reads_the_planners_habit(folder: Path) -> None:
    from campaign.workspace import open_workspace

    bring(folder, "evidence/drop/reach.csv", "channel,real\napp-push,850\n")
    assert retro(folder) == 0
    (reach,) = read_reach(open_workspace(folder))
    assert (reach.channel, reach.planner, reach.planned, reach.real) == ("app-push", "lin", 1000, 850)


def test_what_was_frozen_is_what_is_scored(folder: Path) -> None:
    frozen = json.loads((folder / "out/drop/traffic.json").read_text())
    frozen["inputs"] = {"campaigns/drop.yaml": _sha(folder / "campaigns/drop.yaml")}
    write_json(folder / "out/drop/traffic.json", frozen)
    command = ["freeze", "drop", "--workspace", str(folder), "--as", "lin", "--now", "2026-03-07T20:00+08:00"]
    assert main(command) == 0
    csv = folder / "out/drop/traffic.csv"
    csv.write_text(csv.read_text().replace("180", "999"))
    assert retro(folder) == 0
    made = record(folder)
    assert made.forecast.bundle is not None
    assert made.forecast.methods["surgeplan"].wape_ratio == pytest.approx(60 / 400)
    assert any(made.forecast.bundle in name for name in made.inputs)


def _sha(file: Path) -> str:
    from campaign.files import sha256

    return sha256(file)


def test_the_plan_keeps_its_comments_and_a_second_run_changes_nothing(folder: Path) -> None:
    assert retro(folder) == 0
    first = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".db"}
    text = (folder / "campaigns/drop.yaml").read_text()
    assert text.startswith(PLAN)
    assert text.removeprefix(PLAN) == "observed:\n  source: surgeplan retro\n"  # hours hide the peak
    assert retro(folder) == 0
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".db"} == first


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "evidence/drop/reach.csv",
            "channel,at,real\np,2026-03-10T20:00,5\np,,x\np,,-3\n",
            "reach.csv:2: is no report",
        ),
        ("evidence/drop/reach.csv", "channel\np\n", "evidence/drop/reach.csv:1: has no column real"),
        ("evidence/drop/reach.csv", "channel,measure,real\np,likes,5\n", "evidence/drop/reach.csv:2: is no report"),
        ("evidence/drop/figures.csv", "measure,real\nsessions,many\n", "evidence/drop/figures.csv:2: 'many' is not a"),
        (
            "evidence/drop/actions.csv",
            "action,owner,due\nx,,2026-04-01\n",
            "evidence/drop/actions.csv:2: an action needs",
        ),
        ("out/drop/traffic.csv", "starts_at_utc,service\n", "out/drop/traffic.csv: cannot be read"),
        ("out/drop/traffic.json", "{", "out/drop/traffic.json:1: is not valid JSON"),
        ("history/actives.csv", "day,people\n2026-03-10,5\n", "history/actives.csv: cannot be read"),
        ("history/actives.csv", "day,active_users\n2026-03-10,NaN\n", "2026-03-10 nan is not a day and a count"),
        ("history/actives.csv", "day,active_users\n2026-03-10,-5\n", "2026-03-10 -5 is not a day and a count"),
        ("history/actives.csv", "day,active_users\n,5\n", "None 5 is not a day and a count"),
        ("evidence/drop/figures.csv", "measure,real\nsessions\n", "evidence/drop/figures.csv:2: '' is not a number"),
        ("evidence/drop/actions.csv", "action,owner,due\nx,wang\n", "evidence/drop/actions.csv:2: an action needs"),
        ("evidence/drop/reach.csv", "channel,at,real\np\n", "evidence/drop/reach.csv:2: is no report of reach"),
        ("history/retrospectives.jsonl", "\n{broken\n", "history/retrospectives.jsonl:2: is not valid JSON"),
        ("history/traffic.csv", "starts_at,service,requests_per_second\n" + OLD, "history has no"),
    ],
)
def test_bad_input_is_refused_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, told: str
) -> None:
    bring(folder, file, text)
    assert retro(folder) == 2
    assert told in capsys.readouterr().err
    assert not (folder / "out/drop/retro.json").exists()
    assert (folder / "campaigns/drop.yaml").read_text() == PLAN


def test_a_campaign_that_was_never_forecast_says_how(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out/drop/traffic.json").unlink()
    assert retro(folder) == 2
    told = capsys.readouterr().err
    assert "there is no forecast to score" in told
    assert "surgeplan forecast drop" in told


def test_a_plan_that_keeps_observed_on_one_line_stays_a_plan(folder: Path) -> None:
    file = folder / "campaigns/drop.yaml"
    file.write_text(PLAN + "observed: {peak_requests_per_second: 205, source: review}\nname: Drop\n")
    assert retro(folder) == 0
    assert file.read_text() == PLAN + "observed: {peak_requests_per_second: 205, source: review}\nname: Drop\n"


def test_a_plan_that_cannot_take_another_key_is_left_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "campaigns/drop.yaml"
    text = "{id: drop, kind: sale, starts_at: 2026-03-10T20:00+08:00, ends_at: 2026-03-10T23:00+08:00}\n"
    file.write_text(text)
    assert retro(folder) == 2
    assert "campaigns/drop.yaml: observed cannot be written into it" in capsys.readouterr().err
    assert file.read_text() == text
    assert [p.name for p in (folder / "campaigns").iterdir()] == ["drop.yaml"]


@pytest.mark.slow
def test_a_past_campaign_of_the_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = tmp_path / "shop"
    assert main(["init", str(shop)]) == 0
    assert main(["forecast", "double12-2025", "--workspace", str(shop)]) == 0
    assert main(["retro", "double12-2025", "--workspace", str(shop), "--lang", "en"]) == 0
    told = capsys.readouterr().out
    made = read_json(shop / "out/double12-2025/retro.json", "retro.json", Retrospective)
    ours, last_week = made.forecast.methods["surgeplan"], made.forecast.methods["last-week"]
    assert ours.wape_ratio < last_week.wape_ratio
    assert made.forecast.total.bucket_seconds == 60
    assert made.lasting is not None
    assert len(made.lasting.days) == 7
    assert "peak_requests_per_second" in (shop / "campaigns/double12-2025.yaml").read_text("utf-8")
    assert "observed: written into campaigns/double12-2025.yaml" in told
    assert main(["check", "--workspace", str(shop)]) == 0
