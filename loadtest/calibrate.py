"""How many requests per second a worker of this machine sends cleanly: the same engine against the practice target."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from campaign.console import Progress
from campaign.documents import FileRecord
from campaign.errors import UserError
from campaign.files import write_json, write_text
from campaign.language import say
from loadtest.execution import OBSERVATIONS, Launch, practice_target, run_locust, startup_problem
from loadtest.journeys import LOCUSTFILE, new_locustfile
from loadtest.observations import ALL_STAGES, LAG, Observations, merged, quantiles_ms, read_observations
from loadtest.policy import Validity, shipped_validity
from loadtest.results import PracticeTarget
from loadtest.scenario import SCENARIO, Objective, Scenario, ScenarioStage, Stream, Stretch
from loadtest.steps import Slot, ladder, slots_of, step_scenario

CALIBRATION = "calibration.json"
RUNG_SECONDS, LOWEST, HIGHEST = 4, 125.0, 4000.0
# Run at most at this share of the clean maximum: neighbours and journeys with more to do need the rest.
PLANNED_RATIO = 0.6


class Rung(FileRecord):
    """What the generator did at one rate; shares are of one core."""

    requests_per_second: float
    lag_p99_ms: float
    cpu_run_ratio: float
    cpu_wait_ratio: float | None
    clean: bool


class Calibration(FileRecord):
    """`out/calibration.json`: one worker of one machine, trivial requests, target on the same machine."""

    schema_version: Literal[1] = 1
    clean_requests_per_second: float | None
    planned_requests_per_second: float | None
    rungs: tuple[Rung, ...]


def publish_calibration(out: Path, told: Progress) -> Calibration:
    """Climb until the generator is no longer clean and write `calibration.json` into `out`.

    Raises:
        UserError: locust did not start.
    """
    slots = slots_of([*ladder(LOWEST, HIGHEST)], RUNG_SECONDS, None)
    with tempfile.TemporaryDirectory() as name, practice_target(PracticeTarget(workers=1000, service_ms=1.0)) as url:
        folder = Path(name)
        scenario = _scenario(slots)
        write_text(folder / LOCUSTFILE, new_locustfile("calibration", scenario.stages))
        write_json(folder / SCENARIO, scenario.model_dump(mode="json"))
        launch = Launch(folder, folder / SCENARIO, folder / "run", url, "calibration")
        seconds, doing = slots[-1].last, say("Finding this machine's clean maximum")
        run_locust(launch, seconds + 60, lambda gone: told(doing, int(min(gone, seconds)), seconds))
        seen = read_observations(launch.record / OBSERVATIONS)
        if not seen.cells:
            raise UserError(startup_problem(launch.record))
    found = calibration_of(slots, seen, shipped_validity())
    write_json(out / CALIBRATION, found.model_dump(mode="json"))
    return found


def calibration_of(slots: Sequence[Slot], seen: Observations, policy: Validity) -> Calibration:
    """Judge each rung; the clean maximum is the last of the unbroken row of clean ones."""
    rungs = tuple(_rung(slot, seen, policy) for slot in slots)
    clean = [rung.requests_per_second for i, rung in enumerate(rungs) if all(r.clean for r in rungs[: i + 1])]
    best = clean[-1] if clean else None
    return Calibration(
        clean_requests_per_second=best,
        planned_requests_per_second=PLANNED_RATIO * best if best else None,
        rungs=rungs,
    )


def _rung(slot: Slot, seen: Observations, policy: Validity) -> Rung:
    seconds = range(slot.first + 1, slot.last)
    lag = merged(h for s in seconds if (h := seen.histograms.get((ALL_STAGES, LAG, s))) is not None)
    lag_p99_ms = quantiles_ms(lag).get("p99", float(10 * policy.lag_p99_ms))
    signals = [s for s in seen.signals if s.second in seconds]
    run = sum(s.run_ratio for s in signals) / max(len(signals), 1)
    waits = [s.wait_ratio for s in signals if s.wait_ratio is not None]
    wait = sum(waits) / len(waits) if waits else None
    clean = lag_p99_ms <= policy.lag_p99_ms and run <= policy.cpu_run_ratio and (wait or 0) <= policy.cpu_wait_ratio
    return Rung(
        requests_per_second=slot.rate_per_second,
        lag_p99_ms=lag_p99_ms,
        cpu_run_ratio=run,
        cpu_wait_ratio=wait,
        clean=clean and bool(signals),
    )


def _scenario(slots: Sequence[Slot]) -> Scenario:
    at = {"starts_at_utc": "2000-01-01T00:00:00Z", "ends_at_utc": "2000-01-01T01:00:00Z"}
    stage = ScenarioStage(
        stage="home", endpoint="GET /", continues_ratio=0, objective=Objective(p99_ms=1000, error_ratio=1)
    )
    base = Scenario.model_validate(
        {
            "campaign": "calibration", "curve": "steps", "duration_seconds": 1, "seed": 0, "marker": "calibration",
            "stretches": [Stretch.model_validate({**at, "from_seconds": 0})], "stages": [stage], **at,
            "streams": [Stream(stream="home", stage="home", goes_on=False, segments=())],
        }
    )  # fmt: skip
    return step_scenario(base, {"home": 1.0}, slots, False)
