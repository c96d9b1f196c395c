"""Hourly syncs: what is kept, told and told again; restarts, two at once, a locked database, a clock that jumps."""

from __future__ import annotations

import csv
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.store.events import Act
from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from surgeplan.cli import main
from tests.warroom.conftest import SETTINGS
from tests.warroom.live_event import CAMPAIGN, END, START, came, model_files, paths_of
from warroom.chat.targets import Target
from warroom.live.answers.state import state_answer
from warroom.live.clocks import sync as sync_module
from warroom.live.clocks.sync import Synced, sync, synced_hours
from warroom.live.clocks.worker import Live
from warroom.live.due import HOUR, due_hour, hours_of, jitter, minute_watch, watched_from
from warroom.live.messages.posting import hours_posted
from warroom.live.records import LiveState
from warroom.live.state import live_state, live_store
from warroom.retrospective.gather import alert_score
from warroom.service.site import Site

TARGETS = (Target("wecom", "http://127.0.0.1:9/wecom", language="en"), Target("feishu", "http://127.0.0.1:9/feishu"))
LATE = timedelta(minutes=9)


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    model_files(folder)
    return folder


def at_hour(folder: Path, hours: int, factor: float = 1.0, since: datetime | None = None) -> Synced:
    """The sync of the event's n-th hour, nine minutes after it closed."""
    now = START + hours * HOUR + LATE
    came(folder, now - timedelta(minutes=3), factor, since)
    return sync(open_workspace(folder), CAMPAIGN, now, TARGETS, lambda _: None)


def kinds(folder: Path) -> list[tuple[str, str]]:
    events = workspace_log(open_workspace(folder)).events()
    return [(str(e.body["change"]), e.subject.rpartition("/")[0]) for e in events if e.kind == "alert"]


def message(done: Synced) -> str:
    assert done.words is not None
    title, lines = done.words
    return "\n".join([title.speak("en"), *(line.speak("en") for line in lines)])


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-30, None), (65, None), (69, 0), (125, 0), (129, 1), (28 * 60 + 9, 27), (28 * 60 + 24 * 60 + 70, None)],
)
def test_an_hour_is_due_a_few_minutes_after_it_closed_until_the_figures_have_settled(
    folder: Path, minutes: int, expected: int | None
) -> None:
    plan = open_workspace(folder).plan(CAMPAIGN)
    found = due_hour(plan, (), START + timedelta(minutes=minutes), LATE)
    assert found == (None if expected is None else START + expected * HOUR)
    if found is not None:
        assert due_hour(plan, {found}, START + timedelta(minutes=minutes), LATE) is None


def test_hours_cover_the_campaign_and_jitter_stays_between_six_and_twelve_past(folder: Path) -> None:
    plan = open_workspace(folder).plan(CAMPAIGN)
    assert hours_of(plan) == tuple(START + n * HOUR for n in range(28))
    half = plan.model_copy(update={"starts_at": START + HOUR / 2, "ends_at": START + 2 * HOUR + HOUR / 2})
    assert hours_of(half) == (START, START + HOUR, START + 2 * HOUR)
    found = {jitter(folder, f"campaign-{n}") for n in range(200)}
    assert min(found) >= timedelta(minutes=6)
    assert max(found) < timedelta(minutes=12)
    assert len(found) > 100
    assert jitter(folder, CAMPAIGN) == jitter(folder, CAMPAIGN)


def test_minutes_are_watched_around_moments_and_sends(folder: Path) -> None:
    plan = open_workspace(folder).plan(CAMPAIGN)
    first = START - timedelta(minutes=65)  # the send is five minutes before the opening
    assert [minute_watch(plan, first - timedelta(seconds=1)), minute_watch(plan, first)] == [False, True]
    assert minute_watch(plan, START + timedelta(minutes=179))
    assert not minute_watch(plan, START + timedelta(minutes=180))
    assert watched_from(plan, START + timedelta(minutes=100)) == first


