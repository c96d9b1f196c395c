"""How replicas scale, and what an interrupted measurement leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from campaign.capacity import CapacityRange
from campaign.settings import Service
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.measurement import Measurement
from loadtest.publish import publish_scenario
from loadtest.replicas import capacity_of, measured_before, steps_name

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


@pytest.mark.slow
def test_an_interrupted_measurement_leaves_the_steps_it_finished(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=2))
    process = subprocess.Popen(
        [sys.executable, "-m", "surgeplan", "loadtest", "capacity", "storefront", "--campaign", "opening", "--practice",
         "--max-rate", "100", "--step-seconds", "3", "--workspace", str(workspace)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
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
