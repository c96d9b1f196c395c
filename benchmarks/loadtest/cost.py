"""Requests per generator-CPU-second: the open pump beside plain FastHttpUser, same machine, same target, in turn.

    python benchmarks/loadtest/cost.py [--rate 800] [--seconds 8]

CPU time is the process's own, between the first and the last request; the practice target runs in another process.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from fidelity import TARGET, ours

from loadtest.execution import practice_target

PLAIN = """
import time
from locust import FastHttpUser, constant_throughput, events, task
class Plain(FastHttpUser):
    wait_time = constant_throughput({each})
    @task
    def home(self):
        self.client.get("/")
@events.spawning_complete.add_listener
def begin(**kw):
    Plain.began = time.process_time()
@events.test_stopping.add_listener
def end(**kw):
    print("CPU", time.process_time() - Plain.began, flush=True)
"""


def plain(url: str, rate: float, seconds: int, folder: Path) -> float:
    """Requests per CPU second of FastHttpUser with 20 users at that rate together (0: as fast as they can)."""
    (folder / "plain.py").write_text(PLAIN.format(each=rate / 20 if rate else 100_000), "utf-8")
    command = [sys.executable, "-m", "locust", "-f", "plain.py", "--headless", "--only-summary", "--host", url,
               "-u", "20", "-r", "100", "-t", f"{seconds}s", "--json"]  # fmt: skip
    out = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False).stdout
    cpu = re.search(r"CPU ([0-9.]+)", out)
    entries = json.loads(out[out.index("[", out.index("CPU")) :]) if cpu else []
    return entries[0]["num_requests"] / float(cpu.group(1)) if cpu and entries else float("nan")


def pump(url: str, rate: float, seconds: int, folder: Path) -> float:
    """Requests per CPU second of the open pump."""
    seen, scheduled = ours(url, np.full(seconds, rate), "poisson", 1, folder)
    share = [s.run_ratio for s in seen.signals if 1 <= s.second < seconds]
    return float(scheduled.sum() / seconds / np.mean(share))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=800)
    parser.add_argument("--seconds", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, practice_target(TARGET) as url:
        folder = Path(name)
        ratios = []
        for _round in range(3):
            ours_now = pump(url, given.rate, given.seconds, folder)
            theirs, closed = (plain(url, rate, given.seconds, folder) for rate in (given.rate, 0))
            ratios.append(ours_now / theirs)
            print(f"pump {ours_now:6.0f}   FastHttpUser at the same rate {theirs:6.0f}   flat out {closed:6.0f}"
                  f"   ratio {ratios[-1]:.2f}, {ours_now / closed:.2f}", flush=True)  # fmt: skip
        print(f"median ratio at {given.rate:g} per second: {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
