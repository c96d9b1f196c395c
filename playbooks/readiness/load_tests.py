"""The part of a load test's record that readiness asks about."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import AwareDatetime, ConfigDict

from campaign.documents import FileRecord, read_json
from playbooks.readiness.evidence import LoadTestRun


class PartOfFile(FileRecord):
    """The part of another lane's file that is read here; its other keys are that lane's business."""

    model_config = ConfigDict(extra="ignore")


class RunEndpoint(PartOfFile):
    stage: str
    achieved_per_second_peak: float


class RunService(PartOfFile):
    requests_per_second: float


class RunFile(PartOfFile):
    outcome: str
    counts_for_campaign: bool
    ended_at_utc: AwareDatetime | None = None
    image_digest: str | None = None
    endpoints: tuple[RunEndpoint, ...] = ()
    services: dict[str, RunService] = {}
    mix: dict[str, float] = {}
    steepest_ten_seconds: float = 0.0
    inputs: dict[str, str] = {}


class RunStage(PartOfFile):
    stage: str
    requests: dict[str, float] = {}


class RunScenario(PartOfFile):
    stages: tuple[RunStage, ...] = ()
    inputs: dict[str, str] = {}


def read_load_test(folder: Path, root: Path) -> LoadTestRun | None:
    """`results.json` with the scenario beside it; None where nothing was run. Problems name paths below `root`.

    Raises:
        UserError: a file that cannot be read.
    """
    file = folder / "results.json"
    if not file.is_file():
        return None
    run = read_json(file, file.relative_to(root).as_posix(), RunFile)
    beside = folder / "scenario.json"
    scenario = read_json(beside, beside.relative_to(root).as_posix(), RunScenario) if beside.is_file() else None
    stages = {stage.stage: stage.requests for stage in scenario.stages} if scenario else {}
    inputs = (scenario.inputs if scenario else {}) | run.inputs
    model = [digest for name, digest in inputs.items() if name.endswith("traffic.json")]
    return LoadTestRun(
        outcome=run.outcome,
        counts=run.counts_for_campaign,
        ended_at_utc=run.ended_at_utc,
        tested=_tested(run, stages),
        image_digest=run.image_digest,
        steepest_requests=_steepest(run, stages),
        model_hash=model[0] if model else None,
    )


def proven(run: LoadTestRun | None) -> dict[str, float]:
    """What a run has shown the services to carry; nothing unless it counts for the campaign and says GO."""
    return run.tested if run and run.counts and run.outcome == "GO" else {}


def _tested(run: RunFile, stages: dict[str, dict[str, float]]) -> dict[str, float]:
    """Each service's highest minute as the run says; from its endpoints' best seconds where it is an older record."""
    if run.services:
        return {name: service.requests_per_second for name, service in run.services.items()}
    tested: Counter[str] = Counter()
    for endpoint in run.endpoints:
        asked = stages.get(endpoint.stage, {})
        tested.update({name: each * endpoint.achieved_per_second_peak for name, each in asked.items()})
    return dict(tested)


def _steepest(run: RunFile, stages: dict[str, dict[str, float]]) -> float | None:
    """Calls of the steepest ten seconds as requests on services, by the mix of the whole run."""
    per_call = sum(share * sum(stages.get(stage, {}).values()) for stage, share in run.mix.items())
    return run.steepest_ten_seconds * per_call or None
