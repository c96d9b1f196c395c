"""How replicas scale, and what an interrupted measurement leaves."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from campaign.capacity import CapacityRange
from campaign.settings import Service
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.measurement import Measurement
from loadtest.publish import publish_scenario
from loadtest.replicas import capacity_of, measured_before, steps_name
from loadtest.results import PracticeTarget
from loadtest.scaling_law import scaling_of_replicas
from loadtest.steps import slots_of

AT = datetime(2026, 11, 8, tzinfo=UTC)


def _measured(replicas: int, mid: float, image: str = "shop:7") -> Measurement:
    return Measurement(
        service="storefront", campaign="opening", outcome="measured", replicas=replicas, objective_p99_ms=300,
        objective_assumed=False, mix={"product": 1.0}, knee=CapacityRange(low=0.9 * mid, mid=mid, high=1.1 * mid),
        steps=(), seed=0, measured_at_utc=AT, host="http://shop.staging", image=image,
    )  # fmt: skip


def test_plans_use_the_number_of_replicas_whose_lower_bound_is_lowest():
    known = [_measured(1, 100), _measured(2, 96), _measured(4, 80), _measured(8, 10, image="shop:6")]
    capacity = capacity_of(Service(name="storefront"), known[0], known)

    assert capacity.capacity_requests_per_second_per_replica.mid == 80
    assert [(r.replicas, r.efficiency_ratio) for r in capacity.replicas] == [(1, 1.0), (2, 0.96), (4, 0.8)]


def test_measurements_are_kept_by_number_of_replicas(tmp_path):
    for found in (_measured(1, 100), _measured(4, 80)):
        (tmp_path / steps_name(found.replicas)).write_text(found.model_dump_json())
    (tmp_path / "steps-2-replicas.json").write_text("{ cut")

    assert [m.replicas for m in measured_before(tmp_path)] == [1, 4]


@pytest.fixture
def benchmark():
    """The benchmark's practice targets behind its balancer."""
    script = Path(__file__).parents[2] / "benchmarks" / "loadtest" / "replicas.py"
    spec = importlib.util.spec_from_file_location("replicas_benchmark", script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.alone
def test_one_two_and_four_replicas_behind_a_balancer_give_the_law_of_what_they_share(tmp_path, monkeypatch, benchmark):
    shares = (0.08, 0.01)
    carries = {n: n * 50 / benchmark.stretched(n, *shares) for n in benchmark.SIZES}

    def two_steps(run, _objective_ms, wanted, _rng):
        """One step that holds and one that saturates, in place of the whole search."""
        rates = [0.5 * carries[wanted.replicas], 1.4 * carries[wanted.replicas]]
        return run(slots_of(rates, 6, carries[wanted.replicas]), False)[0], (rates[0], rates[1])

    monkeypatch.setattr("loadtest.measure.search", two_steps)
    workspace, scenario = benchmark.workspace_of(tmp_path)
    carried = {}
    for replicas in benchmark.SIZES:
        target = PracticeTarget(workers=1, service_ms=20 * benchmark.stretched(replicas, *shares))
        wanted = benchmark.MeasureWanted(step_seconds=6, seed=replicas)
        found, _capacity = benchmark.measured(workspace, scenario, replicas, wanted, target)
        carried[replicas] = found.saturated_requests_per_second
        assert [step.saturated for step in found.steps] == [False, True]
        assert carried[replicas].mid == pytest.approx(carries[replicas], rel=0.05)

    # Figures up to 5 % off can put eight replicas anywhere between 0.31 and 0.68; truth is 0.47, and 0.74 for four.
    law = scaling_of_replicas(carried, np.random.default_rng(0))
    assert law.requests_per_second_of_one.mid == pytest.approx(50, rel=0.06)
    eight = law.expected[0].efficiency_ratio
    assert 0.31 < eight.mid < 0.69
    assert eight.low < eight.high


@pytest.mark.slow
def test_an_interrupted_measurement_leaves_the_steps_it_finished(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=2))
    process = subprocess.Popen(
        [sys.executable, "-m", "surgeplan", "loadtest", "capacity", "storefront", "--campaign", "opening", "--practice",
         "--max-rate", "100", "--step-seconds", "3", "--workspace", str(workspace)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background shell would have it ignored
    )  # fmt: skip
    seen = workspace / "out/capacity/storefront/run/observations.jsonl"
    until = time.monotonic() + 40
    while time.monotonic() < until and not (seen.is_file() and '"cells":[[8' in seen.read_text("utf-8")):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    out, _err = process.communicate(timeout=30)

    assert process.returncode == 130
    steps = json.loads((workspace / "out/capacity/storefront/steps.json").read_text("utf-8"))
    assert steps["outcome"] == "interrupted"
    assert len(steps["steps"]) >= 1
    assert b"steps are kept" in out
    assert not (workspace / "out/capacity/storefront.json").exists()
