"""Connections to the run's target, shared by all visitors of a worker."""

from __future__ import annotations

from select import POLLIN
from typing import Any

from gevent.monkey import get_original
from geventhttpclient.client import HTTPClientPool

from loadtest.hosts import Target

poll = get_original("select", "poll")


class Refused(Exception):
    """A request that must not leave: another host than the run's, or a write that was not allowed."""


class GuardedPool(HTTPClientPool):  # type: ignore[misc]
    """Connections to the run's target and nowhere else; redirects and absolute addresses come through here too.

    Its name is resolved once: every address that a run uses was checked, and a burst of new connections asks no DNS.
    """

    def __init__(self, target: Target, size: int, timeout_seconds: float) -> None:
        super().__init__(concurrency=size, network_timeout=timeout_seconds, connection_timeout=timeout_seconds)
        self.target = target

    def get_client(self, url: Any) -> Any:
        key = url.host, url.port
        if key != (self.target.host, self.target.port):
            raise Refused(f"refused: {url.host}:{url.port} is not the host under test")
        known = self.clients.get(key)
        if known is not None:
            return known
        client = super().get_client(url)
        connections = client._connection_pool
        # geventhttpclient sends a GET whose connection broke up to `size + 1` times again; `size` is thousands here:
        # against a target that restarts that is a storm nobody planned. Once, as browsers do.
        connections.size = 0
        checked = [found for found in connections._resolve() if found[-1][0] in self.target.addresses]
        connections._resolve = lambda: checked
        connections._is_socket_alive = still_idle
        return client


def still_idle(sock: Any) -> bool:
    """Whether a kept connection may be used again: open, and with nothing to read.

    geventhttpclient asks select(2), which takes no descriptor above 1023, so that it closes every connection beyond a
    thousand after one request, and which gevent answers only after a turn of its loop.
    """
    descriptor = sock.fileno()
    if descriptor < 0:
        return False
    asked = poll()
    asked.register(descriptor, POLLIN)
    return not asked.poll(0)
