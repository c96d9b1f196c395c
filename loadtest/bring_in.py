"""`loadtest import`: runs made elsewhere, and records of our own that a cluster or a crash left."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from campaign.files import sha256
from campaign.language import say
from campaign.workspace import Workspace
from loadtest.elsewhere import judge_imported, read_elsewhere
from loadtest.notes import Note
from loadtest.observations import is_observations, read_observations
from loadtest.policy import shipped_validity
from loadtest.publish import judged, profile_folder, read_scenario
from loadtest.record import Circumstances, results_of, write_record
from loadtest.results import Results
from loadtest.scenario import SCENARIO, Profile, Scenario
from loadtest.schedule import build_schedule, counts_per_second
from loadtest.verdict import Judgement


def publish_import(
    workspace: Workspace, campaign_id: str, file: Path, profile: Profile = "replay"
) -> tuple[Results, Judgement]:
    """Judge a run against the campaign's scenario, and write the same files as a run does.

    A .jtl or per-second CSV leaves the generator's validity unknown; observations of our own workers do not.

    Raises:
        UserError: no scenario yet, or the file cannot be read.
    """
    scenario = read_scenario(workspace, campaign_id, profile)
    folder = profile_folder(workspace, campaign_id, profile)
    inputs = {SCENARIO: sha256(folder / SCENARIO)}
    if is_observations(file):
        return _own(workspace, scenario, folder, file, inputs)
    imported = read_elsewhere(file, scenario)
    unknown = say("made with another tool: generator validity unknown")
    judgement = judge_imported(scenario, imported, shipped_validity())
    made = Circumstances(
        host=file.name,
        run_id=f"{scenario.marker}-imported",
        inputs=inputs | {file.name: sha256(file)},
        said=tuple(map(Note.of, (unknown, *imported.assumed))),
    )
    results = results_of(scenario, imported.seen, judgement, made, imported.seconds).model_copy(
        update={"finished": True}
    )
    write_record(workspace, folder, scenario, np.zeros(imported.seconds, np.int64), imported.seen, results, judgement)
    return results, judgement


def _own(
    workspace: Workspace, scenario: Scenario, folder: Path, file: Path, inputs: dict[str, str]
) -> tuple[Results, Judgement]:
    seen = read_observations(file)
    scheduled = counts_per_second(build_schedule(scenario).at_seconds, scenario.duration_seconds)
    judgement = judged(scenario, scheduled, seen)
    made = Circumstances(file.name, f"{scenario.marker}-imported", inputs=inputs | {file.name: sha256(file)})
    results = results_of(scenario, seen, judgement, made)
    write_record(workspace, folder, scenario, scheduled, seen, results, judgement)
    return results, judgement
