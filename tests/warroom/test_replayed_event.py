"""A whole event of two days, a thousand times as fast: real Prometheus, real web service, two phones, three chats.

What goes wrong on the way: the service is killed in the middle of a sync and between a chat's taking a message and its
answer, Prometheus is away for an hour, the database is locked for an hour. Nothing may be lost or told twice.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from campaign.errors import UserError
from campaign.pages import unbroken
from campaign.store import database
from campaign.workspace import open_workspace
from tests.prometheus_server import free_port, needs_prometheus, prometheus_running, prometheus_with
from tests.warroom.live_event import CAMPAIGN, START, model_files, paths_of
from tests.warroom.live_system import DAYS, DEAD, MINUTE, PLAN, exposition, rate_at, reads_from
from tests.warroom.phones import PHONE, chromium
from tests.warroom.test_chat import Chat, listening
from warroom.chat import sending
from warroom.chat.sending import Sender
from warroom.chat.targets import Target
from warroom.live.clocks import sync as sync_module
from warroom.live.clocks.sync import synced_hours
from warroom.live.clocks.worker import Live
from warroom.live.due import HOUR, hours_of, jitter
from warroom.live.messages.outbox import Postman
from warroom.live.messages.posting import hours_posted
from warroom.live.room import watching
from warroom.live.state import live_state, live_store
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

pytestmark = [pytest.mark.slow, needs_prometheus]
__all__ = ["chromium"]

AWAY = START + 10.5 * HOUR, START + 11.5 * HOUR
LOCKED = START + 20.5 * HOUR, START + 21.5 * HOUR
CUT_SHORT, UNANSWERED = 15, 18
RESTARTS = (6, 26, 40)
TITLE = re.compile(r"T\+(\d+):00: ")


class Killed(BaseException):
    """The process is gone from here on."""


@dataclass
class Strict(Chat):
    """As the platform does it: Feishu refuses its crowded minutes, DingTalk mutes for ten minutes who is too fast."""

    platform: str = ""
    muted_until: datetime | None = None

    def _keep(self, body: dict[str, object], no: dict[str, object], yes: dict[str, object]) -> dict[str, object]:
        now = self.clock[0]
        crowded = self.platform == "feishu" and now.minute in (0, 30)
        if crowded or (self.muted_until and now < self.muted_until):
            self.refused += 1
            return no
        answer = super()._keep(body, no, yes)
        if answer is no and self.platform == "dingtalk":
            self.muted_until = now + timedelta(minutes=10)
        return answer

    def digests(self) -> list[tuple[int, datetime]]:
        """Hour of the event and when its message was taken, of every hourly message."""
        texts = (str(body) for body in self.taken)
        found = [(TITLE.search(text), at) for text, at in zip(texts, self.times, strict=True)]
        return [(int(title[1]) - 1, at) for title, at in found if title]


@dataclass
class Service:
    """The web service and its two clocks, on one address through every restart."""

    folder: Path
    clock: list[datetime]
    targets: tuple[Target, ...]
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        """Nothing of an earlier service is left but what it wrote."""
        site = Site(self.folder, Door("local", "a secret of this test", {}), lambda: self.clock[0])
        sender = Sender(self.targets, lambda: self.clock[0], self._wait)
        self.live = Live(site, self.targets, lambda _: None)
        self.postman = Postman(lambda: live_store(open_workspace(self.folder)), sender, lambda: self.clock[0])
        settings = uvicorn.Config(site_app(site), port=self.port, log_level="error", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.05)
            assert self.thread.is_alive()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=20)

    def look(self) -> None:
        """One look of each thread, as the clock has it; a death is followed by a restart."""
        try:
            self.live.look()
            self.postman.look()
        except Killed:
            self.stop()
            self.start()
        except UserError:  # as the threads do: said in the log, done again next time
            if not LOCKED[0] <= self.clock[0] < LOCKED[1]:
                raise

    def _wait(self, seconds: float) -> None:
        self.clock[0] += timedelta(seconds=seconds)


@dataclass
class Phone:
    """A browser that stays open through the whole event."""

    page: Page
    language: str
    seen: list[datetime] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self, now: datetime) -> str:
        """What the page says once it has heard of this minute."""
        since = round((now - START) / MINUTE)
        clock = f"T{'+' if since >= 0 else '-'}{abs(since) // 60:02d}:{abs(since) % 60:02d}"
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.page.wait_for_function("clock => document.querySelector('.clock').innerText === clock", arg=clock)
        self.seen.append(now)
        return self.page.inner_text("#live")


@contextmanager
def phone(browser: Browser, service: Service, language: str) -> Iterator[Phone]:
    context = browser.new_context(**PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    found = Phone(page, language)

    def fault(message: ConsoleMessage) -> None:
        restart = "ERR_CONNECTION" in message.text  # no fault of the page's
        if message.type == "error" and not restart and not message.location["url"].endswith("/favicon.ico"):
            found.faults.append(f"{message.text} {message.location['url']}")

    def answered(answer: Response) -> None:
        if answer.status >= 500:
            found.faults.append(f"{answer.status} {answer.url}")

    page.on("console", fault)
    page.on("response", answered)
    page.goto(f"http://127.0.0.1:{service.port}/language/{language}?back=/live/{CAMPAIGN}")
    yield found
    context.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with its frozen forecast; files are looked at anew each time, and nobody waits long for a lock."""
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    monkeypatch.setattr(watching, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(watching, "SHARE_MOST", 1e9)
    set_up = database._set_up
    monkeypatch.setattr(database, "_set_up", lambda busy_ms, shared: set_up(min(busy_ms, 200), shared))
    folder = tmp_path / "workspace"
    (folder / "campaigns").mkdir(parents=True)
    (folder / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    reads_from(folder, DEAD)
    model_files(folder, paths_of(ends=START + DAYS))
    return folder


def steps(late: timedelta) -> Iterator[datetime]:
    """Four looks an hour, one of them when its sync is due, from an hour before the start to two after the end."""
    for hour in range(-1, 51):
        for after in (5 * MINUTE, late + timedelta(seconds=1), 14 * MINUTE, 34 * MINUTE):
            yield START + hour * HOUR + after


@contextmanager
def died(monkeypatch: pytest.MonkeyPatch, hour: int) -> Iterator[None]:
    """The process is killed once in this hour's sync: before its end, or after a chat has taken its message."""
    real = sending.send_once

    def taken(*arguments: object) -> object:
        real(*arguments)  # type: ignore[arg-type]
        raise Killed

    def written(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if hour == CUT_SHORT:
            patch.setattr(sync_module, "write_files", written)
        if hour == UNANSWERED:
            patch.setattr(sending, "send_once", taken)
        yield


def test_two_days_with_everything_going_wrong_lose_nothing_and_tell_nothing_twice(
    folder: Path, tmp_path: Path, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [START - HOUR]
    chats = {name: Strict("s3cret", 20, clock, platform=name) for name in ("feishu", "dingtalk", "wecom")}
    late, data = jitter(folder, CAMPAIGN), tmp_path / "prometheus"
    data.mkdir()
    told: dict[str, dict[datetime, str]] = {"zh": {}, "en": {}}
    with ExitStack() as all_of_it, ExitStack() as prometheus:
        addresses = {name: all_of_it.enter_context(listening(chat)) for name, chat in chats.items()}
        targets = tuple(
            Target(name, f"{url}/{name}", "" if name == "wecom" else "s3cret", "en")  # type: ignore[arg-type]
            for name, url in addresses.items()
        )
        service = Service(folder, clock, targets)
        service.start()
        all_of_it.callback(service.stop)
        reads_from(folder, prometheus.enter_context(prometheus_with(data, exposition())))
        phones = [all_of_it.enter_context(phone(chromium, service, language)) for language in told]
        lock: sqlite3.Connection | None = None
        for now in steps(late):
            hour = (now - START) // HOUR - 1  # that this step's sync is about
            clock[0] = now
            if now.minute == 5 and hour in RESTARTS:
                service.stop()
                service.start()
            if now > AWAY[0]:
                prometheus.close()
            if now > AWAY[1] and AWAY[1] > now - 30 * MINUTE:
                reads_from(folder, all_of_it.enter_context(prometheus_running(data, "scrape_configs: []\n")))
            if lock is None and LOCKED[0] < now < LOCKED[1]:
                lock = sqlite3.connect(folder / "state" / "surgeplan.db", isolation_level=None)
                lock.execute("BEGIN IMMEDIATE")
            if lock is not None and now > LOCKED[1]:
                lock.close()
                lock = None
            with died(monkeypatch, hour) if 6 <= now.minute <= 12 else ExitStack():
                service.look()
            if now.minute == 14:
                clock[0] = now  # what a chat's limits made it wait for is over
                for each in phones:
                    told[each.language][now] = each.look(now)

    workspace = open_workspace(folder)
    plan, store = workspace.plan(CAMPAIGN), live_store(workspace)
    every = range(len(hours_of(plan)))
    assert set(hours_of(plan)) <= synced_hours(store, plan)
    hours_are_told_once(chats, every, late)
    (unknown,) = [letter for letter in store.letters(CAMPAIGN) if letter.state != "sent"]
    assert unknown.state == "unknown"
    assert list(hours_posted(store.letters(CAMPAIGN))) == list(hours_of(plan))
    assert any("may not have arrived" in str(body) for chat in chats.values() for body in chat.taken)

    state = live_state(workspace, CAMPAIGN, clock[0])
    requests = next(metric for metric in state.metrics if metric.name == "requests").hours
    assert not [h.starts_at for h in requests if h.preliminary or h.actual is None]
    for each in requests:
        came = sum(rate_at(each.starts_at + n * MINUTE) for n in range(60)) / 60
        assert each.actual == pytest.approx(came, rel=0.02)
    phones_said_what_was_stale(told)
    assert [each.faults for each in phones] == [[], []]
    assert {len(each.seen) for each in phones} == {52}


def hours_are_told_once(chats: dict[str, Strict], every: range, late: timedelta) -> None:
    """Each chat took each hour's message once, at its minute; later only where the database was locked."""
    for chat in chats.values():
        assert chat.refused == 0
        digests = chat.digests()
        assert Counter(hour for hour, _ in digests) == Counter(every)
        at = {hour: taken - (START + (hour + 1) * HOUR) for hour, taken in digests}
        locked = (LOCKED[0] - START) // HOUR
        assert {hour for hour, after in at.items() if not 6 * MINUTE <= after <= 12 * MINUTE + MINUTE} <= {
            locked,
            CUT_SHORT,
            UNANSWERED,
        }
        assert max(at.values()) < 40 * MINUTE
        assert late >= 6 * MINUTE


def phones_said_what_was_stale(told: dict[str, dict[datetime, str]]) -> None:
    """In both languages, while it was so and not a look longer."""
    away, back = START + 11 * HOUR + 14 * MINUTE, START + 12 * HOUR + 14 * MINUTE
    locked, open_again = START + 21 * HOUR + 14 * MINUTE, START + 22 * HOUR + 14 * MINUTE
    words = {"zh": ("上次 1 小时", "1 小时", "被锁住"), "en": ("last 1 h", "1 h", "is locked")}
    for language, pages in told.items():
        synced, hour_old, lock = map(unbroken, words[language])
        assert "prom" in state_of(pages[away], language)
        assert re.search(rf"06:(0[6-9]|1[0-3]) {hour_old}", state_of(pages[away], language))  # of the last sync
        assert "prom" not in state_of(pages[back], language)
        assert synced in state_of(pages[locked], language)
        assert lock in state_of(pages[locked], language)
        assert not any(lock in state_of(pages[at], language) for at in (away, back, open_again))
        assert synced not in state_of(pages[open_again], language)


def state_of(page: str, language: str) -> str:
    """What stands above the capacity: times, ages, and everything that is older than it should be."""
    return page.partition({"zh": "距触顶时间", "en": "Time to capacity"}[language])[0]
