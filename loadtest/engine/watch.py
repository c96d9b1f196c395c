"""Is it the generator? CPU time and time spent waiting for a CPU, from the kernel."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

SCHEDSTAT = Path("/proc/thread-self/schedstat")


class Watch:
    """Shares of one core since the last reading."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._clock, self._run, self._wait = time.monotonic(), *self._spent()

    def read(self) -> tuple[float, float | None, float]:
        """CPU run share, run-queue wait share (None where the kernel does not say), resident memory in MiB."""
        clock, (run, wait) = time.monotonic(), self._spent()
        passed = max(clock - self._clock, 1e-6)
        run_ratio = (run - self._run) / passed
        wait_ratio = None if wait is None or self._wait is None else (wait - self._wait) / passed
        self._clock, self._run, self._wait = clock, run, wait
        return run_ratio, wait_ratio, self._process.memory_info().rss / 2**20

    def _spent(self) -> tuple[float, float | None]:
        """Seconds run and seconds waited, of the thread that the pump lives in (proc(5), schedstat)."""
        try:
            run, wait, _slices = SCHEDSTAT.read_text().split()
        except OSError:
            return time.thread_time(), None
        return int(run) / 1e9, int(wait) / 1e9
