"""Files for other tools: Prometheus reads and obeys the rules, Grafana's model is kept, calendars subscribe."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, combinations
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar
from ruamel.yaml import YAML

from campaign.files import write_json
from campaign.workspace import Workspace, open_workspace
from surgeplan.cli import main
from tests.prometheus_server import needs_prometheus
from tests.warroom.live_event import CAMPAIGN, END, START, model_files
from tests.warroom.test_chat import Chat, listening, sender_on
from warroom.chat.messages import Message
from warroom.chat.targets import targets_of
from warroom.export.dashboard import dashboard, uid_of
from warroom.export.gauges import LABELS
from warroom.export.publish import subject_of
from warroom.export.queries import demand_query, reading_query
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

NOW = START - timedelta(days=1)
MINUTE = timedelta(minutes=1)
SYSTEM = """\
schema_version: 1
time_zone: Asia/Shanghai
language: en
services:
  - name: storefront
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 40, min: 2, max: 40}
    slo: {p99_ms: 300, error_ratio: 0.001}
  - name: checkout
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 4, min: 2, max: 40}
sources:
  - {name: prom, kind: prometheus, url: "http://prometheus:9090", rename: {web-shop: storefront}, service_label: app,
     query: "sum by (app) (increase(requests_total[1m]))"}
  - {name: errors, kind: prometheus-reading, reading: error_ratio, url: "http://prometheus:9090", query: error_ratio}
  - {name: slow, kind: prometheus-reading, reading: p99_ms, url: "http://prometheus:9090", service: storefront,
     query: front_p99_ms}
