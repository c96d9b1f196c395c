"""One visitor: cookies of their own, connections shared with all others, time counted from the intended start."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loadtest.engine.connections import Refused
from loadtest.engine.session import Session
from loadtest.login import TO_LOGIN, is_login

if TYPE_CHECKING:
    from loadtest.engine.pump import Run

READS = frozenset(("GET", "HEAD", "OPTIONS"))


class Visit:
    """What the locustfile's methods are given. `intended` is when the next request was meant to go out."""

    __slots__ = (
        "_random",
        "_session",
        "_session_changed",
        "at",
        "failed",
        "intended",
        "number",
        "open",
        "requests",
        "run",
        "stage",
    )

    def __init__(self, run: Run, number: int, intended: float) -> None:
        self.run = run
        self.number = number
        self.intended = intended
        self.at = intended
        self.stage = 0
        self.requests = 0
        self.failed = False
        self.open = False
        self._session: Session | None = None
        self._session_changed = False
        self._random: random.Random | None = None

    @property
    def rng(self) -> random.Random:
        """Random numbers of this visitor alone: the same in every run of the scenario, however many workers."""
        if self._random is None:
            self._random = random.Random(self.run.scenario.seed * 1_000_003 + self.number)
        return self._random

    @property
    def client(self) -> Session:
        """Locust's own client, for what the short forms below cannot do."""
        self._session_changed = True
        return self._own_session()

    def leave(self) -> None:
        """Hand the session on, unless the journey had its hands on it and may have left headers of its own in it."""
        session, self._session = self._session, None
        if session is not None and not self._session_changed and not self.open:
            session.cookiejar.forget()
            session.request_event = None
            self.run.sessions.append(session)

    def _own_session(self) -> Session:
        if self._session is None:
            run = self.run
            self._session = run.sessions.pop() if run.sessions else Session(run.host, run.pool, run.marker_headers)
            self._session.request_event = self
        return self._session

    def pick(self, feeder: str) -> str:
        """A value of `data/<feeder>.csv`; a number from 1 to 1000 where there is no such file."""
        values = self.run.feeders.values(feeder)
        return self.rng.choice(values) if values else str(self.rng.randrange(1, 1001))

    def take(self, feeder: str) -> Mapping[str, str]:
        """The next row of `data/<feeder>.csv`, given to no other visitor; refused when the rows run out."""
        return self.run.feeders.take(feeder)

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> Any:
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Any) -> Any:
        return self.request("OPTIONS", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Any:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request of the current stage; options are those of locust's FastHttpUser client."""
        if method not in READS and not self.run.writes_allowed:
            raise Refused(f"refused: {method} writes; build with --allow-writes once the target is safe to write to")
        self.requests += 1
        self.at = time.monotonic() - self.run.zero
        self.run.tally.sent(self.stage, self.intended, self.at)
        self.run.open_requests += 1
        self.open = True
        try:
            return self._own_session().request(method, path, **options)
        finally:
            self.open = False
            self.run.open_requests -= 1

    def fire(self, **meta: Any) -> None:
        """Locust's client reports a finished request here; it goes on to locust counted from the intended start."""
        run, stage = self.run, self.run.scenario.stages[self.stage]
        service_seconds = meta["response_time"] / 1000
        error = error_name(meta)
        done = time.monotonic() - run.zero
        if error is not None and status_of(meta) in run.scenario.refusal_codes:
            run.tally.refused(self.stage, self.intended, done)
        else:
            run.tally.replied(self.stage, self.intended, self.at, service_seconds, stage.objective.p99_ms / 1000)
            run.tally.ended(self.stage, self.intended, done, error)
        self.failed = self.failed or error is not None
        meta["response_time"] += max(self.at - self.intended, 0.0) * 1000
        run.environment.events.request.fire(**meta)
        self.intended = done

    def begin(self, stage: int, intended: float) -> None:
        self.stage, self.intended, self.requests = stage, intended, 0


def error_name(meta: Mapping[str, Any]) -> str | None:
    """A short name for what went wrong: the status code and when to come back, or the exception's kind."""
    exception = meta["exception"]
    if exception is None:
        return TO_LOGIN if sent_to_login(meta) else None
    code = status_of(meta)
    if not code:
        return type(exception).__name__
    wait = (getattr(meta["response"], "headers", None) or {}).get("Retry-After")
    return f"{code}, Retry-After: {wait}" if wait else str(code)


def sent_to_login(meta: Mapping[str, Any]) -> bool:
    """Whether a redirect led to a login page, and nobody had asked for one."""
    redirects = getattr(meta["response"], "history", None)
    if not redirects:
        return False
    return is_login(redirects[-1].headers.get("location") or "") and not is_login(meta["url"])


def status_of(meta: Mapping[str, Any]) -> int:
    """The reply's status code; 0 where there was none."""
    return getattr(meta.get("response"), "status_code", 0) or 0


def marker_headers(marker: str, run_id: str) -> dict[str, str]:
    """Headers that mark every request as a test: our own, W3C baggage, and a User-Agent that says so."""
    return {
        "User-Agent": f"surgeplan-load-test/{marker} PerfomanceTest",
        "X-Load-Test": run_id,
        "baggage": f"loadtest={run_id}",
    }
