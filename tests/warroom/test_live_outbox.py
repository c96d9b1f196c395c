"""Letters that wait are sent once: in pace, again after a refusal, across restarts and by two senders at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.language import say
from campaign.store.database import Database, address
from campaign.store.live import LetterState, LiveStore
from campaign.workspace import open_workspace
from tests.warroom.test_chat import Chat, listening, sender_on
from warroom.chat.targets import Target
from warroom.live.messages.outbox import LEASE, PAUSE, TRIES_MOST, Postman, drain
from warroom.live.messages.posting import digest_subject, name_of, newest_digest, post

HOUR = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOW = HOUR + timedelta(hours=1, minutes=8)


@pytest.fixture
def store(tmp_path: Path) -> LiveStore:
    return LiveStore(Database(*address(tmp_path)))


def write(store: LiveStore, folder: Path, subject: str, *targets: Target) -> int:
    message = (say("hour"), [say("GO")])
    return post(store, "d11", subject, message, targets, open_workspace(folder).settings, NOW)


def states(store: LiveStore) -> list[LetterState]:
    return [letter.state for letter in store.letters("d11")]


def test_each_letter_is_sent_once_in_its_targets_language(store: LiveStore, folder: Path) -> None:
    clock, chat = [NOW], Chat("", 20, [NOW])
    with listening(chat) as url:
        targets = Target("wecom", f"{url}/wecom?a", language="zh"), Target("wecom", f"{url}/wecom?b", language="en")
        assert write(store, folder, digest_subject(HOUR), *targets) == 2
        assert write(store, folder, digest_subject(HOUR), *targets) == 0
        sender = sender_on(clock, *targets)
        assert [drain(store, sender, lambda: clock[0]) for _ in range(2)] == [2, 0]
    assert len(chat.taken) == 2
    assert states(store) == ["sent", "sent"]
    digest = newest_digest(store.letters("d11"))
    assert digest is not None
    assert (digest.hour, digest.sent, digest.waiting) == (HOUR, 2, 0)


def test_many_letters_keep_the_limits_of_the_platform(store: LiveStore, folder: Path) -> None:
    clock = [NOW]
    chat = Chat("s", 20, clock)
    with listening(chat) as url:
        target = Target("dingtalk", f"{url}/dingtalk", "s")
        for n in range(45):
            write(store, folder, f"alert/{n}", target)
        assert drain(store, sender_on(clock, target), lambda: clock[0]) == 45
    assert (len(chat.taken), chat.refused) == (45, 0)
    assert clock[0] - NOW >= timedelta(minutes=2)


def test_a_chat_that_is_away_keeps_its_letter_waiting_and_the_others_get_theirs(store: LiveStore, folder: Path) -> None:
    clock, chat = [NOW], Chat("", 20, [NOW])
    with listening(chat) as url:
        away, there = Target("wecom", "http://127.0.0.1:9/wecom"), Target("wecom", f"{url}/wecom")
        write(store, folder, digest_subject(HOUR), away, there)
        assert drain(store, sender_on(clock, away, there), lambda: clock[0]) == 1
    assert sorted(states(store)) == ["sent", "waiting"]


def test_a_letter_nobody_takes_is_given_up_in_the_end(store: LiveStore, folder: Path) -> None:
    clock, away = [NOW], Target("wecom", "http://127.0.0.1:9/wecom")
    write(store, folder, digest_subject(HOUR), away)
    sender = sender_on(clock, away)
    while states(store) == ["waiting"]:
        drain(store, sender, lambda: clock[0])
        clock[0] += PAUSE
    assert states(store) == ["refused"]
    assert store.letters("d11")[0].tries == TRIES_MOST
    assert timedelta(minutes=30) < clock[0] - NOW < timedelta(hours=1)


def test_a_refusal_for_good_is_not_tried_again(store: LiveStore, folder: Path) -> None:
    clock = [NOW]
    with listening(Chat("right", 20, clock)) as url:
        target = Target("feishu", f"{url}/feishu", "wrong")
        write(store, folder, digest_subject(HOUR), target)
        assert drain(store, sender_on(clock, target), lambda: clock[0]) == 0
    assert states(store) == ["refused"]


def test_a_letter_whose_target_is_gone_is_refused(store: LiveStore, folder: Path) -> None:
    write(store, folder, digest_subject(HOUR), Target("wecom", "http://127.0.0.1:9/old"))
    drain(store, sender_on([NOW], Target("wecom", "http://127.0.0.1:9/new")), lambda: NOW)
    assert states(store) == ["refused"]


def test_a_process_that_died_while_sending_leaves_a_letter_that_is_never_sent_again(
    store: LiveStore, folder: Path
) -> None:
    clock, chat = [NOW], Chat("", 20, [NOW])
    with listening(chat) as url:
        target = Target("wecom", f"{url}/wecom")
        write(store, folder, digest_subject(HOUR), target)
        assert store.claim(NOW, LEASE, PAUSE) is not None  # and here the power went
        sender = sender_on(clock, target)
        assert drain(store, sender, lambda: clock[0]) == 0
        clock[0] += LEASE + PAUSE
        assert drain(store, sender, lambda: clock[0]) == 0
    assert chat.taken == []
    digest = newest_digest(store.letters("d11"))
    assert digest is not None
    assert digest.unknown == 1


def test_senders_of_two_processes_share_the_letters(tmp_path: Path, folder: Path) -> None:
    chat = Chat("", 1000, [NOW])
    stores = [LiveStore(Database(*address(tmp_path))) for _ in range(2)]
    with listening(chat) as url:
        target = Target("wecom", f"{url}/wecom")
        for n in range(16):
            write(stores[0], folder, f"alert/{n}", target)
        taken: list[int] = []
        threads = [
            threading.Thread(target=lambda s=s: taken.append(drain(s, sender_on([NOW], target), lambda: NOW)))
            for s in stores
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(taken) == 16
    assert len(chat.taken) == 16


def test_the_postman_sends_what_was_left_when_he_starts_and_stops_when_told(
    store: LiveStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warroom.live.messages.outbox.LOOK_EVERY_SECONDS", 0.02)
    chat = Chat("", 20, [NOW])
    with listening(chat) as url:
        target = Target("wecom", f"{url}/wecom")
        write(store, folder, digest_subject(HOUR), target)
        postman = Postman(lambda: store, sender_on([NOW], target), lambda: NOW)
        postman.start()
        for _ in range(200):
            if states(store) == ["sent"]:
                break
            threading.Event().wait(0.02)
        postman.stop()
    assert states(store) == ["sent"]


def test_a_targets_name_gives_nothing_of_its_address_away() -> None:
    name = name_of(Target("feishu", "https://open.feishu.cn/hook/SECRET", "s"))
    assert "SECRET" not in name
    assert len(name) == 16
