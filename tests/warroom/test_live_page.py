"""The war room's page: what it says in every situation, to every desk, and how it is asked for again."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from campaign.files import write_text
from campaign.language import say
from campaign.store.events import Act
from campaign.store.live import Measured
from campaign.traffic import Sentence
from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from tests.warroom.conftest import PLAN, SETTINGS
from tests.warroom.live_event import CAMPAIGN, END, START, came, model_files
from warroom.live.clocks.sync import sync
from warroom.live.clocks.worker import Live
from warroom.live.due import HOUR, MINUTE
from warroom.live.records import Source
from warroom.live.sources.freshness import as_rows
from warroom.live.state import REFUSED, SYNC, live_store
from warroom.service.access import PROXY_HEADER, Door
from warroom.service.run import site_app
from warroom.service.site import Site

LATE = timedelta(minutes=9)
MORE = """\
language: en
switches:
  - {id: recommend-off, effect: {storefront: 0.25}, trigger: p99 is high, executor: sre, drilled_seconds: 12}
  - {id: reviews-off, effect: {storefront: 0.1}}
desks:
  - {name: chat, channel: chat, handle_seconds: 480, service_level: {ratio: 0.8, seconds: 60},
     bot: {resolved_ratio: {low: 0.3, mid: 0.45, high: 0.6}}}
