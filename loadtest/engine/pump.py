"""The pump: one task per worker that starts every visitor at the time the schedule says, whatever the target does."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from loadtest.engine.connections import GuardedPool, Refused
from loadtest.engine.session import Session
from loadtest.engine.visit import Visit, marker_headers
from loadtest.engine.watch import Watch
from loadtest.execution import RECORD_LOST
from loadtest.feeders import FeederEmpty, Feeders
from loadtest.hosts import Target
from loadtest.observations import DONE, FAILED, SLOW
from loadtest.scenario import Scenario
from loadtest.schedule import build_schedule
from loadtest.tally import Tally

KILL_SWITCH = "STOP"
Step = Callable[[Any, Visit], None]
Emit = Callable[[dict[str, Any]], None]


class Run:
    """One worker's share of a run: its schedule, its visitors, what it saw."""

    def __init__(
        self, environment: Any, scenario: Scenario, folder: Path, target: Target, worker: int, workers: int, emit: Emit
    ) -> None:
        self.environment, self.scenario, self.host, self.worker = environment, scenario, target.url, worker
        self.folder = folder
        self.schedule = build_schedule(scenario).shard(worker, workers)
        self.tally = Tally(scenario.window_seconds)
        self.pool = GuardedPool(target, scenario.in_flight_max, scenario.timeout_seconds)
        self.feeders = Feeders(folder / "data", worker, workers)
        run_id = os.environ.get("SURGEPLAN_RUN_ID", scenario.marker)
        self.marker_headers = marker_headers(scenario.marker, run_id)
        self.writes_allowed = scenario.writes_allowed or os.environ.get("SURGEPLAN_WRITES") == "allowed"
        self.sessions: list[Session] = []
        self.visits: dict[Visit, gevent.Greenlet] = {}
        self.watch = Watch()
        self.emit: Emit = lambda record: emit({"worker": worker, **record})
        self.zero = 0.0
        self.stopped = ""
        self.open_requests = 0
        self.complete = False
        self._steps: list[Step] = []
        self._objects: Any = None
        self._recent: list[list[int]] = []

    def pump(self, user: Any, steps: list[Step], begins_at_epoch: float) -> None:
        """Start every visitor on time, wait for the last ones, hand over what was seen."""
        self._steps, self._objects = steps, user
        allow_many_connections()
        gc.collect()
        gc.freeze()
        self.zero = time.monotonic() + begins_at_epoch - time.time()
        watcher = gevent.spawn(self._watch)
        try:
            self._start_visits()
            self._drain()
            self.complete = True
        finally:
            watcher.kill()
            self.finish()

    def now(self) -> float:
        """Seconds after the run's zero."""
        return time.monotonic() - self.zero

    def stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason

    def finish(self) -> None:
        """Hand over the rest: requests without a reply count as failed, arrivals that never left as unsent."""
        left, self.visits = self.visits, {}
        for visit in left:
            if visit.open:
                self.tally.ended(visit.stage, visit.intended, self.now(), "no reply")
        gevent.killall(list(left.values()), block=False)
        if left:
            self.tally.unsent["unfinished visits"] += len(left)
        self._hand_over()
        end = "done" if self.complete else "stopped"
        self.emit({"end": self.stopped or end, "at": self.now()})

    def _start_visits(self) -> None:
        schedule, streams = self.schedule, self.scenario.streams
        at_seconds, stream, number = (a.tolist() for a in (schedule.at_seconds, schedule.stream, schedule.number))
        firsts = [self.scenario.stage_index(s.stage) for s in streams]
        for i, at in enumerate(at_seconds):
            delay = at - self.now()
            if delay > 0:
                gevent.sleep(delay)
            if self.stopped:
                self.tally.unsent["stopped"] += len(at_seconds) - i
                return
            if len(self.visits) >= self.scenario.in_flight_max:
                self.tally.unsent["in-flight"] += 1
                continue
            goes_on = streams[stream[i]].goes_on
            visit = Visit(self, number[i], at)
            self.visits[visit] = gevent.spawn(self._visit, visit, firsts[stream[i]], goes_on)

    def _visit(self, visit: Visit, stage: int, goes_on: bool) -> None:
        try:
            self._walk(visit, stage, goes_on)
        finally:
            self.visits.pop(visit, None)
            visit.leave()

    def _walk(self, visit: Visit, stage: int, goes_on: bool) -> None:
        intended = visit.intended
        stages = self.scenario.stages
        self.tally.arrived(intended, self.now())
        while True:
            visit.begin(stage, intended)
            if not self._call(visit) or not goes_on or stage + 1 == len(stages):
                return
            if visit.rng.random() >= stages[stage].continues_ratio:
                return
            think = stages[stage].think_seconds / self.scenario.compression_at(self.now())
            intended = self.now() + (visit.rng.expovariate(1 / think) if think > 0 else 0.0)
            gevent.sleep(max(intended - self.now(), 0.0))
            if self.stopped:
                return
            stage += 1

    def _call(self, visit: Visit) -> bool:
        """Walk one stage; False where the visit ends here because something failed."""
        try:
            self._steps[visit.stage](self._objects, visit)
        except (Refused, FeederEmpty) as error:
            self.tally.unsent["refused"] += 1
            self.tally.errors[visit.stage, str(error)[:200]] += 1
            self.stop(str(error))
            return False
        except FAILURE_EXCEPTIONS as error:
            self.tally.ended(visit.stage, visit.intended, self.now(), type(error).__name__)
            return False
        except Exception as error:
            if not visit.failed:
                self.tally.unsent["broken"] += 1
                self.tally.errors[visit.stage, _where(error)] += 1
            return False
        return not visit.failed

    def _drain(self) -> None:
        """Wait for visitors on their way, longer for requests without a reply: those end by their own timeout."""
        thinking_until = self.now() + self.scenario.drain_seconds
        waiting_until = self.now() + max(self.scenario.drain_seconds, self.scenario.timeout_seconds + 5)
        while len(self.visits) and not self.stopped:
            if self.now() > waiting_until or (self.now() > thinking_until and not self.open_requests):
                return
            gevent.wait(list(self.visits.values()), timeout=0.25)

    def _watch(self) -> None:
        parent = os.getppid()
        second = 0
        while True:
            gevent.sleep(max(self.zero + second + 1 - time.monotonic(), 0.05))
            second += 1
            if (self.folder / KILL_SWITCH).exists():
                self.stop("kill switch")
            if os.getppid() != parent:
                self.stop("parent is gone")
            self._abort_if_failing()
            signal = self.watch.read()
            lag_max_ms, self.tally.lag_max_ms = self.tally.lag_max_ms, 0.0
            self.emit({"signal": [second - 1, *signal, len(self.visits), lag_max_ms]})
            self._hand_over()

    def _hand_over(self) -> None:
        for record in self.tally.take():
            self.emit(record)
            gevent.sleep(0)

    def _abort_if_failing(self) -> None:
        """Stop where too many of the last seconds' requests failed or were slow."""
        counts = [sum(cell[field] for cell in self.tally.cells.values()) for field in (DONE, FAILED, SLOW)]
        span = self.scenario.abort_seconds
        self._recent = [*self._recent, counts][-span:]
        ended, failed, slow = (sum(column) for column in zip(*self._recent, strict=True))
        if len(self._recent) < span or ended < 20:
            return
        if failed > self.scenario.abort_error_ratio * ended:
            self.stop(f"{failed} of {ended} requests failed within {span} s")
        if slow > self.scenario.abort_slow_ratio * ended:
            self.stop(f"{slow} of {ended} requests were slower than their objective within {span} s")


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_next.tb_frame.f_code.co_filename.endswith(".py"):
        if Path(trace.tb_frame.f_code.co_filename).name == "locustfile.py":
            break
        trace = trace.tb_next
    line = trace.tb_lineno if trace else 0
    file = Path(trace.tb_frame.f_code.co_filename).name if trace else ""
    return f"{file}:{line}: {type(error).__name__}: {error}"


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def write_lines(path: Path) -> Emit:
    """A function that appends each record to `path` as one line of JSON, at once readable by others.

    Where that fails the process ends.
    """
    file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def emit(record: dict[str, Any]) -> None:
        try:
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            # What is not recorded proves nothing: no more traffic for it.
            sys.stderr.write(f"{path.name}: {error.strerror}\n")
            sys.stderr.flush()
            os._exit(RECORD_LOST)

    return emit
