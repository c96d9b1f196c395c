"""The record of a run: what is kept of it, and in which files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.files import write_json, write_text
from campaign.workspace import Workspace
from loadtest.admission import admission_seen
from loadtest.breaking import breaks_first
from loadtest.junit import write_junit
from loadtest.notes import Note
from loadtest.observations import FIELDS, Observations
from loadtest.policy import shipped_profiles, shipped_validity
from loadtest.profiles import OWN_CURVE
from loadtest.reached import mix_sent, services_reached, steepest_ten_seconds
from loadtest.report import Heading, write_report
from loadtest.results import PracticeTarget, Reason, Results
from loadtest.scenario import Scenario
from loadtest.verdict import Judgement

RESULTS, REPORT, PER_SECOND, JUNIT = "results.json", "report.html", "per_second.csv", "junit.xml"


@dataclass(frozen=True)
class Circumstances:
    """What a run was made with, besides its scenario."""

    host: str
    run_id: str
    practice: PracticeTarget | None = None
    image_digest: str | None = None
    target_version: str | None = None
    inputs: Mapping[str, str] | None = None
    said: tuple[Note, ...] = ()
    versions: Mapping[str, str] | None = None


def results_of(
    scenario: Scenario, seen: Observations, judgement: Judgement, made: Circumstances, seconds: int | None = None
) -> Results:
    """The record of one run; `seconds` is its length where it is not the scenario's."""
    started = datetime.fromtimestamp(seen.begins_at_epoch, UTC) if seen.begins_at_epoch else None
    last = max((second for second, _stage in seen.cells), default=0)
    return Results(
        campaign=scenario.campaign,
        outcome=judgement.outcome,
        reasons=reasons_of(judgement),
        counts_for_campaign=made.practice is None and scenario.scale_ratio >= 1 and scenario.profile in OWN_CURVE,
        finished=bool(seen.ends) and all(end == "done" for end in seen.ends.values()),
        host=made.host,
        practice=made.practice,
        image_digest=made.image_digest,
        target_version=made.target_version,
        run_id=made.run_id,
        curve=scenario.curve,
        profile=scenario.profile,
        scale_ratio=scenario.scale_ratio,
        seed=scenario.seed,
        duration_seconds=seconds or scenario.duration_seconds,
        started_at_utc=started,
        ended_at_utc=datetime.fromtimestamp(started.timestamp() + last + 1, UTC) if started else None,
        endpoints=judgement.endpoints,
        services=services_reached(scenario, seen),
        mix=mix_sent(scenario, seen),
        steepest_ten_seconds=steepest_ten_seconds(scenario, seen),
        admission=admission_seen(scenario, seen, shipped_profiles()),
        breaks_first=breaks_first(scenario, seen, shipped_validity(), shipped_profiles()),
        generator=judgement.generator,
        invalidates=(*scenario.invalidates, *made.said),
        versions=dict(made.versions or {}),
        inputs=dict(made.inputs or {}),
    )


def generator_versions() -> dict[str, str]:
    """What this generator is made of."""
    return {name: version(name) for name in ("locust", "gevent", "geventhttpclient", "hdrhistogram")}


def reasons_of(judgement: Judgement) -> tuple[Reason, ...]:
    return tuple(Reason(code=c.code, what=c.what.speak("en")) for c in judgement.causes)


def write_record(
    workspace: Workspace, folder: Path, scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations,
    results: Results, judgement: Judgement,
) -> None:  # fmt: skip
    """Write `results.json`, `per_second.csv`, `junit.xml` and `report.html`."""
    write_json(folder / RESULTS, results.model_dump(mode="json"))
    write_per_second(folder / PER_SECOND, scenario, seen)
    write_junit(folder / JUNIT, results)
    heading = Heading(workspace.plan(scenario.campaign).title, workspace.settings.zone)
    write_report(folder / REPORT, heading, scenario, scheduled, seen, results, judgement)


def write_per_second(path: Path, scenario: Scenario, seen: Observations) -> None:
    """One row for each second and stage: `second, stage, intended, sent, ok, failed, slow, done, refused`."""
    names = [stage.stage for stage in scenario.stages]
    rows = [
        f"{second},{names[stage]},{','.join(map(str, cell.tolist()))}"
        for (second, stage), cell in sorted(seen.cells.items())
        if stage >= 0
    ]
    write_text(path, "\n".join([f"second,stage,{','.join(FIELDS)}", *rows]) + "\n")
