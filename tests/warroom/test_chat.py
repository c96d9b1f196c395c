"""Messages into chats: signed, paced, shortened, and told apart from refusals; against servers that enforce limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import UserError
from campaign.workspace import open_workspace
from playbooks.readiness.publish import review
from playbooks.readiness.record import workspace_log
from tests.warroom.conftest import NOW
from warroom.chat.daily import Daily
from warroom.chat.digest import digest, digest_due
from warroom.chat.messages import Message, dingtalk_signature, feishu_signature, post_of, shortened
from warroom.chat.pace import LIMITS, earliest
from warroom.chat.sending import Sender
from warroom.chat.targets import Target, targets_of
from warroom.service.site import Site

SAID = Message("双11", ["head-room 12 %", "next: scale checkout"])
APPRISE = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")  # it loads a hundred plug-ins
QUIET = datetime(2026, 11, 10, 12, 7, tzinfo=UTC)


@dataclass
class Chat:
    """A platform's robot on loopback: checks signatures, mutes who is too fast, keeps what it took."""

    secret: str
    per_minute: int
    clock: list[datetime]
    taken: list[dict[str, object]] = field(default_factory=list)
    refused: int = 0
    times: list[datetime] = field(default_factory=list)

    def feishu(self, _query: dict[str, list[str]], body: dict[str, object]) -> dict[str, object]:
        if body.get("sign") != feishu_signature(self.secret, int(str(body.get("timestamp", 0)))):
            return {"code": 19021, "msg": "sign match fail"}
        return self._keep(body, {"code": 11232, "msg": "frequency limited"}, {"code": 0})

    def dingtalk(self, query: dict[str, list[str]], body: dict[str, object]) -> dict[str, object]:
        if query["sign"][0] != dingtalk_signature(self.secret, int(query["timestamp"][0])):
            return {"errcode": 310000, "errmsg": "sign not match"}
        return self._keep(body, {"errcode": 130101, "errmsg": "send too fast"}, {"errcode": 0})

    def wecom(self, _query: dict[str, list[str]], body: dict[str, object]) -> dict[str, object]:
        content = body["markdown"]["content"]  # type: ignore[index]
        if len(content.encode()) > 4096:
            return {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}
        return self._keep(body, {"errcode": 45009, "errmsg": "api freq out of limit"}, {"errcode": 0})

    def apprise(self, _query: dict[str, list[str]], body: dict[str, object]) -> dict[str, object]:
        """What is sent on by apprise is judged by the status alone."""
        return self._keep(body, {"status": 429}, {"status": 200})

    def hooks(self, query: dict[str, list[str]], body: dict[str, object]) -> dict[str, object]:
        """A robot that takes Slack's messages (Mattermost's address has its key in the path)."""
        return self.apprise(query, body) if body.get("text") else {"status": 400}

    def _keep(self, body: dict[str, object], no: dict[str, object], yes: dict[str, object]) -> dict[str, object]:
        now = self.clock[0]
        if sum(now - at < timedelta(minutes=1) for at in self.times) >= self.per_minute:
            self.refused += 1
            return no
        self.times.append(now)
        self.taken.append(body)
        return yes


