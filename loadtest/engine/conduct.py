"""Who starts when: one epoch, one scenario and one shard of the schedule for every worker."""

from __future__ import annotations

import logging
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner

from campaign.documents import read_json
from campaign.errors import UserError
from campaign.files import sha256
from loadtest.engine.pump import Emit, Run, write_lines
from loadtest.hosts import Target, checked_target, require_marked
from loadtest.scenario import SCENARIO, Scenario

START, READY, SEEN, FINISHED = "surge-start", "surge-ready", "surge-seen", "surge-finished"
CLOCK = "surge-clock"
ASK_AGAIN_SECONDS = 0.3
LEAD_SECONDS, LEAD_SECONDS_WITH_WORKERS = 0.5, 2.0
log = logging.getLogger("surgeplan")


class Conductor:
    """Lives in every locust process: the local one, the master, each worker."""

    def __init__(self, environment: Any, runner: Any, folder: Path) -> None:
        self.environment, self.runner, self.folder = environment, runner, folder
        self.begins_at_epoch, self.worker, self.workers = 0.0, 0, 1
        self.scenario_file = Path(os.environ.get("SURGEPLAN_SCENARIO", folder / SCENARIO))
        self.scenario = self._checked_scenario()
        self.target = self._checked_target(environment.host) if environment.host else None
        self.started = Event()
        self.run: Run | None = None
        self.finished: set[int] = set()
        self.orders: dict[str, dict[str, Any]] = {}
        self.emit: Emit = self._emit_to_master
        if isinstance(runner, MasterRunner | LocalRunner):
            self.emit = write_lines(Path(os.environ.get("SURGEPLAN_OBSERVATIONS", folder / "observations.jsonl")))
            environment.events.test_start.add_listener(self._on_test_start)
        if isinstance(runner, MasterRunner):
            runner.register_message(READY, self._on_ready)
            runner.register_message(SEEN, self._on_seen)
            runner.register_message(FINISHED, self._on_finished)
            runner.register_message(CLOCK, self._on_clock_asked)
        elif not isinstance(runner, LocalRunner):
            runner.register_message(START, self._on_start)
            runner.register_message(CLOCK, self._on_clock)
        environment.events.test_stopping.add_listener(self._on_stopping)

    def conduct(self, user: Any) -> None:
        """Called in the one user of a worker: wait for the start, run this worker's share, report its end."""
        while not self.started.wait(timeout=ASK_AGAIN_SECONDS):
            self.runner.send_message(READY, {})
        while self.run is not None:
            # Locust moved the user of a lost worker here; its share of the schedule is not this worker's to play.
            gevent.sleep(1)
        missing = [s.stage for s in self.scenario.stages if s.stage not in user.steps()]
        if missing:
            self._refuse(f"locustfile.py has no method marked @stage for: {', '.join(missing)}")
        steps = [user.steps()[s.stage] for s in self.scenario.stages]
        # Locust's web page and the locustfile may name another host than the command line did.
        known = self.target is not None and user.host == self.environment.host
        target = self.target if known and self.target else self._checked_target(user.host)
        self.run = Run(
            self.environment, self.scenario, self.folder, target, self.worker, self.workers, self.emit
        )  # fmt: skip
        self.run.pump(user, steps, self.begins_at_epoch)
        if isinstance(self.runner, LocalRunner):
            self._quit()
        while True:
            if not isinstance(self.runner, LocalRunner):
                self.runner.send_message(FINISHED, {"worker": self.worker})
            gevent.sleep(1)

    def _checked_scenario(self) -> Scenario:
        try:
            return read_json(self.scenario_file, str(self.scenario_file), Scenario)
        except UserError as error:
            self._refuse(str(error))
        raise AssertionError("a refusal ends the process")

    def _checked_target(self, url: str | None) -> Target:
        """The host of the command line, or of the locustfile: both may be wrong."""
        try:
            target = checked_target(url or "", self.scenario.allowed_hosts, os.environ.get("SURGEPLAN_CONFIRMED"))
            if self.worker == 0:
                require_marked(target, self.scenario.marker)
            return target
        except UserError as error:
            self._refuse(str(error))
        raise AssertionError("a refusal ends the process")

    def _refuse(self, reason: str) -> None:
        log.error(reason)
        sys.stderr.flush()
        os._exit(2)

    def _on_test_start(self, **_kwargs: Any) -> None:
        with_workers = isinstance(self.runner, MasterRunner)
        self.begins_at_epoch = time.time() + (LEAD_SECONDS_WITH_WORKERS if with_workers else LEAD_SECONDS)
        if isinstance(self.runner, MasterRunner):
            clients = [c for c in self.runner.clients.ready if c.id]
            self.workers = len(clients)
            for index, client in enumerate(clients):
                order = {
                    "begins_at_epoch": self.begins_at_epoch,
                    "worker": index,
                    "workers": self.workers,
                    "scenario": sha256(self.scenario_file),
                    "versions": own_versions(),
                }
                self.orders[client.id] = order
                self.runner.send_message(START, order, client.id)
            gevent.spawn(self._watch_workers)
        self.emit({"begins_at_epoch": self.begins_at_epoch, "workers": self.workers})
        self.started.set()

    def _watch_workers(self) -> None:
        """A lost worker takes its share of the schedule with it: the run proves nothing more and ends."""
        while True:
            gevent.sleep(0.5)
            for client_id, order in self.orders.items():
                client = self.runner.clients.get(client_id)
                gone = client is None or client.state == STATE_MISSING
                if gone and order["worker"] not in self.finished:
                    at = time.time() - self.begins_at_epoch
                    self.emit({"worker": order["worker"], "end": f"worker {order['worker']} was lost", "at": at})
                    self._quit()
                    return

    def _on_ready(self, msg: Any, **_kwargs: Any) -> None:
        """A worker whose order got lost asks again; the order itself never changes."""
        order = self.orders.get(msg.node_id)
        if order is not None:
            self.runner.send_message(START, order, msg.node_id)

    def _on_start(self, msg: Any, **_kwargs: Any) -> None:
        if self.started.is_set():
            return
        order = msg.data
        problem = order_problem(order, sha256(self.scenario_file), own_versions())
        if problem:
            # The master hears of it before this worker goes: otherwise it would wait for it to the end.
            self.runner.send_message(SEEN, {"worker": order["worker"], "end": problem, "at": 0.0})
            self.runner.send_message(FINISHED, {"worker": order["worker"]})
            gevent.sleep(0.5)
            self._refuse(problem)
        self.begins_at_epoch, self.worker, self.workers = (
            order["begins_at_epoch"], order["worker"], order["workers"],
        )  # fmt: skip
        self.runner.send_message(CLOCK, {"asked_at_epoch": time.time()})
        self.started.set()

    def _on_clock_asked(self, msg: Any, **_kwargs: Any) -> None:
        self.runner.send_message(CLOCK, msg.data | {"master_epoch": time.time()}, msg.node_id)

    def _on_clock(self, msg: Any, **_kwargs: Any) -> None:
        """The master's clock, known to half the round trip (Cristian 1989)."""
        now, asked = time.time(), msg.data["asked_at_epoch"]
        offset = (asked + now) / 2 - msg.data["master_epoch"]
        self.emit({"worker": self.worker, "clock_offset_seconds": offset, "clock_doubt_seconds": (now - asked) / 2})

    def _emit_to_master(self, record: dict[str, Any]) -> None:
        self.runner.send_message(SEEN, record)

    def _on_seen(self, msg: Any, **_kwargs: Any) -> None:
        self.emit(msg.data)

    def _on_finished(self, msg: Any, **_kwargs: Any) -> None:
        known = len(self.finished)
        self.finished.add(msg.data["worker"])
        if known < len(self.finished) == self.workers:
            self._quit()

    def _on_stopping(self, **_kwargs: Any) -> None:
        if self.run is not None and not self.run.stopped and self.run.visits:
            self.run.stop("stopped")

    def _quit(self) -> None:
        self.environment.process_exit_code = 0
        gevent.spawn_later(0.2, self.runner.quit)


def own_versions() -> dict[str, str]:
    """What must be the same in all processes of a run."""
    return {name: version(name) for name in ("surgeplan", "locust")}


def order_problem(order: dict[str, Any], scenario_hash: str, versions: dict[str, str]) -> str | None:
    """Why a worker must not follow an order; None where it may."""
    for name, own in versions.items():
        if order["versions"].get(name) != own:
            return f"a worker has {name} {own}, the master {order['versions'].get(name)}"
    if order["scenario"] != scenario_hash:
        return "a worker's scenario.json is not the master's"
    return None
