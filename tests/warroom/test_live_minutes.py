"""The minute clock on a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from campaign.workspace import open_workspace
from metrics.sources.prometheus import fetch_readings
from metrics.sources.records import reading_sources_of
from playbooks.readiness.live_evidence import live_evidence
from tests.prometheus_server import needs_prometheus, prometheus_with
from tests.warroom.live_event import CAMPAIGN, LEVEL, START, model_files, paths_of
from tests.warroom.live_system import BACK, DAYS, DEAD, JUMP, MINUTE, PLAN, exposition, reads_from
from warroom.live.clocks.minutes import look
from warroom.live.clocks.worker import Live
from warroom.live.due import HOUR
from warroom.live.records import LiveState
from warroom.service.access import Door
from warroom.service.site import Site

pytestmark = needs_prometheus


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_with(tmp_path_factory.mktemp("prometheus"), exposition()) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, prometheus: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    reads_from(tmp_path, prometheus)
    model_files(tmp_path, paths_of(ends=START + DAYS))
    return tmp_path


def looked(folder: Path, *at: datetime) -> LiveState:
    workspace = open_workspace(folder)
    return [look(workspace, CAMPAIGN, now, ()) for now in at][-1]


def test_a_look_reads_requests_and_how_the_services_do(folder: Path) -> None:
    now = START + timedelta(minutes=20)
    state = looked(folder, now)
    assert state.minutes_at is not None
    assert now - state.minutes_at <= 2 * MINUTE
    minutes = state.minutes["storefront"]
    known = [value for value in minutes.actual if value is not None]
    assert known == pytest.approx([LEVEL] * len(known), rel=0.01)
    assert len(known) >= 78  # from an hour before the opening
    assert {r.name: (r.value, r.fine) for r in state.readings} == {
        "ready_replicas": (38.0, None), "error_ratio": (0.0004, True), "p99_ms": (180.0, True),
    }  # fmt: skip
    assert state.capacities["storefront"].ready_requests_per_second == 3800
    assert state.capacities["storefront"].headroom_ratio == pytest.approx(0.75, abs=0.01)
    assert minutes.reforecast is not None
    assert not state.stale
    assert {source.state for source in state.sources} == {"fresh"}


def test_half_as_much_again_is_told_within_minutes_and_cleared_when_it_ends(folder: Path) -> None:
    for n in range(-5, 5):
        state = looked(folder, JUMP + n * MINUTE)
        if state.alerts:
            break
    (alert,) = state.alerts
    assert (alert.rule, alert.subject, alert.direction, alert.owner) == ("minute", "storefront", "up", "sre")
    assert state.now - JUMP <= 4 * MINUTE  # the query's own two minutes included
    assert state.call == "act"
    ended = looked(folder, BACK - MINUTE, *(BACK + n * MINUTE for n in range(12)))
    assert [a.open for a in ended.alerts] == [False]


def test_a_prometheus_that_is_away_is_said_and_asked_later_for_all_it_has_not_told(
    folder: Path, prometheus: str
) -> None:
    looked(folder, START)
    reads_from(folder, DEAD)
    away = looked(folder, START + 3 * MINUTE, START + 9 * MINUTE)
    assert {source.state for source in away.sources} == {"late"}
    (told,) = away.stale
    assert str(told.what).startswith("prom, errors, p99, ready: does not answer: ")
    assert told.since == min(source.watermark for source in away.sources if source.watermark)
    assert away.minutes_at is not None
    reads_from(folder, prometheus)
    back = looked(folder, START + 10 * MINUTE)
    assert not back.stale
    series = back.minutes["storefront"]
    near = [a for at, a in zip(series.starts_at, series.actual, strict=True) if 0 <= at - START.timestamp() < 480]
    assert None not in near


def test_a_source_that_both_clocks_miss_is_told_once_and_wholly_in_the_readers_language(folder: Path) -> None:
    reads_from(folder, DEAD)
    with_sync(folder, START + HOUR + 13 * MINUTE)
    told = [stale.what.speak("zh") for stale in looked(folder, START + HOUR + 14 * MINUTE).stale]
    (prometheus,) = [words for words in told if DEAD in words]
    assert prometheus == f"prom、errors、p99、ready：没有响应：{DEAD}/api/v1/query_range：连接被拒绝"


def test_headroom_before_a_push_is_kept_for_the_gate(folder: Path) -> None:
    push = START + 24 * HOUR
    looked(folder, push - 2 * MINUTE)
    with_sync(folder, push + 9 * MINUTE)
    kept = live_evidence(folder, open_workspace(folder).plan(CAMPAIGN))
    assert kept.headroom == {push: pytest.approx(0.71, abs=0.03)}
    assert list(kept.synced) == [push - HOUR]


def with_sync(folder: Path, now: datetime) -> None:
    Live(Site(folder, Door("local", "a secret of this test", {}), lambda: now), (), lambda _: None).look()


def test_a_reading_source_names_its_service(folder: Path) -> None:
    (errors, *_) = reading_sources_of(open_workspace(folder).settings)
    found = fetch_readings(errors, frozenset({"storefront"}), START, START + 5 * MINUTE, 60)
    assert len(found) == 6
    assert fetch_readings(errors, frozenset({"checkout"}), START, START + 5 * MINUTE, 60) == {}
