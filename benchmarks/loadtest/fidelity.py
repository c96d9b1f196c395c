"""Does the load that goes out have the curve that was asked for, and are the latencies it reports true?

    python benchmarks/loadtest/fidelity.py [--skip-peers]

Three scenes on this machine, against the practice target on 127.0.0.1, the peers in the same run:
* flash: 50 -> 400 (one second) -> 50 per second, by 1, 2 and 4 workers; error of each second against the schedule.
* half a second at 800 per second on top of 50: how much of it is sent, and sent within that half second.
* freeze: 100 per second, the target begins nothing for two seconds; p99 and the share over 300 ms against closed form.
Peers: plain locust (users and constant_throughput), k6 where `k6` is on the path or installed from PyPI, hey.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from campaign.files import write_json
from loadtest.execution import OBSERVATIONS, Launch, practice_target, run_locust
from loadtest.journeys import new_locustfile
from loadtest.observations import ALL_STAGES, LAG, RESPONSE, SENT, read_observations
from loadtest.results import PracticeTarget
from loadtest.scenario import Burst, Objective, Scenario, ScenarioStage, Stream, Stretch
from loadtest.schedule import build_schedule, counts_per_second, segments_of

FLASH = np.array([50.0] * 9 + [400.0] + [50.0] * 10)
STEADY = np.full(20, 100.0)
FREEZE_FROM, FREEZE_SECONDS, SLOW_MS = 6.0, 2.0, 300.0
TARGET = PracticeTarget(workers=64, service_ms=2.0)

PLAIN = """
from locust import FastHttpUser, LoadTestShape, constant_throughput, task
RATES = {rates}
class Plain(FastHttpUser):
    wait_time = constant_throughput({each})
    concurrency = 1
    @task
    def home(self):
        self.client.get("/")
class Shape(LoadTestShape):
    def tick(self):
        second = int(self.get_run_time())
        return (max(round(RATES[second] / {each}), 1), 1000) if second < len(RATES) else None
"""

K6 = """
import http from 'k6/http';
export const options = {{ discardResponseBodies: true, summaryTrendStats: ['p(50)', 'p(99)', 'max'], scenarios: {{ s: {{
  executor: 'ramping-arrival-rate', startRate: {first}, timeUnit: '1s', preAllocatedVUs: 400, stages: {stages} }} }} }};
