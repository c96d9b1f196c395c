"""Do 1, 2 and 4 replicas measure as they are? Practice targets behind a balancer, the closed form as the truth.

    python benchmarks/loadtest/replicas.py [--step-seconds 10] [--contention 0.08] [--coherency 0.01]

Each replica is a process of its own; a balancer deals them the requests in turn, one by one, over kept connections.
What they share is put into their service time: with N of them it is 1 + contention (N - 1) + coherency N (N - 1) times
as long, which is the Universal Scalability Law itself. `loadtest capacity --replicas N` sees one host on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import numpy as np

from campaign.capacity import Capacity
from campaign.console import no_progress
from campaign.files import write_text
from campaign.workspace import Workspace, open_workspace
from loadtest.execution import practice_target
from loadtest.journeys import LOCUSTFILE, new_locustfile
from loadtest.measure import MeasureWanted, publish_capacity
from loadtest.measurement import Measurement
from loadtest.queueing import knee_per_second
from loadtest.results import PracticeTarget
from loadtest.scaling_law import scaling_of_replicas
from loadtest.scenario import Objective, Scenario, ScenarioStage, Stream, Stretch

WORKERS, SERVICE_MS, OBJECTIVE_MS = 4, 20.0, 200.0
SIZES = (1, 2, 4)
AT = datetime(2026, 11, 8, 12, 0, tzinfo=UTC)
SETTINGS = f"""schema_version: 1
time_zone: Asia/Shanghai
services:
  - {{name: shop, slo: {{p99_ms: {OBJECTIVE_MS:g}, error_ratio: 0.01}}}}
"""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Replica:
    """One target behind the balancer, and the connections to it that nobody uses just now."""

    port: int
    idle: list[Streams] = field(default_factory=list)

    async def ask(self, request: bytes) -> bytes:
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            reply = await message(reader)
        except BaseException:
            writer.close()
            raise
        self.idle.append((reader, writer))
        return reply


async def message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or reply."""
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return head + await reader.readexactly(length)


async def deal(ports: list[int], stop: asyncio.Event, listening: Callable[[int], None]) -> None:
    """Listen on 127.0.0.1 until stopped."""
    replicas = [Replica(port) for port in ports]
    turn = cycle(replicas)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                writer.write(await next(turn).ask(await message(reader)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    listening(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    serving = asyncio.all_tasks() - {asyncio.current_task()}
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    for replica in replicas:
        for _reader, writer in replica.idle:
            writer.close()
    await asyncio.sleep(0.1)


@contextlib.contextmanager
def dealing_in_turn(ports: list[int]) -> Iterator[str]:
    """The balancer in a thread of its own; yields its URL."""
    loop, stop, at = asyncio.new_event_loop(), asyncio.Event(), queue.Queue[int]()
    thread = threading.Thread(target=lambda: loop.run_until_complete(deal(ports, stop, at.put)), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{at.get(timeout=10)}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def stretched(replicas: int, contention: float, coherency: float) -> float:
    """How much longer each replica's service takes for what they share."""
    return 1 + contention * (replicas - 1) + coherency * replicas * (replicas - 1)


def workspace_of(folder: Path) -> tuple[Workspace, Scenario]:
    """One service, one endpoint."""
    times = {"starts_at_utc": AT, "ends_at_utc": AT.replace(hour=13)}
    stage = ScenarioStage(
        stage="home", endpoint="GET /", continues_ratio=0, requests={"shop": 1.0},
        objective=Objective(p99_ms=OBJECTIVE_MS, error_ratio=0.01),
    )  # fmt: skip
    scenario = Scenario(
        campaign="benchmark", curve="steps", duration_seconds=10, seed=1, marker="benchmark", window_seconds=1,
        stretches=(Stretch(**times, from_seconds=0),), **times, stages=(stage,),
        streams=(Stream(stream="home", stage="home", goes_on=False, segments=()),),
    )  # fmt: skip
    write_text(folder / "surgeplan.yaml", SETTINGS)
    (folder / "campaigns").mkdir()
    write_text(folder / "out/benchmark/loadtest" / LOCUSTFILE, new_locustfile("benchmark", scenario.stages))
    return open_workspace(folder), scenario


def measured(
    workspace: Workspace, scenario: Scenario, replicas: int, wanted: MeasureWanted, target: PracticeTarget
) -> tuple[Measurement, Capacity | None]:
    """One measurement of so many replicas, each a process, behind a balancer."""
    with contextlib.ExitStack() as stack:
        urls = [
            stack.enter_context(practice_target(target, extra=("--seed", str(wanted.seed + i))))
            for i in range(replicas)
        ]
        url = stack.enter_context(dealing_in_turn([int(url.rsplit(":", 1)[1]) for url in urls]))
        return publish_capacity(
            workspace, "shop", scenario,
            MeasureWanted(url, step_seconds=wanted.step_seconds, replicas=replicas, seed=wanted.seed), AT, no_progress,
        )  # fmt: skip


def truth_of(replicas: int, contention: float, coherency: float) -> tuple[float, float]:
    """Per replica: where p99 meets the objective, and what it carries at most."""
    service_seconds = SERVICE_MS * stretched(replicas, contention, coherency) / 1000
    knee = knee_per_second(WORKERS, service_seconds, OBJECTIVE_MS / 1000, dealt_to=replicas)
    return knee, WORKERS / service_seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--step-seconds", type=int, default=10)
    parser.add_argument("--contention", type=float, default=0.08)
    parser.add_argument("--coherency", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    shares = given.contention, given.coherency
    carried = {}
    print("replicas  knee each, truth  measured (95 %)         saturated together, truth  measured (95 %)")
    with tempfile.TemporaryDirectory() as name:
        workspace, scenario = workspace_of(Path(name))
        for replicas in SIZES:
            wanted = MeasureWanted(step_seconds=given.step_seconds, seed=given.seed + replicas)
            service_ms = SERVICE_MS * stretched(replicas, *shares)
            target = PracticeTarget(workers=WORKERS, service_ms=service_ms, distribution="exponential")
            found, _capacity = measured(workspace, scenario, replicas, wanted, target)
            if found.saturated_requests_per_second:
                carried[replicas] = found.saturated_requests_per_second
            knee, most = truth_of(replicas, *shares)
            print(f"{replicas:8d}{knee:18.1f}  {_range(found.knee):22}{replicas * most:27.1f}  "
                  f"{_range(found.saturated_requests_per_second)}   {found.outcome}", flush=True)  # fmt: skip
    law = scaling_of_replicas(carried, np.random.default_rng(given.seed))
    if law is None:
        print("no law over replicas: some number of them was never saturated")
        return
    print(
        f"contention {shares[0]:g}: {_range(law.contention, 3)}   coherency {shares[1]:g}: {_range(law.coherency, 4)}"
    )
    for expected in law.expected:
        true = 1 / stretched(expected.replicas, *shares)
        print(f"{expected.replicas} replicas: each carries {true:.2f} of one's own; expected "
              f"{_range(expected.efficiency_ratio, 2)}")  # fmt: skip


def _range(found, digits: int = 1) -> str:
    if found is None:
        return "-"
    return f"{found.mid:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


if __name__ == "__main__":
    main()