roles: {lin: marketing}
"""


@pytest.fixture
def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    (folder / "surgeplan.yaml").write_text(SYSTEM)
    model_files(folder)
    return open_workspace(folder)


def exported(workspace: Workspace) -> Path:
    assert main(["export", CAMPAIGN, "--workspace", str(workspace.folder), "--now", NOW.isoformat()]) == 0
    return workspace.out(CAMPAIGN) / "export"


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules_in(file: Path) -> list[dict[str, Any]]:
    return [rule for group in YAML(typ="safe").load(file)["groups"] for rule in group["rules"]]


@needs_prometheus
def test_prometheus_accepts_the_rules(workspace: Workspace) -> None:
    file = exported(workspace) / "prometheus-rules.yaml"
    told = promtool("check", "rules", str(file))
    assert f"{len(rules_in(file))} rules found" in told
    assert all(rule["annotations"]["summary"] for rule in rules_in(file))


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    chosen = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{chosen}}}", "values": values}


def quantile(name: str, value: float) -> dict[str, str]:
    labels = {"campaign": CAMPAIGN, "service": "storefront", "quantile": name}
    return series("surgeplan_forecast_requests_per_second", f"{value}x90", **labels)


QUANTILES = [quantile("p10", 900), quantile("p90", 1100), quantile("p99", 1300)]
UP = series("surgeplan_live_up", "1x90", campaign=CAMPAIGN)


def pulsing(quiet: tuple[float, float], busy: tuple[float, float]) -> list[dict[str, str]]:
    """Four minutes at one rate and share of errors, and a fifth at another, for an hour and a half."""
    minutes = ([quiet] * 4 + [busy]) * 18
    counts = accumulate((60 * rate for rate, _ in minutes), initial=0.0)
    return [
        series("requests_total", " ".join(f"{count:g}" for count in counts), app="web-shop"),
        series("error_ratio", "0 " + " ".join(f"{share:g}" for _, share in minutes), service="storefront"),
    ]


def demand(rate: float) -> dict[str, str]:
    return series("requests_total", f"0+{60 * rate:g}x90", app="web-shop")


def gauge(name: str, values: str, **labels: str) -> dict[str, str]:
    return series(f"surgeplan_{name}", values, campaign=CAMPAIGN, **labels)


BURNING = 'count by (alertname) (ALERTS{alertname="SurgeplanErrorBudgetBurn",alertstate="firing"})'
BURNS = '{alertname="SurgeplanErrorBudgetBurn"}'
AWAY = BURNING.replace("SurgeplanErrorBudgetBurn", "SurgeplanAway")
AWAY_SAMPLE = {"labels": '{alertname="SurgeplanAway"}', "value": 1}
PROM = {"source": "prom", "measure": "traffic"}
CASES: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "SurgeplanAboveForecastP99": ([*QUANTILES, demand(1250)], [*QUANTILES, demand(1400)]),
    "SurgeplanAboveForecastBand": ([*QUANTILES, demand(1050)], [*QUANTILES, demand(1150)]),
    "SurgeplanBelowForecastBand": ([*QUANTILES, demand(950)], [*QUANTILES]),
    "SurgeplanHeadroomLow": (
        [gauge("headroom_ratio", "0.3x90", service="storefront")],
        [gauge("headroom_ratio", "0.05x90", service="storefront")],
    ),
    "SurgeplanCapacityNear": (
        [gauge("time_to_capacity_seconds", "7200x90", service="storefront")],
        [gauge("time_to_capacity_seconds", "900x90", service="storefront")],
    ),
    "SurgeplanSourceStale": ([gauge("source_stale", "0x90", **PROM)], [gauge("source_stale", "1x90", **PROM)]),
    "SurgeplanErrorBudgetBurn": (  # six bad minutes are no hour; nor are another service's errors ours
        [
            series("error_ratio", "0.0002x74 0.02x5 0.0002x10", service="storefront"),
            series("error_ratio", "0.5x90", service="another"),
        ],
        [series("error_ratio", "0.02x90", service="storefront")],
    ),
    "SurgeplanClockOverdue": (
        [gauge("clock_overdue", "0x90", clock="minute"), gauge("clock_overdue", "0x90", clock="hour")],
        [gauge("clock_overdue", "1x90", clock="minute"), gauge("clock_overdue", "0x90", clock="hour")],
    ),
    "SurgeplanLatencyAboveObjective": ([series("front_p99_ms", "250x90")], [series("front_p99_ms", "350x90")]),
}


@needs_prometheus
@pytest.mark.parametrize("wild", [False, True])
def test_alerts_fire_in_prometheus_when_they_should_and_only_then(
    workspace: Workspace, tmp_path: Path, wild: bool
) -> None:
    rules = exported(workspace) / "prometheus-rules.yaml"
    tests = [
        {
            "interval": "1m",
            "input_series": [UP, *given[wild]],
            "promql_expr_test": [
                {"expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}', "eval_time": "80m", "exp_samples": []}
            ],
        }
        for alert, given in CASES.items()
    ]
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    fired = set(re.findall(r'got:.*?alertname="(\w+)"', told))
    assert fired == (set(CASES) if wild else set()), told
    assert done.returncode == wild


@needs_prometheus
@pytest.mark.parametrize(
    ("quiet", "busy", "burns"),
    [
        ((1, 0.05), (10_000, 0.0001), False),  # mean of the minutes 4 %, of the requests 0.01 %
        ((1, 0.0), (10_000, 0.03), True),  # 0.6 %, and 3 %
        ((0, math.nan), (100, 0.03), True),  # no requests, no share
    ],
)
def test_errors_burn_the_objective_by_request_not_by_minute(
    workspace: Workspace, tmp_path: Path, quiet: tuple[float, float], busy: tuple[float, float], burns: bool
) -> None:
    rules = exported(workspace) / "prometheus-rules.yaml"
    expected = [{"labels": BURNS, "value": 1}] if burns else []
    query = {"expr": BURNING, "eval_time": "80m", "exp_samples": expected}
    tests = [{"interval": "1m", "input_series": pulsing(quiet, busy), "promql_expr_test": [query]}]
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", str(file))


@needs_prometheus
def test_a_war_room_that_is_away_is_told_after_ten_minutes_and_not_when_it_is_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The campaign's hours laid at the beginning of a test's time, which starts in 1970."""
    text = (exported(workspace) / "prometheus-rules.yaml").read_text("utf-8")
    first, last = re.findall(r"vector\(time\(\)\) [<>]=? (\d+)", text[text.index("SurgeplanAway") :])[:2]
    (tmp_path / "rules.yaml").write_text(text.replace(first, "1800").replace(last, "7200"))
    asked = [
        {"expr": AWAY, "eval_time": f"{minute}m", "exp_samples": [AWAY_SAMPLE] if fires else []}
        for minute, fires in ((20, False), (39, False), (41, True), (78, True), (81, False), (119, True), (121, False))
    ]
    up = series("surgeplan_live_up", "_x79 1x9 0x60", campaign=CAMPAIGN)
    tests = [{"interval": "1m", "input_series": [up], "promql_expr_test": asked}]
    file = tmp_path / "test.json"
    file.write_text(json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", str(file))


@needs_prometheus
def test_a_war_room_that_is_away_is_told_only_in_the_campaigns_hours(workspace: Workspace, tmp_path: Path) -> None:
    rules = exported(workspace) / "prometheus-rules.yaml"
    (rule,) = [r for r in rules_in(rules) if r["alert"] == "SurgeplanAway"]
    first, last = re.findall(r"vector\(time\(\)\) [<>]=? (\d+)", rule["expr"])
    assert datetime.fromtimestamp(int(first), UTC) == START - timedelta(hours=6)
    assert datetime.fromtimestamp(int(last), UTC) == END + timedelta(hours=6)
    promtool("check", "rules", str(rules))


def test_one_services_query_is_that_of_its_own_source(workspace: Workspace) -> None:
    subject = subject_of(workspace, CAMPAIGN)
    asked = demand_query(subject.settings, subject.policy, "storefront")
    assert asked.startswith("sum((sum by (app) (increase(requests_total[1m]))) and on (app)")
    assert '"app", "web-shop"' in asked
    assert asked.endswith(" / 60")
    assert reading_query(subject.settings, "p99_ms", "storefront") == "max(front_p99_ms)"
    assert reading_query(subject.settings, "p99_ms", "checkout") is None
    bare = subject.settings.model_copy(update={"sources": ()})
    assert demand_query(bare, subject.policy, "checkout") == 'sum(rate(http_requests_total{service="checkout"}[1m]))'


@needs_prometheus
def test_every_query_of_the_dashboard_is_one_that_prometheus_reads(workspace: Workspace, tmp_path: Path) -> None:
    made = json.loads((exported(workspace) / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in made["panels"] for target in panel["targets"]]
    queries += [found["expr"] for found in made["annotations"]["list"] if "expr" in found]
    rules = [{"record": f"dashboard:{i}:query", "expr": query} for i, query in enumerate(queries)]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(file))
    used = {name for query in queries for name in re.findall(r"surgeplan_\w+", query)}
    assert used <= set(LABELS)


def test_the_dashboard_keeps_grafanas_model(workspace: Workspace) -> None:
    made = dashboard(subject_of(workspace, CAMPAIGN))
    panels = made["panels"]
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    for panel in panels:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        named = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
        assert named <= {target["legendFormat"] for target in panel["targets"]}
    sources = {json.dumps(target["datasource"]) for panel in panels for target in panel["targets"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${prometheus}"})}
    assert made["time"]["from"] == (START - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert len(made["uid"]) <= 40
    assert len({uid_of("a" * 60 + end) for end in "xy"}) == 2


def test_what_is_told_in_chat_is_marked_in_grafana(tmp_path: Path) -> None:
    class Grafana(Chat):
        def __getattr__(self, path: str) -> Any:
            if path != "api":  # of /api/annotations
                raise AttributeError(path)
            return lambda _query, body: self._keep(body, {}, {"message": "Annotation added", "id": 1})

    clock = [START]
    chat = Grafana("", 100, clock)
    with listening(chat) as address:
        sender = sender_on(clock, *targets_of(f"grafana {address} a-token zh"))
        assert sender.send(lambda _: Message("ACT", ["scale storefront"]))[0].taken
    at = int(START.timestamp() * 1000)
    assert chat.taken == [{"time": at, "tags": ["surgeplan"], "text": "ACT\nscale storefront"}]
    assert "a-token" not in repr(sender)


@pytest.fixture
def subscribed(workspace: Workspace) -> Iterator[tuple[TestClient, Door]]:
    door = Door("links", "a secret of this test", {})
    with TestClient(site_app(Site(workspace.folder, door, lambda: NOW))) as client:
        yield client, door


def roster(workspace: Workspace) -> None:
    """A desk's shifts as the staffing plan has them (breaks at two times), and one seat of the war room."""
    shift = {"shift": "early", "day": "2026-11-10", "starts_at_utc": "2026-11-10T00:00Z",
             "ends_at_utc": "2026-11-10T08:00Z", "break_starts_at_utc": None, "break_minutes": 60}  # fmt: skip
    desk = {
        "desk": "chat", "channel": "chat", "shrinkage_ratio": 0.2, "required_hours": 1, "paid_hours": 1,
        "paid_to_required_ratio": 1, "solver_gap_ratio": 0, "worst_service_level_ratio": None,
        "worst_service_level_at_utc": None, "contacts_while_closed_p50": 0,
        "target": {"definition": "served_within", "ratio": 0.8, "seconds": 60, "occupancy_max_ratio": 0.85},
        "peak": {"starts_at_utc": "2026-11-10T12:00Z", "contacts_p50": 1, "contacts_p90": 1, "human_contacts_p50": 1,
                 "human_contacts_p90": 1, "seats_p90": 1, "agents_required": 1, "agents_rostered": 1, "binding": "wait",
                 "service_level_ratio": 0.9},
        "shortage": {"intervals": 0, "agent_hours": 0},
        "shifts": [shift | {"agents": 3}, shift | {"agents": 4}],
    }  # fmt: skip
    folder = workspace.folder
    known = json.loads(json.dumps({"desks": [desk]}))
    write_json(folder / "out" / CAMPAIGN / "playbook" / "staffing.json", staffing_of(workspace) | known)
    seats = folder / "evidence" / CAMPAIGN / "war_room_roster.csv"
    seats.parent.mkdir(parents=True)
    seats.write_text(
        "starts_at,ends_at,seat,name,acknowledged\n2026-11-10T18:00+08:00,2026-11-11T02:00+08:00,commander,王,yes\n"
    )


def staffing_of(workspace: Workspace) -> dict[str, Any]:
    """The staffing record of a workspace without desks."""
    from playbooks.staffing.publish import publish_staffing

    publish_staffing(workspace, CAMPAIGN, NOW, lambda *_: None)
    made: dict[str, Any] = json.loads((workspace.out(CAMPAIGN) / "playbook" / "staffing.json").read_text())
    return made


def test_a_calendar_subscribes_with_its_link_alone(workspace: Workspace, subscribed: tuple[TestClient, Door]) -> None:
    roster(workspace)
    client, door = subscribed
    answer = client.get(f"/calendar/{door.feed(CAMPAIGN)}.ics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    calendar = Calendar.from_ical(answer.content)
    events = {str(event["uid"]).partition("@")[0]: event for event in calendar.walk("VEVENT")}
    assert len(events) == len(calendar.walk("VEVENT"))
    assert {f"gate-{CAMPAIGN}-G4", f"freeze-{CAMPAIGN}", f"sync-{CAMPAIGN}"} <= set(events)
    assert any(name.startswith(f"moment-{CAMPAIGN}-opening") for name in events)
    assert any(name.startswith(f"send-{CAMPAIGN}-app-push") for name in events)
    (shift,) = [event for name, event in events.items() if name.startswith(f"shift-{CAMPAIGN}")]
    assert str(shift["summary"]).endswith("7 people")
    assert f"{shift.DTSTART:%Y-%m-%d %H:%M %z}" == "2026-11-10 08:00 +0800"
    (seat,) = [event for name, event in events.items() if name.startswith(f"seat-{CAMPAIGN}")]
    assert "王" in seat["summary"]
    meeting = events["meeting-growth"]
    assert meeting["rrule"].to_ical() == b"FREQ=WEEKLY;BYDAY=WE"
    assert meeting.DTSTART.strftime("%a %H:%M") == "Wed 15:00"
    assert meeting.DTSTART > NOW
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["tzid"] == "Asia/Shanghai"
    assert str(calendar["x-published-ttl"]) == "PT60M"


@pytest.mark.parametrize("token", ["nonsense", "session", "link"])
def test_no_other_token_opens_a_calendar_and_a_calendars_opens_nothing_else(
    subscribed: tuple[TestClient, Door], token: str
) -> None:
    client, door = subscribed
    other = {"session": door.feed("d12"), "link": door.link("lin", "marketing", 1.0)}.get(token, token)
    assert client.get(f"/calendar/{other}.ics").status_code == 404
    assert client.get("/enter", params={"token": door.feed(CAMPAIGN)}).status_code == 401