export default function () {{ http.get('{url}/'); }}
"""


BURST = Burst(from_seconds=9.3, seconds=0.5, arrivals_per_second=800)


def scenario_of(rates: np.ndarray, arrivals: str, bursts: tuple[Burst, ...] = ()) -> Scenario:
    at = {"starts_at_utc": "2026-11-10T12:00:00Z", "ends_at_utc": "2026-11-10T13:00:00Z"}
    stage = ScenarioStage(
        stage="home", endpoint="GET /", continues_ratio=0, objective=Objective(p99_ms=SLOW_MS, error_ratio=0.01)
    )
    return Scenario(
        campaign="benchmark", curve="steps", duration_seconds=len(rates), seed=1, marker="benchmark", window_seconds=2,
        arrivals=arrivals, stretches=(Stretch(**at, from_seconds=0),), **at, stages=(stage,),
        streams=(Stream(stream="home", stage="home", goes_on=False, segments=segments_of(rates), bursts=bursts),),
    )  # fmt: skip


def ours(url: str, rates: np.ndarray, arrivals: str, processes: int, folder: Path, bursts: tuple[Burst, ...] = ()):
    """One run of ours: what was seen, and what the schedule asked for."""
    scenario = scenario_of(rates, arrivals, bursts)
    (folder / "locustfile.py").write_text(new_locustfile("benchmark", scenario.stages), "utf-8")
    write_json(folder / "scenario.json", scenario.model_dump(mode="json"))
    run_locust(
        Launch(folder, folder / "scenario.json", folder / "run", url, "benchmark", processes), 90, lambda _s: None
    )
    scheduled = counts_per_second(build_schedule(scenario).at_seconds, len(rates))
    return read_observations(folder / "run" / OBSERVATIONS), scheduled


def tracking(url: str, folder: Path, arrivals: str, processes: int) -> str:
    seen, scheduled = ours(url, FLASH, arrivals, processes, folder)
    sent = seen.counts(ALL_STAGES, len(FLASH))[:, SENT]
    lag = seen.histogram(ALL_STAGES, LAG)
    off = np.abs(sent - scheduled).sum() / scheduled.sum()
    return f"{sent.sum():6d} of {scheduled.sum()}   {off:7.2%}   {sent[9]:5d} of {scheduled[9]}   {_p(lag, 99):6.1f} ms"


def half_second(url: str, folder: Path) -> str:
    """A flash shorter than any tick: sent at all, and within its own second."""
    seen, scheduled = ours(url, np.full(20, 50.0), "even", 1, folder, (BURST,))
    sent = seen.counts(ALL_STAGES, 20)[:, SENT]
    return f"{sent.sum():6d} of {scheduled.sum()}   {sent[9]:5d} of {scheduled[9]} in the flash second"


def hey(url: str, folder: Path) -> str | None:
    """hey at the same rate: 10 workers with 10 requests per second each, as its users write it."""
    if shutil.which("hey") is None:
        return None
    done = subprocess.run(
        ["hey", "-z", "20s", "-c", "10", "-q", "10", "-o", "csv", url + "/"],
        cwd=folder, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    times = np.array([float(line.split(",")[0]) for line in done.stdout.splitlines()[1:]]) * 1000
    p99 = float(np.quantile(times, 0.99))
    return f"{len(times):6d}   p99 {p99:7.1f} ms   over 300 ms {(times > SLOW_MS).mean():6.2%}"


def _p(histogram, percentile: float) -> float:
    return histogram.get_value_at_percentile(percentile) / 1000 if histogram else float("nan")


def freeze_truth(rate: float, seconds: float) -> tuple[float, float]:
    """p99 in ms and the share over SLOW_MS, for arrivals over `seconds` with one freeze: uniform over the freeze."""
    frozen = rate * FREEZE_SECONDS
    everyone = rate * seconds
    return 1000 * FREEZE_SECONDS * (1 - 0.01 * everyone / frozen), frozen * (
        1 - SLOW_MS / 1000 / FREEZE_SECONDS
    ) / everyone


def freeze(url: str, folder: Path) -> str:
    seen, _scheduled = ours(url, STEADY, "even", 1, folder)
    response = seen.histogram(0, RESPONSE)
    slow = seen.counts(0, 30)[:, 4].sum() / response.get_total_count()
    return f"{response.get_total_count():6d}   p99 {_p(response, 99):7.1f} ms   over 300 ms {slow:6.2%}"


def plain_locust(url: str, rates: np.ndarray, each: int, folder: Path) -> dict:
    """Plain locust under a shape: its own statistics."""
    (folder / "plain.py").write_text(PLAIN.format(rates=rates.tolist(), each=each), "utf-8")
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "plain.py",
        "--headless",
        "--only-summary",
        "--host",
        url,
        "--json",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=90, check=False)
    return json.loads(done.stdout[done.stdout.index(b"[") :])[0]


def from_buckets(entry: dict) -> str:
    times = sorted((float(ms), n) for ms, n in entry["response_times"].items())
    total = sum(n for _ms, n in times)
    reached = np.cumsum([n for _ms, n in times])
    p99 = times[int(np.searchsorted(reached, 0.99 * total))][0]
    slow = sum(n for ms, n in times if ms > SLOW_MS) / total
    return f"{total:6d}   p99 {p99:7.1f} ms   over 300 ms {slow:6.2%}"


def k6(url: str, rates: np.ndarray, folder: Path) -> str | None:
    binary = shutil.which("k6", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if binary is None:
        return None
    stages = [
        part for rate in rates for part in ({"duration": "0s", "target": rate}, {"duration": "1s", "target": rate})
    ]
    (folder / "k6.js").write_text(K6.format(first=rates[0], stages=json.dumps(stages), url=url), "utf-8")
    subprocess.run([binary, "run", "-q", "--summary-export", "k6.json", "k6.js"], cwd=folder, capture_output=True,
                   timeout=90, check=False)  # fmt: skip
    metrics = json.loads((folder / "k6.json").read_text())["metrics"]
    count, p99 = metrics["http_reqs"]["count"], metrics["http_req_duration"]["p(99)"]
    return f"{count:6d}   p99 {p99:7.1f} ms   dropped {metrics.get('dropped_iterations', {}).get('count', 0)}"


@contextmanager
def frozen_target():
    extra = ("--stall-from-seconds", str(FREEZE_FROM + 4), "--stall-seconds", str(FREEZE_SECONDS))
    with practice_target(TARGET, extra=extra) as url:
        yield url


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--skip-peers", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, practice_target(TARGET) as url:
        folder = Path(name)
        print(f"flash, {FLASH.sum():.0f} asked for      sent      error per second   in the flash   lag p99")
        runs = (("even", "even", 1), ("Poisson", "poisson", 1), ("even", "even", 2), ("Poisson", "poisson", 4))
        for label, arrivals, processes in runs:
            print(
                f"surgeplan {label}, {processes} worker(s)   {tracking(url, folder, arrivals, processes)}", flush=True
            )
        if not given.skip_peers:
            for each in (1, 10):
                entry = plain_locust(url, FLASH, each, folder)
                print(
                    f"plain locust, constant_throughput({each})   {entry['num_requests']} of {FLASH.sum():.0f}",
                    flush=True,
                )
            print(f"k6   {k6(url, FLASH, folder)}", flush=True)
        print(f"\nhalf a second at 800: surgeplan   {half_second(url, folder)}", flush=True)
        if not given.skip_peers:
            halves = np.array([50.0] * 9 + [450.0] + [50.0] * 10)
            entry = plain_locust(url, halves, 10, folder)
            print(f"half a second at 800: plain locust   {entry['num_requests']} of {halves.sum():.0f}", flush=True)
        p99, slow = freeze_truth(100, 20)
        print(f"\nfreeze of {FREEZE_SECONDS:g} s, truth:       p99 {p99:7.1f} ms   over 300 ms {slow:6.2%}")
        with frozen_target() as url:
            print(f"surgeplan            {freeze(url, folder)}", flush=True)
        if not given.skip_peers:
            with frozen_target() as url:
                print(f"plain locust (10 users)  {from_buckets(plain_locust(url, STEADY, 10, folder))}", flush=True)
            with frozen_target() as url:
                print(f"k6   {k6(url, STEADY, folder)}", flush=True)
            with frozen_target() as url:
                print(f"hey (10 workers)   {hey(url, folder)}", flush=True)


if __name__ == "__main__":
    main()
