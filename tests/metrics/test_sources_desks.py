"""How desks served, from every kind of source: one file of history, desk by desk."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from remotes import Remote

from campaign.errors import UserError
from campaign.language import use_language
from campaign.settings import Settings
from campaign.workspace import open_workspace
from forecast.history.reading import check_history, read_desks
from metrics.intake.contacts import SERVED
from metrics.intake.folder import read_folder
from metrics.intake.records import Answers
from metrics.sources.pull import pull
from metrics.sources.records import sources_of
from surgeplan.intake.history import desk_rows
from surgeplan.intake.make import desks_of
from surgeplan.intake.sources import drop_sources

NOW = datetime(2026, 11, 10, 14, 0, tzinfo=UTC)
FIRST = NOW - timedelta(hours=1)
SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
services: [{name: storefront}]
desks:
  - {name: phone, channel: phone, handle_seconds: 300, service_level: {ratio: 0.8, seconds: 20}}
  - {name: chat, channel: chat, handle_seconds: 300, service_level: {ratio: 0.8, seconds: 60}}
sources:
"""
PROMETHEUS = """\
  - name: desk-state
    kind: prometheus
    measure: desks
    url: "%s"
    since: 2026-11-10T13:00Z
    step_seconds: 300
    service_label: desk
    queries:
      contacts_offered: sum by (desk) (increase(offered_total[5m]))
      contacts_in_time: sum by (desk) (rate(in_time_total[5m]))
      agents_logged_in: max by (desk) (signed_in)
"""
EXPORT = """\
时间,技能组,人工进线量,20秒接通量,放弃量,排队人数,签入坐席数
2026-11-10 21:00,热线,120,90,6,4,18
2026-11-10 21:30,热线,150,75,30,11,18
2026-11-10 21:00,在线会话,300,280,2,0,25
2026-11-10 21:30,在线会话,320,300,3,1,25
"""


class DeskPrometheus(Remote):
    """50 offered and 0.1/s in time in each five minutes, eighteen people; of the phone and of a desk not ours."""

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        value = {"sum by (desk) (increase": 50.0, "sum by (desk) (rate": 0.1, "max by (desk) (signed_in": 18.0}
        figure = next(v for query, v in value.items() if given["query"].startswith(query))
        times = range(int(given["start"]), int(given["end"]) + 1, int(given["step"]))
        series = [
            {"metric": {"desk": desk}, "values": [[t, str(figure)] for t in times]} for desk in ("phone", "fraud")
        ]
        return {"status": "success", "data": {"resultType": "matrix", "result": series}}


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


@pytest.fixture
def prometheus() -> Iterator[str]:
    remote = DeskPrometheus()
    thread = threading.Thread(target=remote.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield remote.url
    remote.server.shutdown()
    remote.server.server_close()
    thread.join()


def pulled(folder: Path, source: str) -> pd.DataFrame:
    """Everything that history then says of desks, twice pulled."""
    (folder / "surgeplan.yaml").write_text(SETTINGS + source, "utf-8")
    for _ in range(2):
        (found,) = pull(open_workspace(folder), NOW, lambda _: None)
        assert found.problems == ()
    check_history(open_workspace(folder))
    frame = read_desks(open_workspace(folder))
    assert frame is not None
    return frame


def test_prometheus_tells_counts_of_each_bucket_and_who_was_there_at_its_end(tmp_path: Path, prometheus: str) -> None:
    frame = pulled(tmp_path, PROMETHEUS % prometheus)
    assert set(frame["desk"]) == {"phone"}
    assert len(frame) == 12
    first = frame.iloc[0]
    assert first["starts_at_utc"] == pd.Timestamp("2026-11-10T13:00")
    assert (first["contacts_offered"], first["contacts_in_time"], first["agents_logged_in"]) == (50, 30, 18)
    assert math.isnan(first["contacts_waiting"])


def test_a_report_of_the_support_system_is_read_as_it_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "report.csv").write_text(EXPORT, "utf-8")
    frame = pulled(
        tmp_path, "  - {name: report, kind: drop, measure: desks, folder: drops, since: 2026-11-10T00:00Z}\n"
    )
    phone = frame[frame["desk"] == "phone"].iloc[1]
    assert phone["starts_at_utc"] == pd.Timestamp("2026-11-10T13:30")
    assert phone[["contacts_offered", "contacts_in_time", "contacts_abandoned"]].tolist() == [150, 75, 30]
    assert phone[["contacts_waiting", "agents_logged_in"]].tolist() == [11, 18]
    assert frame[frame["desk"] == "chat"]["contacts_offered"].tolist() == [300, 320]


def test_a_company_that_begins_with_its_exports_has_it_in_its_first_history(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(EXPORT, "utf-8")
    intake = read_folder(tmp_path, Answers(time_zone=ZoneInfo("Asia/Shanghai")))
    head, *rows = desk_rows(intake.recognised)
    assert head == ["starts_at", "desk", *SERVED]
    assert rows[1] == ["2026-11-10T13:00Z", "phone", "120", "90", "6", "4", "18"]
    assert len(rows) == 4
    assert desks_of(intake.recognised) == ["chat", "phone"]
    assert [source["measure"] for source in drop_sources(intake.recognised, Answers())] == ["desks"]


def test_sql_names_its_columns_as_history_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as database:
        database.execute("CREATE TABLE served (at TEXT, queue TEXT, offered REAL, quick REAL)")
        rows = [((FIRST + timedelta(minutes=30 * n)).isoformat(), "phone", 100 + n, 80.0) for n in range(2)]
        database.executemany("INSERT INTO served VALUES (?, ?, ?, ?)", rows)
    monkeypatch.setenv("DESK_URL", f"sqlite:///{tmp_path}/desk.db")
    query = "SELECT at AS starts_at, queue AS desk, offered AS contacts_offered, quick AS contacts_in_time FROM served"
    where = "WHERE datetime(at) >= datetime(:since) AND datetime(at) < datetime(:until)"
    source = f"  - {{name: warehouse, kind: sql, measure: desks, url_env: DESK_URL, query: '{query} {where}'}}\n"
    frame = pulled(tmp_path, source)
    assert frame["contacts_offered"].tolist() == [100, 101]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"measure": "desks", "query": "x"}, "desks need queries: with contacts_offered at least"),
        (
            {"measure": "desks", "queries": {"contacts_offered": "offered_total"}},
            "does not say whether it gives counts",
        ),
        ({"measure": "desks", "queries": {"offered": "increase(x[1m])"}}, "contacts_offered"),
        ({"measure": "contacts", "query": "increase(x[1m])"}, "Prometheus tells traffic and how desks serve, not"),
    ],
)
def test_a_source_of_desks_that_is_written_wrongly_is_refused(entry: dict[str, Any], words: str) -> None:
    given = {"name": "prom", "kind": "prometheus", "url": "http://prometheus:9090"} | entry
    settings = Settings.model_validate({"time_zone": "UTC", "services": [{"name": "a"}], "sources": [given]})
    with pytest.raises(UserError, match=words):
        sources_of(settings)


def test_a_desk_that_the_settings_do_not_have_is_a_problem_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "surgeplan.yaml").write_text(SETTINGS.removesuffix("sources:\n"), "utf-8")
    (tmp_path / "history").mkdir()
    rows = "starts_at,desk,contacts_offered\n2026-11-10T21:00+08:00,phon,10\n"
    (tmp_path / "history" / "desks.csv").write_text(rows, "utf-8")
    with pytest.raises(UserError, match="there is no desk phon"):
        check_history(open_workspace(tmp_path))
