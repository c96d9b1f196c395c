"""A practice target whose capacity is known: `workers` that each take `service` milliseconds, one queue, first come
first served.

Starts and ends of service are computed, not slept: a request that arrives at t begins when a worker is free,
max(t, earliest end), and its reply is sent at its computed end. So the queue is exact however late a timer fires, and
capacity is workers / service time. Several replicas have a queue each and are dealt the requests in turn.
Run as `python -m loadtest.practice`; it listens on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

REPLY = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%sX-Practice-Target: 1\r\n\r\n%s"
OK_BODY = b'{"practice": true}'
BUSY_BODY = b'{"busy": true}'
BURST_SECONDS = 0.1
COLD_FACTOR, RESTART_SECONDS = 4.0, 3.0


@dataclass
class Desk:
    """The queue and its workers; times in seconds of the event loop.

    cold_start_seconds: service takes four times as long at first, falling to its own time in a straight line.
    memory_requests: with more requests inside it is killed, loses them, and is back after `RESTART_SECONDS`, cold.
    """

    workers: int
    service_seconds: float
    exponential: bool = False
    queue_max: int | None = None
    stall_from_seconds: float = 0.0
    stall_seconds: float = 0.0
    seed: int = 0
    admits_per_second: float | None = None
    cold_start_seconds: float = 0.0
    memory_requests: int | None = None
    dead_until: float = 0.0
    tokens: float = 0.0
    filled_at: float = 0.0
    started_at: float = 0.0
    free_at: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    rng: random.Random = field(default_factory=random.Random)

    def open(self, now: float) -> None:
        self.started_at = now
        self.free_at = [now] * self.workers
        self.filled_at = now
        self.rng.seed(self.seed)

    def served_at(self, now: float) -> float | None:
        """When a request arriving now is done; None where the queue is full."""
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)
        if self.queue_max is not None and len(self.ends) >= self.workers + self.queue_max:
            return None
        begins = self._after_stall(max(now, self.free_at[0]))
        service = self.service_seconds * self._coldness(begins)
        ends = begins + (self.rng.expovariate(1 / service) if self.exponential else service)
        heapq.heapreplace(self.free_at, ends)
        heapq.heappush(self.ends, ends)
        return ends

    def survives(self, now: float) -> bool:
        """Whether it is there to take a request; one too many inside and it is killed."""
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)
        if self.memory_requests is not None and now >= self.dead_until and len(self.ends) >= self.memory_requests:
            self.dead_until = now + RESTART_SECONDS
            self.ends.clear()
            self.started_at = self.dead_until
            self.free_at = [self.dead_until] * self.workers
        return now >= self.dead_until

    def _coldness(self, begins: float) -> float:
        """How much longer service takes than it will."""
        if not self.cold_start_seconds:
            return 1.0
        left = max(1 - (begins - self.started_at) / self.cold_start_seconds, 0.0)
        return 1 + (COLD_FACTOR - 1) * min(left, 1.0)

    def admits(self, now: float) -> bool:
        """A token bucket, as gateways have it: `admits_per_second`, and a burst of a tenth of a second."""
        if self.admits_per_second is None:
            return True
        held = max(self.admits_per_second * BURST_SECONDS, 1.0)
        self.tokens = min(self.tokens + (now - self.filled_at) * self.admits_per_second, held)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _after_stall(self, begins: float) -> float:
        """Nothing begins during a stall."""
        stall = self.started_at + self.stall_from_seconds
        return stall + self.stall_seconds if stall <= begins < stall + self.stall_seconds else begins


class Connection(asyncio.Protocol):
    """One keep-alive connection; replies go out in the order of the requests."""

    def __init__(self, desks: Iterator[Desk], loop: asyncio.AbstractEventLoop) -> None:
        self.desks, self.loop = desks, loop
        self.transport: asyncio.Transport | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self._answer()

    def _answer(self) -> None:
        now, desk = self.loop.time(), next(self.desks)
        if not desk.survives(now):
            self._abort()
            return
        if not desk.admits(now):
            self._send(REPLY % (429, b"Too Many Requests", len(BUSY_BODY), b"Retry-After: 1\r\n", BUSY_BODY))
            return
        ends = desk.served_at(now)
        if ends is None:
            self._send(REPLY % (503, b"Busy", len(BUSY_BODY), b"Retry-After: 1\r\n", BUSY_BODY))
        else:
            reply = REPLY % (200, b"OK", len(OK_BODY), b"", OK_BODY)
            self.loop.call_at(ends, self._reply_unless_killed, desk, now, reply)

    def _reply_unless_killed(self, desk: Desk, came_at: float, reply: bytes) -> None:
        """Requests that were inside when it was killed get no reply."""
        if came_at < desk.dead_until:
            self._abort()
        else:
            self._send(reply)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _send(self, reply: bytes) -> None:
        if self.transport is not None:
            self.transport.write(reply)


async def serve(desks: Sequence[Desk], port: int) -> None:
    """Listen until cancelled; the port is said on stdout as soon as connections are accepted."""
    loop, in_turn = asyncio.get_running_loop(), cycle(desks)
    try:
        server = await loop.create_server(lambda: Connection(in_turn, loop), "127.0.0.1", port, backlog=4096)
    except OSError as error:
        sys.stdout.write(f"refused {error.strerror or error}\n")
        return
    for desk in desks:
        desk.open(loop.time())
    sys.stdout.write(f"listening {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await _until_parent_is_gone(server)


async def _until_parent_is_gone(server: asyncio.Server) -> None:
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    waiting = asyncio.create_task(_read_to_end(reader, gone))
    await gone.wait()
    waiting.cancel()
    server.close()


async def _read_to_end(reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
    while await reader.read(1024):
        pass
    gone.set()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--service-ms", type=float, default=10.0)
    parser.add_argument("--exponential", action="store_true")
    parser.add_argument("--queue-max", type=int)
    parser.add_argument("--stall-from-seconds", type=float, default=0.0)
    parser.add_argument("--stall-seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--admits-per-second", type=float)
    parser.add_argument("--cold-start-seconds", type=float, default=0.0)
    parser.add_argument("--memory-requests", type=int)
    given = parser.parse_args()
    desks = [
        Desk(
            given.workers, given.service_ms / 1000, given.exponential, given.queue_max,
            given.stall_from_seconds, given.stall_seconds, given.seed + replica, given.admits_per_second,
            given.cold_start_seconds, given.memory_requests,
        ) for replica in range(given.replicas)
    ]  # fmt: skip
    asyncio.run(serve(desks, given.port))


if __name__ == "__main__":
    main()