def test_a_sync_keeps_what_came_and_says_it_with_its_band(folder: Path) -> None:
    done = at_hour(folder, 1)
    state = live_state(open_workspace(folder), CAMPAIGN, START + HOUR + LATE)
    hours = {metric.name: metric.hours for metric in state.metrics}
    assert hours["requests"][0].actual == pytest.approx(1000)
    assert hours["peak"][0].actual == pytest.approx(1000)
    assert hours["orders"][0].actual == pytest.approx(36_000)
    assert hours["contacts"][0].missing
    assert not hours["requests"][0].preliminary
    assert state.synced_hour == START
    text = message(done)
    assert "T+01:00: 11-10 20:00–21:00 · GO" in text
    assert "Requests, mean of the hour: 1,000 requests/s; forecast" in text
    assert "Support contacts in the hour: not told yet" in text
    assert "No alert stands" in text
    rows = list(csv.DictReader((folder / "out" / CAMPAIGN / "actuals.csv").read_text().splitlines()))
    assert {row["measure"] for row in rows} == {"requests", "peak", "orders", "contacts"}
    assert next(row["actual"] for row in rows if row["measure"] == "orders") == "36000"


def test_a_message_without_a_figure_is_no_go_and_asks_for_figures(folder: Path) -> None:
    said = message(sync(open_workspace(folder), CAMPAIGN, START + HOUR + LATE, TARGETS, lambda _: None))
    assert "NO FIGURES YET" in said.splitlines()[0]
    assert "None stands, and none can fire without figures." in said
    assert "Asked: @data bring in the figures: a source, or files in history/" in said
    late = sync(open_workspace(folder), CAMPAIGN, START + 3 * HOUR + LATE, TARGETS, lambda _: None)
    assert "BLIND" in message(late).splitlines()[0]
    assert state_answer(late.state).sight == "blind"


def test_two_sources_that_differ_are_told_once_in_the_message_and_never_added_up(folder: Path) -> None:
    for name, count in (("ops", 30_000), ("marketing", 44_000)):
        (folder / name).mkdir()
        rows = f"starts_at,orders\n2026-11-10T20:00+08:00,{count}\n2026-11-10T21:00+08:00,{count + 1}\n"
        (folder / name / "orders.csv").write_text(rows)
    sources = "".join(
        f"  - {{name: {name}, kind: drop, measure: orders, folder: {name}}}\n" for name in ("ops", "marketing")
    )
    (folder / "surgeplan.yaml").write_text(SETTINGS + "sources:\n" + sources)
    done = sync(open_workspace(folder), CAMPAIGN, START + 2 * HOUR + LATE, TARGETS, lambda _: None)
    [orders] = [metric for metric in done.state.metrics if metric.name == "orders"]
    assert [hour.actual for hour in orders.hours][:2] == [30_000, 30_001]
    assert message(done).count("marketing and ops differ in 2 figures; ops, named first, counts: 11-10 21:00") == 1
    assert len(done.state.stale) == 1


def test_hours_before_the_campaign_are_nothing_to_compare(folder: Path) -> None:
    came(folder, START)
    done = sync(open_workspace(folder), CAMPAIGN, START, TARGETS, lambda _: None)
    assert (done.hour, done.words, done.posted) == (None, None, False)
    assert live_store(open_workspace(folder)).letters(CAMPAIGN) == []


def test_the_frozen_forecast_stays_the_yardstick_when_a_newer_one_replaces_the_file(folder: Path) -> None:
    now = START - timedelta(days=3)
    assert main(["freeze", CAMPAIGN, "--workspace", str(folder), "--as", "lin", "--now", now.isoformat()]) == 0
    before = at_hour(folder, 1).state
    assert before.yardstick.frozen
    assert before.yardstick.paths
    newer = paths_of(spread=0.5)
    model_files(folder, newer)
    after = at_hour(folder, 2).state
    assert after.yardstick.replaced
    assert after.yardstick.paths
    assert after.yardstick.model_hash == before.yardstick.model_hash
    assert after.minutes["storefront"].frozen == before.minutes["storefront"].frozen
    assert after.minutes["storefront"].reforecast is not None


def test_a_lasting_rise_is_told_once_and_cleared_once(folder: Path) -> None:
    since = START + 3 * HOUR
    told = [at_hour(folder, n, 1.45, since).state.call for n in range(1, 7)]
    assert told[:3] == ["go"] * 3
    assert told[3] == "act"
    fired = kinds(folder)
    assert ("fired", "hourly/requests/up") in fired
    assert len(fired) == len(set(fired))
    for n in range(7, 11):
        came(folder, START + n * HOUR + LATE, 1.0)
        sync(open_workspace(folder), CAMPAIGN, START + n * HOUR + LATE, TARGETS, lambda _: None)
    state = live_state(open_workspace(folder), CAMPAIGN, START + 10 * HOUR + LATE)
    assert not [alert for alert in state.alerts if alert.open]
    assert ("cleared", "hourly/requests/up") in kinds(folder)
    assert kinds(folder).count(("fired", "hourly/requests/up")) == 1


