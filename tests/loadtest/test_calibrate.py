import subprocess
import sys

import pytest

from loadtest.calibrate import calibration_of
from loadtest.observations import Observations, Signal, _merge
from loadtest.policy import shipped_validity
from loadtest.steps import Slot
from loadtest.tally import Tally


def _seen(lags_ms: list[float], waits: list[float]) -> tuple[list[Slot], Observations]:
    tally, seen, slots = Tally(1), Observations(workers=1), []
    for rung, (lag_ms, wait) in enumerate(zip(lags_ms, waits, strict=True)):
        slots.append(Slot(100.0 * 2**rung, 4 * rung, 4 * rung + 3))
        for i in range(300):
            at = 4 * rung + i / 100
            tally.sent(0, at, at + lag_ms / 1000)
        seen.signals += [Signal(0, 4 * rung + s, 0.3, wait, 50.0, 1, lag_ms) for s in range(3)]
    for record in tally.take():
        _merge(seen, record)
    return slots, seen


def test_the_clean_maximum_is_the_last_of_an_unbroken_row():
    found = calibration_of(*_seen([1, 1, 9, 1], [0, 0, 0, 0]), shipped_validity())

    assert [rung.clean for rung in found.rungs] == [True, True, False, True]
    assert found.clean_requests_per_second == 200
    assert found.planned_requests_per_second == pytest.approx(120)


def test_a_starved_generator_has_no_clean_maximum():
    assert calibration_of(*_seen([1, 1], [0.3, 0.3]), shipped_validity()).clean_requests_per_second is None


def test_everything_but_the_engine_loads_without_locust():
    modules = ["loadtest.cli", "loadtest.publish", "loadtest.measure", "loadtest.calibrate", "loadtest.elsewhere"]
    code = f"import {', '.join(modules)}, sys; print([m for m in ('locust', 'gevent') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.alone
def test_calibrating_this_machine_writes_its_record(workspace):
    from surgeplan.cli import main

    assert main(["loadtest", "calibrate", "--workspace", str(workspace)]) in (0, 3)
    assert (workspace / "out/calibration.json").is_file()