@contextmanager
def listening(chat: Chat) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = getattr(chat, parts.path.strip("/").partition("/")[0])(parse_qs(parts.query), body)
            told = json.dumps(answer).encode()
            self.send_response(answer.get("status", 200))
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def sender_on(clock: list[datetime], *targets: Target) -> Sender:
    """Time passes only by waiting."""

    def wait(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    return Sender(targets, lambda: clock[0], wait)


@pytest.mark.parametrize("platform", ["feishu", "dingtalk", "wecom"])
def test_sixty_messages_arrive_although_the_platform_takes_twenty_a_minute(platform: str) -> None:
    clock = [QUIET]
    chat = Chat("s3cret", 100 if platform == "feishu" else 20, clock)
    with listening(chat) as address:
        sender = sender_on(clock, Target(platform, f"{address}/{platform}", "s3cret"))  # type: ignore[arg-type]
        assert all(done.taken for _ in range(60) for done in sender.send(lambda _: SAID))
    assert len(chat.taken) == 60
    assert chat.refused == 0


@APPRISE
@pytest.mark.parametrize("kind", ["json://{host}/apprise", "mmost://{host}/akeythatissecret"])
def test_other_chats_are_reached_through_apprise_within_twenty_a_minute(kind: str) -> None:
    clock = [QUIET]
    chat = Chat("", 20, clock)
    with listening(chat) as address:
        sender = sender_on(clock, Target("apprise", kind.format(host=address.removeprefix("http://"))))
        assert all(done.taken for _ in range(30) for done in sender.send(lambda _: SAID))
    assert len(chat.taken) == 30
    assert chat.refused == 0
    said = json.dumps(chat.taken[0])
    assert all(part in said for part in (json.dumps(SAID.title).strip('"'), *SAID.lines))


@APPRISE
def test_what_apprise_could_not_deliver_is_tried_again_and_its_address_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = [QUIET]
    chat = Chat("", 1, clock)
    with listening(chat) as address, caplog.at_level(0):
        busy = Target("apprise", f"json://someone:s3cret@{address.removeprefix('http://')}/apprise")
        sender = sender_on(clock, busy, Target("apprise", "carrier-pigeon://s3cret"))
        for _ in range(2):
            taken, unknown = sender.send(lambda _: SAID)
            assert taken.taken
            assert (unknown.taken, unknown.why) == (False, "apprise does not know this address")
    assert chat.refused >= 1
    away = sender_on(clock, Target("apprise", "json://someone:s3cret@127.0.0.1:9/apprise")).send(lambda _: SAID)[0]
    assert not away.taken
    assert "s3cret" not in f"{away} {unknown} {caplog.text}"


def test_a_wrong_secret_is_told_once_and_never_shown() -> None:
    clock = [QUIET]
    with listening(Chat("right", 100, clock)) as address:
        sender = sender_on(clock, Target("feishu", f"{address}/feishu", "wrong-secret"))
        done = sender.send(lambda _: SAID)[0]
    assert not done.taken
    assert "19021" in done.why
    assert "wrong-secret" not in f"{done} {sender}"


def test_a_platform_that_says_too_fast_is_tried_again_later() -> None:
    clock = [QUIET]
    chat = Chat("s", 1, clock)
    with listening(chat) as address:
        sender = sender_on(clock, Target("dingtalk", f"{address}/dingtalk", "s"))
        assert [sender.send(lambda _: SAID)[0].taken for _ in range(3)] == [True] * 3
    assert len(chat.taken) == 3


def test_a_chat_that_is_away_is_given_up_after_a_few_tries() -> None:
    clock = [QUIET]
    done = sender_on(clock, Target("wecom", "http://127.0.0.1:9/wecom")).send(lambda _: SAID)[0]
    assert not done.taken
    assert clock[0] - QUIET < timedelta(minutes=10)


def test_the_signatures_are_what_openssl_makes_of_the_documented_rules() -> None:
    """printf '1600000000000\\nSEC1' | openssl dgst -sha256 -hmac SEC1 -binary | base64, and Feishu's key likewise."""
    assert feishu_signature("demo", 1599360473) == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    assert dingtalk_signature("SEC1", 1600000000000) == "251ymK1DMiOoZfQVOB8rUvdQVSxdr7zMtavd+PlY6Ew="


@given(st.text(max_size=400), st.integers(10, 300))
def test_a_shortened_text_fits_and_is_whole_characters(text: str, most: int) -> None:
    made = shortened(text, most)
    assert len(made.encode()) <= max(most, 3)
    assert text.startswith(made.removesuffix("…")) or made == text


@given(st.lists(st.floats(0, 20), max_size=150), st.sampled_from(["feishu", "dingtalk", "wecom"]))
def test_no_limit_is_ever_passed(gaps: list[float], platform: str) -> None:
    now, sent = QUIET, []
    for gap in gaps:
        now = max(now + timedelta(seconds=gap), sent[-1] if sent else now)
        sent.append(earliest(platform, sent, now))  # type: ignore[arg-type]
    for most, window in LIMITS[platform]:  # type: ignore[index]
        assert all(b - a >= window for a, b in zip(sent, sent[most:], strict=False))


def test_feishu_is_not_sent_to_in_its_crowded_minutes() -> None:
    full = QUIET.replace(minute=30, second=12)
    assert earliest("feishu", [], full) == full.replace(minute=31, second=0)
    assert earliest("feishu", [], full, urgent=True) == full
    assert earliest("dingtalk", [], full) == full


def test_a_long_message_is_cut_to_what_wecom_takes() -> None:
    clock = [QUIET]
    with listening(Chat("", 20, clock)) as address:
        long = Message("双11", ["容量不足" * 2000])
        assert sender_on(clock, Target("wecom", f"{address}/wecom")).send(lambda _: long)[0].taken


def test_targets_come_from_the_environment_and_mistakes_are_named_without_their_secrets() -> None:
    found = targets_of("feishu https://x/hook SECRET zh\nwecom https://y/send?key=1")
    assert [(t.platform, t.language) for t in found] == [("feishu", "zh"), ("wecom", None)]
    with pytest.raises(UserError) as refused:
        targets_of("feishu hook SECRET-1; dingtak https://x SECRET-2")
    assert "did you mean dingtalk?" in str(refused.value)
    assert "SECRET" not in str(refused.value).replace("[SECRET]", "")


def test_a_post_through_dingtalk_keeps_its_lines_apart() -> None:
    body = post_of(SAID, Target("dingtalk", "https://x?access_token=1", "s"), QUIET).body
    assert body["markdown"]["text"] == "### 双11\n\nhead-room 12 %\n\nnext: scale checkout"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 10, 20, 1, 0, tzinfo=UTC), None),  # 09:00, before people have come
        (datetime(2026, 10, 20, 1, 40, tzinfo=UTC), "2026-10-20"),
        (datetime(2026, 10, 24, 4, 0, tzinfo=UTC), None),  # Saturday
        (datetime(2026, 10, 1, 4, 0, tzinfo=UTC), None),  # earlier than four weeks before
    ],
)
def test_a_digest_is_due_each_working_morning(folder: Path, now: datetime, expected: str | None) -> None:
    workspace = open_workspace(folder)
    assert digest_due(workspace.plan("d11"), workspace.settings, [], now) == expected


