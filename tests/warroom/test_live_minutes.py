"""The minute clock on a real Prometheus, and an event of two days replayed with chats that enforce their limits."""

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
from tests.warroom.test_chat import Chat, listening
from warroom.chat.sending import Sender
from warroom.chat.targets import Target
from warroom.live.due import HOUR, hours_of
from warroom.live.minutes import look
from warroom.live.outbox import drain
from warroom.live.posting import hours_posted
from warroom.live.records import LiveState
from warroom.live.state import live_state, live_store
from warroom.live.sync import synced_hours
from warroom.live.worker import Live
from warroom.service.access import Door
from warroom.service.site import Site

MINUTE = timedelta(minutes=1)
DAYS = timedelta(hours=48)
JUMP = START + timedelta(minutes=90)
BACK = JUMP + timedelta(minutes=40)
RISE, FALL = START + 30 * HOUR, START + 34 * HOUR
DEAD = "http://127.0.0.1:9"
PLAN = """\
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T20:00+08:00
channels:
  - {name: app-push, sends: [{at: 2026-11-11T20:00+08:00, reach: 900000, open_ratio: 0.04}]}
moments:
  - {at: 2026-11-10T20:00:00+08:00, kind: opening}
"""
SYSTEM = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 40, min: 2, max: 40}
    slo: {p99_ms: 300, error_ratio: 0.001}
roles: {lin: marketing, wang: "sre, ops"}
sources:
  - name: prom
    kind: prometheus
    url: "%(url)s"
    since: 2026-11-10T06:00Z
    query: "sum by (service) (increase(requests_total[2m])) / 2"
  - {name: errors, kind: prometheus-reading, reading: error_ratio, url: "%(url)s", query: errors}
  - {name: p99, kind: prometheus-reading, reading: p99_ms, url: "%(url)s", query: p99}
  - {name: ready, kind: prometheus-reading, reading: ready_replicas, url: "%(url)s", query: ready}
"""

pytestmark = needs_prometheus


def rate_at(at: datetime) -> float:
    """What comes: as forecast, but for forty minutes of half as much again, and four hours of 45 % more a day later."""
    return LEVEL * (1.5 if JUMP <= at < BACK else 1.45 if RISE <= at < FALL else 1.0)


def exposition() -> str:
    moments = [START - timedelta(hours=7) + n * MINUTE for n in range(int((DAYS + timedelta(hours=10)) / MINUTE))]
    total, counts = 0.0, ["# TYPE requests counter"]
    for at in moments:
        counts.append(f'requests_total{{service="storefront"}} {total:.0f} {at.timestamp():.0f}')
        total += 60 * rate_at(at)
    gauges = {"errors": 0.0004, "p99": 180.0, "ready": 38.0}
    for name, value in gauges.items():
        counts.append(f"# TYPE {name} gauge")
        counts += [f'{name}{{service="storefront"}} {value} {at.timestamp():.0f}' for at in moments]
    return "\n".join(counts) + "\n# EOF\n"


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


def reads_from(folder: Path, url: str) -> None:
    (folder / "surgeplan.yaml").write_text(SYSTEM % {"url": url}, "utf-8")


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
    assert any("prom: does not answer" in str(stale.what) for stale in away.stale)
    assert away.minutes_at is not None
    reads_from(folder, prometheus)
    back = looked(folder, START + 10 * MINUTE)
    assert not back.stale
    series = back.minutes["storefront"]
    near = [a for at, a in zip(series.starts_at, series.actual, strict=True) if 0 <= at - START.timestamp() < 480]
    assert None not in near


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


@pytest.mark.slow
def test_a_replayed_event_syncs_every_hour_once_and_posts_each_message_once(folder: Path, prometheus: str) -> None:
    """Two days in ten-minute steps: Prometheus away for two hours, the service started anew every six."""
    clock = [START - HOUR]
    chats = {"feishu": Chat("s3cret", 5, clock), "wecom": Chat("", 5, clock)}

    def wait(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    door = Door("local", "a secret of this test", {})
    with listening(chats["feishu"]) as feishu, listening(chats["wecom"]) as wecom:
        targets = Target("feishu", f"{feishu}/feishu", "s3cret", "zh"), Target("wecom", f"{wecom}/wecom", "", "en")
        live, sender = Live(Site(folder, door, lambda: clock[0]), targets, lambda _: None), Sender(targets)
        step, end = 0, START + DAYS + 2 * HOUR
        while clock[0] < end:
            if step % 36 == 0:  # a restart: nothing of the old service is left
                live = Live(Site(folder, door, lambda: clock[0]), targets, lambda _: None)
                sender = Sender(targets, lambda: clock[0], wait)
            reads_from(folder, DEAD if START + 10 * HOUR <= clock[0] < START + 12 * HOUR else prometheus)
            live.look()
            drain(live_store(open_workspace(folder)), sender, lambda: clock[0])
            step += 1
            clock[0] = START - HOUR + step * 10 * MINUTE
    workspace = open_workspace(folder)
    plan, store = workspace.plan(CAMPAIGN), live_store(workspace)
    assert synced_hours(store, plan) >= set(hours_of(plan))
    letters = store.letters(CAMPAIGN)
    assert {letter.state for letter in letters} == {"sent"}
    hours = hours_posted(letters)
    assert list(hours) == list(hours_of(plan))
    assert {len(own) for own in hours.values()} == {2}
    assert all((own[0].changed_at or end) - hour <= timedelta(minutes=80) for hour, own in hours.items())
    alerts = [letter for letter in letters if "/alert/" in letter.key]
    for chat in chats.values():
        assert chat.refused == 0
        assert len(chat.taken) == (len(hours) * 2 + len(alerts)) / 2
    state = live_state(workspace, CAMPAIGN, end)
    requests = next(metric for metric in state.metrics if metric.name == "requests")
    assert not [hour.starts_at for hour in requests.hours if hour.missing or hour.preliminary]
    about = {letter.key.rpartition("/")[0] for letter in alerts}
    assert sum("hourly/requests/up" in key and "/fired/" in key for key in about) == 1
    assert sum("hourly/requests/up" in key and "/cleared/" in key for key in about) == 1
