"""Sends messages one after another in a thread of its own: paced, tried again where the platform says so."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from warroom.chat.messages import Message, post_of, refused
from warroom.chat.pace import REMEMBERED, earliest
from warroom.chat.targets import Target

LOG = logging.getLogger("surgeplan.chat")
SECONDS_MAX = 10
TRIES = 4
WAIT = timedelta(seconds=20)

Speak = Callable[[Target], Message]
"""The message in the target's language."""


@dataclass(frozen=True)
class Taken:
    """What became of one message."""

    target: Target
    taken: bool
    why: str = ""


def send_once(message: Message, target: Target, now: datetime) -> tuple[bool, bool, str]:
    """(taken, may be tried again, why not)."""
    if target.platform == "apprise":
        return _through_apprise(message, target)
    post = post_of(message, target, now)
    headers = {"content-type": "application/json"}
    headers |= {"authorization": f"Bearer {post.token}"} if post.token else {}
    request = urllib.request.Request(post.url, json.dumps(post.body, ensure_ascii=False).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
            status, text = answer.status, answer.read(10_000)
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read(10_000)
    except OSError as error:
        return False, True, str(getattr(error, "reason", error))
    try:
        told = json.loads(text or b"{}")
    except ValueError:
        told = {}
    no = refused(target.platform, status, told if isinstance(told, dict) else {})
    return (True, False, "") if no is None else (False, *no)


def _through_apprise(message: Message, target: Target) -> tuple[bool, bool, str]:
    try:
        from apprise import Apprise
    except ImportError:
        return False, False, "needs surgeplan[notify]"
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs addresses, and those are secrets
    sender = Apprise()
    if not sender.add(target.url):
        return False, False, "apprise does not know this address"
    taken = bool(sender.notify(title=message.title, body="\n".join(message.lines)))
    return taken, not taken, "" if taken else "not taken"


@dataclass
class Sender:
    """One thread per service; `wait` and `clock` stand in for time in tests."""

    targets: Sequence[Target]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], object] = time.sleep
    _waiting: queue.Queue[Speak | None] = field(default_factory=queue.Queue)
    _sent: dict[Target, deque[datetime]] = field(default_factory=dict)
    _thread: threading.Thread | None = None
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="chat", daemon=True)
        self._thread.start()

    def tell(self, speak: Speak) -> None:
        """Queue a message for every target."""
        if self.targets:
            self._waiting.put(speak)

    def stop(self) -> None:
        """Send what waits, then end."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _work(self) -> None:
        while (speak := self._waiting.get()) is not None:
            for done in self.send(speak):
                if not done.taken:
                    LOG.warning("%s did not take a message: %s", done.target.platform, done.why)

    def send(self, speak: Speak) -> list[Taken]:
        """Send one message to every target, waiting as long as their limits ask for."""
        return [self._to(target, speak(target)) for target in self.targets]

    def deliver(self, message: Message, target: Target) -> tuple[bool, bool, str]:
        """One try, as soon as the target's limits allow: (taken, may be tried again, why not)."""
        with self._one_at_a_time:  # a platform's limits count what all threads of this sender send
            sent = self._sent.setdefault(target, deque(maxlen=REMEMBERED))
            now = self.clock()
            at = earliest(target.platform, list(sent), now, urgent=message.urgent)
            self.wait(max((at - now).total_seconds(), 0.0))
            sent.append(self.clock())
            return send_once(message, target, self.clock())

    def _to(self, target: Target, message: Message) -> Taken:
        why = ""
        for attempt in range(TRIES):
            taken, again, why = self.deliver(message, target)
            if taken or not again:
                return Taken(target, taken, why)
            self.wait((WAIT * 2**attempt).total_seconds())
        return Taken(target, False, why)