def test_a_digest_names_what_is_overdue_and_who_is_asked(folder: Path) -> None:
    workspace = open_workspace(folder)
    plan = workspace.plan("d11")
    now = datetime(2026, 11, 9, 2, tzinfo=UTC)
    title, lines = digest(review(workspace, "d11", now).checklist, plan, workspace.settings.zone, now)
    assert str(title).startswith("d11: tomorrow, ")
    assert any(str(line).startswith("overdue:") and "@marketing" in str(line) for line in lines)
    assert any("@commander" in str(line) for line in lines)


def test_a_digest_counts_days_until_there_are_none_to_count(folder: Path) -> None:
    workspace = open_workspace(folder)
    plan, made = workspace.plan("d11"), review(workspace, "d11", datetime(2026, 11, 1, tzinfo=UTC)).checklist
    titles = [
        str(digest(made, plan, workspace.settings.zone, datetime(2026, 11, day, 2, tzinfo=UTC))[0])
        for day in (8, 9, 10)
    ]
    assert [title.partition(": ")[2].partition(",")[0] for title in titles] == ["2 days left", "tomorrow", "today"]


def test_two_services_send_one_digest(site: Site) -> None:
    now = datetime(2026, 10, 20, 2, tzinfo=UTC)
    clock = [QUIET]
    chat = Chat("", 20, clock)
    with listening(chat) as address:
        target = Target("wecom", f"{address}/wecom", language="zh")
        for _ in range(2):
            sender = sender_on(clock, target)
            sender.start()
            Daily(Site(site.folder, site.door, lambda: now), sender).look()
            sender.stop()
    assert len(chat.taken) <= 1
    events = workspace_log(open_workspace(site.folder)).events()
    assert [event.kind for event in events] == ["digest"]
    assert NOW.date() == now.date()