"""
CONTACTS = "starts_at,desk,contacts,bot_resolved\n2026-11-10T12:00Z,chat,3000,1230\n2026-11-10T12:30Z,chat,1000,410\n"


@dataclass
class Room:
    """A service whose clock the test sets."""

    folder: Path
    events: Callable[[int, float], Path]
    now: datetime
    site: Site
    client: TestClient

    def page(self, **query: str) -> str:
        answer = self.client.get(f"/live/{CAMPAIGN}", params={"done": "1"} | query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def section(self, name: str, **query: str) -> str:
        """One block as text."""
        found = re.search(rf'<section id="{name}">(.*?)</section>', self.page(**query), re.S)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1])) if found else ""

    def synced(self, hours: int, factor: float = 1.0) -> None:
        """The event as it is some hours in, demand times `factor` since half past eight."""
        self.now = START + hours * HOUR + LATE
        shutil.copytree(self.events(hours, factor), self.folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, float], Path]:
    """Workspaces that were synced hour by hour, each made once."""

    @cache
    def made(hours: int, factor: float) -> Path:
        folder = tmp_path_factory.mktemp("event")
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv("SURGEPLAN_STATE", raising=False)
            settled(folder)
            for hour in range(1, hours + 1):
                synced(folder, hour, factor)
        return folder

    return made


def settled(folder: Path) -> None:
    """Settings, plan, forecast, and what the service desk tells."""
    write_text(folder / "surgeplan.yaml", SETTINGS + MORE)
    write_text(folder / "campaigns" / f"{CAMPAIGN}.yaml", PLAN)
    write_text(folder / "history" / "contacts.csv", CONTACTS)
    model_files(folder)


def synced(folder: Path, hours: int, factor: float = 1.0) -> None:
    """One more hour of it."""
    now = START + hours * HOUR + LATE
    came(folder, now - timedelta(minutes=3), factor, START + HOUR / 2)
    sync(open_workspace(folder), CAMPAIGN, now, (), lambda _: None)


@pytest.fixture
def room(folder: Path, events: Callable[[int, float], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    (folder / "surgeplan.yaml").write_text(SETTINGS + MORE, "utf-8")
    made = Room(folder, events, START + 20 * timedelta(minutes=1), None, None)  # type: ignore[arg-type]
    site = Site(folder, Door("proxy", "secret", {"lin": "marketing", "wang": "sre"}), lambda: made.now)
    made.site = site
    with TestClient(site_app(site), headers={PROXY_HEADER: "lin"}) as client:
        made.client = client
        yield made


def test_without_forecast_or_figures_it_says_so_and_not_go(room: Room) -> None:
    assert "NO FIGURES YET" in room.section("status")
    assert "T+00:20 running" in room.section("status")
    state = room.section("state")
    assert "There is no forecast" in state
    assert "Nothing has been measured yet" in state
    assert "no source has told anything yet" in state
    assert "nobody is named" in state
    assert "No capacity is known" in room.section("capacity")
    assert "none can fire without figures" in room.section("alerts")
    assert "Nothing to draw" in room.section("chart")


def test_before_the_event_it_counts_down_against_the_forecast(room: Room) -> None:
    model_files(room.folder)
    room.now = START - 26 * HOUR
    assert "NO FIGURES YET T-26:00 before the event" in room.section("status")
    state = room.section("state")
    assert "next push or moment 11-10 19:55" in state
    assert "The forecast was never frozen" in state
    assert "not before the end" in room.section("capacity")
    assert "No hour has closed yet" in room.section("tiles")
    assert "app-push 11-10 19:55 1.8 M people" in room.section("levers")


def test_an_event_without_figures_for_two_hours_is_blind_not_go(room: Room) -> None:
    room.synced(1)
    room.now = START + 2 * HOUR
    assert "GO T+02:00" in room.section("status")
    room.now = START + HOUR + timedelta(hours=2, minutes=20)
    assert "BLIND T+03:20" in room.section("status")
    assert "No figures since 21:06" in room.section("state")
    assert "none can fire without figures" in room.section("alerts")


def test_a_normal_hour_stands_with_its_band_place_and_age(room: Room) -> None:
    room.synced(1)
    assert "GO T+01:09 running" in room.section("status")
    tiles = room.section("tiles")
    assert re.search(r"Requests, mean of the hour 1,000 requests/s expected [\d,]+–[\d,]+ · P\d+ hour of 20:00", tiles)
    assert "Orders in the hour 36,000 orders" in tiles
    assert re.search(r"storefront 4,000 planned", room.section("capacity"))
    assert "chat contacts 4,000" in room.section("desk")
    assert "resolved by the bot 41 % planned 30 %–60 %" in room.section("desk")
    assert "no source reads its queue" in room.section("desk")
    meaning = room.section("definitions")
    assert re.search(r"orders@[0-9a-f]{12} Paid orders \(orders\) · not agreed on", meaning)
    assert "from history/orders" in meaning
    assert "by definition settled after 24 h" in meaning


def test_a_source_that_does_not_answer_is_named_with_how_far_it_had_told(room: Room) -> None:
    room.synced(1)
    room.now = START + 2 * HOUR
    why = say("{source}: does not answer: {reason}", source="prom", reason="refused")
    dead = Source("prom", "traffic", START + HOUR / 2, HOUR, None, None, "dead", why)
    document = {"hour": START.isoformat(), "sources": as_rows([dead])}
    live_store(open_workspace(room.folder)).write(CAMPAIGN, SYNC, room.now, document)
    state = room.section("state")
    assert "Told up to 20:30 1 h 30 min ago" in state
    assert "prom: does not answer: refused since 20:30" in state
    assert "prom traffic 20:30 1 h 30 min ago does not answer" in state


def test_acts_that_the_log_refuses_for_one_reason_are_one_line(room: Room) -> None:
    room.synced(1)
    said = [Sentence.of(say("{source}: {what}", source="the log", what=what)).model_dump() for what in ("a", "a", "b")]
    live_store(open_workspace(room.folder)).write(CAMPAIGN, REFUSED, room.now, {"said": said})
    state = room.section("state")
    assert (state.count("the log: a"), state.count("the log: b")) == (1, 1)


def test_a_preliminary_hour_is_hatched_and_named(room: Room) -> None:
    model_files(room.folder)
    at = int(START.timestamp())
    live_store(open_workspace(room.folder)).keep(CAMPAIGN, [Measured("requests", "total", 3600, at, 1000.0, False)])
    room.now = START + HOUR + LATE
    assert 'class="tile preliminary"' in room.page()
    assert "hour of 20:00 · preliminary" in room.section("tiles")


def test_demand_beyond_the_capacity_is_act_with_what_to_do(room: Room) -> None:
    room.synced(2, factor=5.0)
    assert "ACT T+02:09" in room.section("status")
    assert "now storefront at" in room.section("capacity")
    alerts = room.section("alerts")
    assert alerts.index("level 3 storefront: demand reaches its capacity") < alerts.index("level 2")
    assert "commander:" in alerts
    assert "clears when capacity is not reached" in alerts
    assert "Level 3: storefront: demand reaches its capacity" in room.section("timeline")
    can = room.section("timeline")
    assert "Condition - d11 T+02:09: ACT" in can
    assert "Needs - @commander" in can


def test_switches_say_whether_they_were_ever_pulled_and_what_they_shed(room: Room) -> None:
    room.synced(1)
    switches = room.section("switches")
    assert "recommend-off ready works in 12 s storefront −250/s when: p99 is high" in switches
    assert "reviews-off never drilled storefront −100/s" in switches


def test_the_chart_has_the_band_the_actual_and_every_push_and_moment(room: Room) -> None:
    room.synced(1)
    chart = re.search(r'<section id="chart">.*?</section>', room.page(), re.S)
    assert chart
    for name in (
        "what came",
        "frozen forecast, p10–p90",
        "re-forecast, p10–p90",
        "planned capacity: above the picture",
    ):
        assert name in chart[0]
    assert "<title>app-push</title>" in chart[0]
    assert "<title>opening</title>" in chart[0]
    assert chart[0].count("<svg") == 2


def test_a_desk_sees_its_own_and_what_the_commander_decides(room: Room) -> None:
    room.synced(2, factor=5.0)
    marketing = room.page(desk="marketing")
    assert 'id="levers"' in marketing
    assert 'id="switches"' not in marketing
    assert "level 3" in room.section("alerts", desk="marketing")
    assert "level 2" not in room.section("alerts", desk="marketing")
    assert "more of other desks" in room.section("alerts", desk="marketing")
    assert 'id="desk"' in room.page(desk="support")
    owners = re.findall(r"<small>(marketing|SRE|operations|support|data|commander) ·", room.page(desk="sre"))
    assert set(owners) == {"SRE"}


def test_after_the_event_its_last_state_is_shown_as_such(room: Room) -> None:
    room.synced(1)
    room.now = END + HOUR
    assert "T+29:00 ended, figures settle" in room.section("status")
    assert "The event has ended" in room.section("state")
    assert f"then run surgeplan retro {CAMPAIGN}" in room.section("state")
    assert "none: the event is over" in room.section("state")
    assert "No send is still to come" in room.section("levers")


def test_it_is_said_in_the_readers_language(room: Room) -> None:
    room.synced(1)
    assert "距触顶时间" in room.section("capacity", lang="zh")
    assert "Time to capacity" in room.section("capacity", lang="en")


def test_who_has_it_is_answered_with_nothing_until_it_changes(room: Room) -> None:
    room.synced(1)
    address = f"/live/{CAMPAIGN}/blocks"
    first = room.client.get(address)
    known = {"if-none-match": f'"another", W/{first.headers["etag"]}'}
    assert room.client.get(address, headers=known).status_code == 304
    assert room.client.get(address, headers=known | {PROXY_HEADER: "wang"}).status_code == 304
    assert room.client.get(address, headers=known, params={"lang": "zh"}).status_code == 200
    room.now += timedelta(minutes=1)
    later = room.client.get(f"/live/{CAMPAIGN}", params={"done": "1"})
    assert "T+01:10" in later.text
    assert room.client.get(address, headers=known).status_code == 200


def test_what_others_write_changes_a_desks_page_only_where_it_says_so(room: Room) -> None:
    room.synced(1)
    address = f"/live/{CAMPAIGN}/blocks"
    tags = {desk: tag_of(room, address, desk) for desk in ("support", "ops")}
    log = workspace_log(open_workspace(room.folder))
    log.record(Act(kind="sign", campaign=CAMPAIGN, subject="change-freeze", actor="z", role="ops", at_utc=room.now))
    room.now += timedelta(seconds=20)
    room.page()  # made anew
    assert tag_of(room, address, "support") == tags["support"]
    assert tag_of(room, address, "ops") != tags["ops"]


def tag_of(room: Room, address: str, desk: str) -> str:
    tag: str = room.client.get(address, params={"desk": desk}).headers["etag"]
    return tag


def test_a_page_that_is_open_is_sent_the_blocks_that_changed(room: Room) -> None:
    room.synced(1)
    address = f"/live/{CAMPAIGN}/blocks"
    first = room.client.get(address)
    assert first.headers["content-encoding"] == "gzip"
    since = {"since": first.headers["etag"].strip('"')}
    assert room.client.get(address, params=since).status_code == 304
    room.now += MINUTE
    room.page()
    sent = room.client.get(address, params=since).text
    whole = room.client.get(address, params={"since": "what nobody was sent"}).text
    blocks = {name: re.findall(r'<section id="(\w+)"', text) for name, text in (("sent", sent), ("whole", whole))}
    assert {"status", "state"} <= set(blocks["sent"]) < set(blocks["whole"])
    assert not {"switches", "checklist", "definitions"} & set(blocks["sent"])
    assert blocks["whole"] == re.findall(r'<section id="(\w+)"', first.text)


def test_the_whole_page_is_named_by_its_content_and_its_reader(room: Room) -> None:
    address = f"/live/{CAMPAIGN}"
    room.client.get(address)  # the browser gets its cookie
    first = room.client.get(address)
    known = {"if-none-match": first.headers["etag"]}
    assert room.client.get(address, headers=known).status_code == 304
    assert room.client.get(address, headers=known | {PROXY_HEADER: "wang"}).status_code == 200
    assert "no-store" not in first.headers["cache-control"]


def test_what_cannot_be_read_any_more_leaves_the_last_state_and_says_why(room: Room) -> None:
    room.synced(1)
    assert "GO" in room.section("status")
    (room.folder / "rules.yaml").write_text("live: {hourly: {clear_readings: none}}\n", "utf-8")
    later = room.section("state")
    assert "What stands here is of 21:09; newer cannot be read" in later


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Nothing new is read or kept, by the minute or hourly: state/surgeplan.db: is locked: another program"),
        ("zh", "分钟级数据和每小时同步都已停止更新：state/surgeplan.db：被锁住：另一个程序一直在写"),
    ],
)
def test_while_the_database_is_locked_it_says_what_stands_still_and_why_and_mends_itself(
    room: Room, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    room.synced(1)
    clocks = Live(room.site, (), lambda _: None)
    clocks.look()
    assert words not in room.section("state", lang=language)
    monkeypatch.setattr("warroom.live.state.BUSY_MS", 20)
    room.now = START + 2 * HOUR + 13 * MINUTE
    with closing(sqlite3.connect(room.folder / "state" / "surgeplan.db", isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        clocks.look()
        since = room.now.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%H:%M")
        room.now += 5 * MINUTE
        clocks.look()
        told = room.section("state", lang=language)
        assert words in told
        assert since in told.partition(words)[2]
    clocks.look()
    assert words not in room.section("state", lang=language)


def test_a_store_that_cannot_even_be_read_is_said_at_once_and_left_behind_soon(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.synced(1)
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    monkeypatch.setattr("warroom.live.room.watching.AGAIN_SECONDS", 0.0)
    store, words = room.folder / "state" / "surgeplan.db", "newer cannot be read: state/surgeplan.db: is locked"
    assert words not in room.section("state")
    for _ in range(2):  # what holds it comes back
        room.now += MINUTE
        with closing(sqlite3.connect(store, isolation_level=None)) as locker:
            held(locker)
            began = time.monotonic()
            assert words in room.section("state")
            assert time.monotonic() - began < 10
        assert words not in room.section("state")


def test_a_store_that_is_locked_in_the_middle_of_a_look_is_waited_for_no_longer(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.synced(1)
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    assert "newer cannot be read" not in room.section("state")
    room.now += MINUTE
    store, review = room.folder / "state" / "surgeplan.db", Site.review
    with closing(sqlite3.connect(store, isolation_level=None, check_same_thread=False)) as locker:
        monkeypatch.setattr(Site, "review", lambda *a, **k: (held(locker), review(*a, **k))[1])
        began = time.monotonic()
        assert "newer cannot be read: state/surgeplan.db: is locked" in room.section("state")
        assert time.monotonic() - began < 10


def test_a_page_that_was_never_seen_and_cannot_be_read_asks_again_by_itself(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.synced(1)
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    with closing(sqlite3.connect(room.folder / "state" / "surgeplan.db", isolation_level=None)) as locker:
        held(locker)
        first = room.client.get(f"/live/{CAMPAIGN}")
    assert "is locked: another program keeps writing to it" in first.text
    assert 'http-equiv="refresh"' in first.text


def held(locker: sqlite3.Connection) -> None:
    """Nobody reads either, as while a file is copied over or its log is folded in."""
    locker.execute("PRAGMA journal_mode = DELETE")
    locker.execute("BEGIN EXCLUSIVE")


def test_what_nobody_did_though_it_was_due_is_said(room: Room) -> None:
    room.synced(1)
    room.now = START + 2 * HOUR + 14 * MINUTE
    assert "The hourly sync is overdue" not in room.section("state")
    room.now += 2 * MINUTE
    assert "The hourly sync is overdue. since 22:00" in room.section("state")
    assert "Nobody has looked at the minutes" in room.section("state")


def test_a_checklist_that_cannot_be_made_takes_only_its_own_block_away(room: Room) -> None:
    room.synced(1)
    evidence = room.folder / "evidence" / CAMPAIGN
    evidence.mkdir(parents=True)
    (evidence / "drills.csv").write_text("switch\nrecommend-off\n", "utf-8")
    assert "the checklist: evidence/d11/drills.csv:1: has no column" in room.section("state")
    assert "cannot be made" in room.section("checklist")
    assert "Requests, mean of the hour 1,000" in room.section("tiles")


def test_programs_read_the_same_state_and_are_answered_with_nothing_while_it_stays(room: Room) -> None:
    room.synced(2, factor=5.0)
    address = f"/api/campaigns/{CAMPAIGN}/live"
    answer = room.client.get(address, params={"minutes": "storefront"})
    told = answer.json()
    assert (told["call"], told["sight"], told["phase"]) == ("act", "seen", "running")
    assert told["metrics"]["requests"][-1]["actual"] == pytest.approx(5000)
    assert told["capacities"]["storefront"]["seconds_to_capacity"] == 0
    assert told["alerts"][0]["owner"] == "commander"
    assert told["switches"][0]["sheds_requests_per_second"] == {"storefront": pytest.approx(1250)}
    series = told["minutes"]
    assert len(series["actual"]) == len(series["frozen"]["p90"]) == len(series["starts_at_utc"])
    known = {"if-none-match": answer.headers["etag"]}
    assert room.client.get(address, params={"minutes": "storefront"}, headers=known).status_code == 304
    assert room.client.get(address).json()["minutes"] is None


def test_an_unknown_campaign_is_refused(room: Room) -> None:
    assert room.client.get("/live/nowhere").status_code == 422
