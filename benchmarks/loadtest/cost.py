"""Requests per generator-CPU-second: the open pump beside plain FastHttpUser, same machine, same target, in turn.

    python benchmarks/loadtest/cost.py [--rate 800] [--seconds 8] [--rounds 3] [--only-ratio]

CPU time is the process's own, between the first and the last request; the practice target runs in another process.
Then the lag of the pump at half this machine's clean maximum (`loadtest calibrate`), and flat-out peers (wrk, hey, k6)
per CPU second of their whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from fidelity import TARGET, ours

from campaign.console import no_progress
from loadtest.calibrate import publish_calibration
from loadtest.execution import practice_target
from loadtest.observations import ALL_STAGES, LAG

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

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

FLAT = """import http from 'k6/http';
export const options = {{vus: 20, duration: '{seconds}s', discardResponseBodies: true}};
export default function () {{ http.get('{url}/'); }}
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


def peer(name: str, command: list[str], found: str, folder: Path) -> str:
    """Requests, and requests per CPU second, of another generator flat out; `found` picks the count from its words."""
    if shutil.which(command[0], path=PATH) is None:
        return f"{name}: not installed"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command[0] = str(shutil.which(command[0], path=PATH))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    requests = int(re.search(found, done.stdout).group(1))
    return f"{name}: {requests} requests, {requests / cpu:.0f} per CPU second"


def half_of_clean(url: str, folder: Path) -> str:
    """The pump's lag at half of the clean maximum."""
    found = publish_calibration(folder, no_progress)
    if not found.clean_requests_per_second:
        return "this machine is too busy: no clean rate"
    rate = found.clean_requests_per_second / 2
    seen, _scheduled = ours(url, np.full(10, rate), "poisson", 1, folder)
    lag = seen.histogram(ALL_STAGES, LAG)
    return (f"clean maximum {found.clean_requests_per_second:.0f} per second; at {rate:.0f} lag p99 "
            f"{lag.get_value_at_percentile(99) / 1000:.2f} ms")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=800)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-ratio", action="store_true", help="neither lag nor peers")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, practice_target(TARGET) as url:
        folder = Path(name)
        ratios = []
        for _round in range(given.rounds):
            ours_now = pump(url, given.rate, given.seconds, folder)
            theirs, closed = (plain(url, rate, given.seconds, folder) for rate in (given.rate, 0))
            ratios.append(ours_now / theirs)
            print(f"pump {ours_now:6.0f}   FastHttpUser at the same rate {theirs:6.0f}   flat out {closed:6.0f}"
                  f"   ratio {ratios[-1]:.2f}, {ours_now / closed:.2f}", flush=True)  # fmt: skip
        print(f"median ratio at {given.rate:g} per second: {np.median(ratios):.2f}")
        if given.only_ratio:
            return
        print(half_of_clean(url, folder), flush=True)
        seconds = given.seconds
        (folder / "flat.js").write_text(FLAT.format(seconds=seconds, url=url))
        print(peer("wrk", ["wrk", "-t1", "-c20", f"-d{seconds}s", url + "/"], r"(\d+) requests in", folder), flush=True)
        print(
            peer("hey", ["hey", "-c", "20", "-z", f"{seconds}s", url + "/"], r"\[200\]\s+(\d+) responses", folder),
            flush=True,
        )
        print(peer("k6", ["k6", "run", "--quiet", "flat.js"], r"http_reqs[^:]*: (\d+)", folder), flush=True)


if __name__ == "__main__":
    main()