def test_upward_is_for_sre_and_downward_for_marketing_or_data(folder: Path) -> None:
    for factor, owners in ((1.45, {"sre"}), (0.6, {"marketing", "data"})):
        state = [at_hour(folder, n, factor, START + 2 * HOUR).state for n in range(1, 5)][-1]
        assert {alert.owner for alert in state.alerts if alert.open} & owners
        assert all(alert.direction == ("up" if factor > 1 else "down") for alert in state.alerts if alert.open)
        (folder / "state" / "surgeplan.db").unlink()


def test_alerts_are_written_for_the_retrospective_and_marks_of_people_stay(folder: Path) -> None:
    for n in range(1, 5):
        at_hour(folder, n, 1.45, START + 2 * HOUR)
    file = folder / "out" / CAMPAIGN / "alerts.csv"
    lines = file.read_text().splitlines()
    assert lines[0] == "fired_at_utc,rule,level,cleared_at_utc,useful"
    file.write_text("\n".join([lines[0], *(line + "yes" for line in lines[1:])]) + "\n")
    at_hour(folder, 5, 1.45, START + 2 * HOUR)
    score = alert_score(open_workspace(folder), CAMPAIGN)
    assert score is not None
    assert (score.fired, score.useful) == (len(lines) - 1, len(lines) - 1)


def test_a_figure_that_changed_is_corrected_in_the_next_message(folder: Path) -> None:
    at_hour(folder, 1)
    assert "final 900 requests/s" not in message(at_hour(folder, 2))
    now = START + 3 * HOUR + LATE
    came(folder, now, 0.97, START + HOUR)
    text = message(sync(open_workspace(folder), CAMPAIGN, now, TARGETS, lambda _: None))
    assert "11-10 21:00 Orders in the hour: final 34,900 (was 36,000)" in text


def test_the_same_sync_again_posts_nothing_again(folder: Path) -> None:
    first, again = (at_hour(folder, 1) for _ in range(2))
    assert (first.posted, again.posted) == (True, False)
    letters = live_store(open_workspace(folder)).letters(CAMPAIGN)
    assert len(letters) == len(TARGETS)
    assert {letter.state for letter in letters} == {"waiting"}
    assert {letter.body["title"] for letter in letters if "GO" in letter.body["title"]} != set()


def test_two_syncs_at_once_write_one_message(folder: Path) -> None:
    now = START + HOUR + LATE
    came(folder, now)
    done: list[Synced] = []
    threads = [
        threading.Thread(
            target=lambda: done.append(sync(open_workspace(folder), CAMPAIGN, now, TARGETS, lambda _: None))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.posted for each in done) == [False, False, True]
    assert len(live_store(open_workspace(folder)).letters(CAMPAIGN)) == len(TARGETS)


@pytest.mark.parametrize("broken", ["judge", "_message", "write_files"])
def test_a_sync_that_was_cut_short_is_made_up_for(folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sync_module, broken, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            at_hour(folder, 1)
    workspace = open_workspace(folder)
    assert synced_hours(live_store(workspace), workspace.plan(CAMPAIGN)) == frozenset()
    at_hour(folder, 1)
    assert synced_hours(live_store(workspace), workspace.plan(CAMPAIGN)) == {START}
    assert len(live_store(workspace).letters(CAMPAIGN)) == len(TARGETS)


def test_hours_missed_by_a_restart_are_taken_along_and_named(folder: Path) -> None:
    at_hour(folder, 1)
    text = message(at_hour(folder, 4))
    assert "synced late, without a message of their own: 11-10 21:00, 11-10 22:00" in text
    state = live_state(open_workspace(folder), CAMPAIGN, START + 4 * HOUR + LATE)
    requests = next(metric for metric in state.metrics if metric.name == "requests")
    assert [hour.missing for hour in requests.hours] == [False] * 4
    assert list(hours_posted(live_store(open_workspace(folder)).letters(CAMPAIGN))) == [START, START + 3 * HOUR]


def test_late_figures_are_named_and_filled_in_later(folder: Path) -> None:
    now = START + 2 * HOUR + LATE
    came(folder, START + timedelta(minutes=50))
    state, text = (lambda done: (done.state, message(done)))(
        sync(open_workspace(folder), CAMPAIGN, now, TARGETS, lambda _: None)
    )
    assert "Requests, mean of the hour: not told yet" in text
    assert state.oldest_watermark is not None
    done = at_hour(folder, 3)
    assert all(not hour.missing for hour in done.state.metrics[0].hours)


def worker(folder: Path, site: Site, now: datetime) -> Live:
    return Live(Site(folder, site.door, lambda: now), TARGETS, lambda _: None)


def test_the_service_syncs_each_hour_once_however_often_it_looks(folder: Path, site: Site) -> None:
    workspace = open_workspace(folder)
    for minute in range(0, 130, 10):
        now = START + HOUR + timedelta(minutes=minute)
        came(folder, now)
        worker(folder, site, now).look()
    hours = hours_posted(live_store(workspace).letters(CAMPAIGN))
    assert list(hours) == [START, START + HOUR]
    assert all(len(letters) == len(TARGETS) for letters in hours.values())


def test_a_locked_database_makes_the_service_wait_and_loses_nothing(
    folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_hour(folder, 1)
    now = START + 2 * HOUR + timedelta(minutes=13)
    came(folder, now)
    monkeypatch.setattr("warroom.live.state.BUSY_MS", 50)
    locker = sqlite3.connect(folder / "state" / "surgeplan.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    worker(folder, site, now).look()
    assert live_state(open_workspace(folder), CAMPAIGN, now).synced_hour == START
    locker.execute("ROLLBACK")
    locker.close()
    worker(folder, site, now).look()
    assert live_state(open_workspace(folder), CAMPAIGN, now).synced_hour == START + HOUR


def test_a_clock_that_jumped_ahead_and_back_posts_no_hour_twice(folder: Path, site: Site) -> None:
    came(folder, START + HOUR + LATE)
    for hours in (1, 7, 1, 2, 3):
        now = START + hours * HOUR + timedelta(minutes=13)
        came(folder, START + min(hours, 3) * HOUR + timedelta(minutes=12))
        worker(folder, site, now).look()
    hours = hours_posted(live_store(open_workspace(folder)).letters(CAMPAIGN))
    assert all(len(letters) == len(TARGETS) for letters in hours.values())
    state = live_state(open_workspace(folder), CAMPAIGN, START + 3 * HOUR + timedelta(minutes=13))
    assert [hour.missing for hour in state.metrics[0].hours] == [False] * 3


def test_an_act_that_the_log_refuses_is_said_and_people_hear_of_it_all_the_same(folder: Path) -> None:
    future = START + timedelta(days=30)
    workspace_log(open_workspace(folder)).record(
        Act(kind="sign", campaign=CAMPAIGN, subject="smoke-journey", actor="lin", role="sre", at_utc=future)
    )
    states: Sequence[LiveState] = [at_hour(folder, n, 1.6, START + 2 * HOUR).state for n in range(1, 6)]
    assert kinds(folder) == []
    assert any("the log: this act is dated" in str(stale.what) for stale in states[-1].stale)
    alerts = [letter for letter in live_store(open_workspace(folder)).letters(CAMPAIGN) if "/alert/" in letter.key]
    assert len(alerts) == len({letter.key for letter in alerts}) > 0


def test_a_broken_rules_file_is_one_report(folder: Path) -> None:
    (folder / "rules.yaml").write_text("live: {hourly: {clear_readings: 0}}\n")
    with pytest.raises(UserError, match=r"rules.yaml:1 live.hourly.clear_readings: 0 must be ≥ 1"):
        at_hour(folder, 1)


def test_the_command_says_the_hour_and_writes_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = START + HOUR + LATE
    came(folder, now)
    arguments = ["sync", CAMPAIGN, "--workspace", str(folder), "--lang", "zh", "--now", now.isoformat()]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "请求量（小时均值）：1,000 次/秒；预测" in out
    assert main([*arguments, "--json"]) == 0
    assert '"posted": false' in capsys.readouterr().out
    assert START.replace(tzinfo=UTC) < END
