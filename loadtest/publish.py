"""Reads a campaign's traffic model, writes its scenario and locustfile, runs it, writes what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import sha256, write_json, write_text
from campaign.language import say
from campaign.settings import Settings
from campaign.traffic import TrafficModel, TrafficPaths
from campaign.workspace import SETTINGS, Workspace
from loadtest.admission import admission_seen, judge_admission, with_agreed_limit
from loadtest.build import Wanted, build_scenario
from loadtest.caps import require_within_caps
from loadtest.execution import (
    OBSERVATIONS,
    RECORD_LOST,
    Launch,
    last_words,
    practice_target,
    run_locust,
    startup_problem,
)
from loadtest.gateway import judge_exercised, measure_services, prometheus_sources, with_measured
from loadtest.har import read_har
from loadtest.hosts import checked_target, require_listening, require_marked
from loadtest.journeys import LOCUSTFILE, extended_locustfile, new_locustfile
from loadtest.observations import Follower, Observations
from loadtest.policy import shipped_profiles, shipped_safety, shipped_validity
from loadtest.profiles import OWN_CURVE
from loadtest.record import RESULTS, Circumstances, generator_versions, reasons_of, results_of, write_record
from loadtest.results import PracticeTarget, Results, compared
from loadtest.scenario import SCENARIO, Profile, Scenario
from loadtest.schedule import build_schedule, counts_per_second
from loadtest.shorten import shortened
from loadtest.verdict import Judgement, judge, with_causes

KEPT_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class RunWanted:
    """How to run: against `host`, or a practice target."""

    host: str | None = None
    practice: PracticeTarget | None = None
    practice_port: int = 0
    confirmed: str | None = None
    processes: int = 1
    seconds: int | None = None
    scale_ratio: float | None = None
    writes_allowed: bool = False
    image_digest: str | None = None
    target_version: str | None = None
    profile: Profile = "replay"
    rate_max: float | None = None
    minutes_max: float | None = None


def profile_folder(workspace: Workspace, campaign_id: str, profile: Profile) -> Path:
    """Where the scenario and results of a profile are: `loadtest/`, or a folder of its own in it."""
    folder = workspace.out(campaign_id) / "loadtest"
    return folder if profile == "replay" else folder / profile


def publish_scenario(
    workspace: Workspace,
    campaign_id: str,
    wanted: Wanted | None = None,
    progress: Progress = no_progress,
    har: Path | None = None,
) -> Scenario:
    """Write `loadtest/scenario.json`, and `loadtest/locustfile.py` where it is missing or lacks a stage.

    A profile other than the replay has its scenario in `loadtest/<profile>/`; the locustfile is the same for all. `har`
    is a recording that a new locustfile is drafted from.

    Raises:
        UserError: no such campaign, no traffic model yet, or a request that cannot be met; nothing is written.
    """
    plan = workspace.plan(campaign_id)
    out = workspace.out(campaign_id)
    files = [out / "traffic.json", out / "traffic_paths.npz"]
    if not all(file.is_file() for file in files):
        what = say("there is no traffic model of {id} yet", id=campaign_id)
        raise UserError(Problem(what, say("run surgeplan forecast {id} first", id=campaign_id)))
    progress(say("Building the scenario"), 0, 1)
    model = read_json(files[0], f"out/{campaign_id}/traffic.json", TrafficModel)
    require_newer_than_plan(workspace, campaign_id, model.inputs)
    inputs = {str(f.relative_to(workspace.folder)): sha256(f) for f in [workspace.folder / SETTINGS, *files]}
    scenario = build_scenario(
        TrafficPaths.load(files[1]), model, plan, workspace.settings, wanted or Wanted(), inputs
    )  # fmt: skip
    folder = out / "loadtest"
    locustfile = folder / LOCUSTFILE
    text = _journeys(locustfile, f"out/{campaign_id}/loadtest/{LOCUSTFILE}", scenario, har)
    place = profile_folder(workspace, campaign_id, scenario.profile)
    write_json(place / SCENARIO, scenario.model_dump(mode="json"))
    if not locustfile.is_file() or locustfile.read_text("utf-8") != text:
        write_text(locustfile, text)
    progress(say("Building the scenario"), 1, 1)
    return scenario


def require_newer_than_plan(workspace: Workspace, campaign_id: str, inputs: Mapping[str, str]) -> None:
    """Raises UserError where the plan was changed after the model that names `inputs` was made from it."""
    plan = workspace.plan_file(campaign_id)
    made_from = inputs.get(plan.relative_to(workspace.folder).as_posix())
    if made_from is not None and made_from != sha256(plan):
        what = say("the plan of {id} was changed after its traffic model was made", id=campaign_id)
        todo = say("run surgeplan forecast {id} first", id=campaign_id)
        raise UserError(Problem(what, todo, file=f"out/{campaign_id}/traffic.json"))


def _require_current(workspace: Workspace, campaign_id: str, scenario: Scenario) -> None:
    """Raises UserError where the traffic model was made anew, or the plan changed, after the scenario was built."""
    file = workspace.out(campaign_id) / "traffic.json"
    if not file.is_file():
        return
    name = file.relative_to(workspace.folder).as_posix()
    require_newer_than_plan(workspace, campaign_id, read_json(file, name, TrafficModel).inputs)
    if scenario.inputs.get(name, sha256(file)) != sha256(file):
        what = say("the scenario is older than the traffic model")
        raise UserError(Problem(what, say("run surgeplan loadtest build {id} first", id=campaign_id), file=name))


def _journeys(locustfile: Path, name: str, scenario: Scenario, har: Path | None) -> str:
    """What the locustfile is to be; one that exists only gets what it lacks."""
    if not locustfile.is_file():
        return new_locustfile(scenario.campaign, scenario.stages, read_har(har, scenario.stages) if har else None)
    if har is not None:
        what, todo = say("there is a locustfile already"), say("move it away to get a draft from the recording")
        raise UserError(Problem(what, todo, file=name, key="--har"))
    return extended_locustfile(read_utf8(locustfile, name), scenario.stages)


def read_scenario(workspace: Workspace, campaign_id: str, profile: Profile = "replay") -> Scenario:
    """The scenario of a campaign.

    Raises:
        UserError: it was not built yet.
    """
    workspace.plan(campaign_id)
    file = profile_folder(workspace, campaign_id, profile) / SCENARIO
    if not file.is_file():
        what = say("there is no load-test scenario of {id} yet", id=campaign_id)
        command = f"{campaign_id} --profile {profile}" if profile != "replay" else campaign_id
        raise UserError(Problem(what, say("run surgeplan loadtest build {id} first", id=command)))
    return read_json(file, file.relative_to(workspace.folder).as_posix(), Scenario)


def publish_run(
    workspace: Workspace, campaign_id: str, wanted: RunWanted, progress: Progress = no_progress
) -> tuple[Results, Judgement, bool]:
    """Run the scenario and write `loadtest/results.json`, `per_second.csv` and `report.html`.

    Records of earlier runs stay under `loadtest/runs/`: history leaves their windows out.

    Returns:
        The record, the judgement behind it, and whether it was interrupted.

    Raises:
        UserError: nothing could be sent; results of an earlier run stay as they are.
    """
    scenario = read_scenario(workspace, campaign_id, wanted.profile)
    folder = profile_folder(workspace, campaign_id, wanted.profile)
    _require_current(workspace, campaign_id, scenario)
    if wanted.seconds or wanted.scale_ratio:
        if scenario.profile not in OWN_CURVE:
            what = say("the profile {name} has a shape of its own", name=scenario.profile)
            raise UserError(Problem(what, say("build it shorter instead"), key="--seconds"))
        scenario = shortened(scenario, wanted.seconds, wanted.scale_ratio)
    if wanted.practice is None:
        return _run_at(workspace, str(wanted.host), scenario, folder, wanted, progress)
    practice = with_agreed_limit(wanted.practice, scenario)
    with practice_target(practice, wanted.practice_port) as url:
        return _run_at(workspace, url, scenario, folder, replace(wanted, practice=practice), progress)


def _run_at(
    workspace: Workspace, url: str, scenario: Scenario, folder: Path, wanted: RunWanted, progress: Progress
) -> tuple[Results, Judgement, bool]:
    target = checked_target(url, scenario.allowed_hosts, wanted.confirmed)
    require_within_caps(scenario, target.loopback, wanted.rate_max, wanted.minutes_max, shipped_safety())
    require_listening(target)
    require_marked(target, scenario.marker)
    journeys = folder if wanted.profile == "replay" else folder.parent
    (journeys / "STOP").unlink(missing_ok=True)
    record = folder / "run"
    write_json(record / SCENARIO, scenario.model_dump(mode="json"))
    launch = Launch(
        journeys, record / SCENARIO, record, target.url, f"{scenario.marker}-{time.time_ns() // 1_000_000:x}",
        wanted.processes, wanted.confirmed, wanted.writes_allowed or target.loopback,
    )  # fmt: skip
    made = Circumstances(
        host=target.url, run_id=launch.run_id, practice=wanted.practice, image_digest=wanted.image_digest,
        target_version=wanted.target_version, versions=generator_versions(),
        inputs={SCENARIO: sha256(launch.scenario), LOCUSTFILE: sha256(journeys / LOCUSTFILE)},
    )  # fmt: skip
    keeper = Keeper(scenario, made, folder, Follower(record / OBSERVATIONS))
    expected = scenario.duration_seconds

    def told(gone: float) -> None:
        progress(say("Sending the campaign's traffic"), int(min(gone, expected)), expected)
        keeper.keep_now_and_then(gone)

    ended = run_locust(launch, expected + scenario.drain_seconds + scenario.timeout_seconds + 60, told)
    seen = keeper.follower.catch_up()
    if ended.exit_code == RECORD_LOST:
        seen.ends[0] = f"the record could not be written: {last_words(record)}"
    results, judgement = keeper.keep()
    if not seen.cells and not ended.interrupted:
        raise UserError(startup_problem(record))
    if seen.cells:
        if wanted.practice is None:
            results, judgement = _behind_the_gateway(workspace.settings, results, judgement)
            write_json(folder / "runs" / launch.run_id / RESULTS, results.model_dump(mode="json"))
        write_record(workspace, folder, scenario, keeper.scheduled, seen, results, judgement)
    return results, judgement, ended.interrupted


class Keeper:
    """Keeps what is seen of a run as results.json while it goes on: whatever ends it, no more than seconds are lost."""

    def __init__(self, scenario: Scenario, made: Circumstances, folder: Path, follower: Follower) -> None:
        self.scenario, self.made, self.folder, self.follower = scenario, made, folder, follower
        self.scheduled = counts_per_second(build_schedule(scenario).at_seconds, scenario.duration_seconds)
        self.earlier = _earlier(folder / RESULTS)
        self.due_at_seconds = 0.0

    def keep_now_and_then(self, gone_seconds: float) -> None:
        """`keep`, where it is due; seldom enough that it takes less than a tenth of a core."""
        if gone_seconds < self.due_at_seconds or not self.follower.catch_up().cells:
            return
        began = time.monotonic()
        with suppress(UserError):
            # The run goes on; what cannot be written now is written, or refused, at its end.
            self.keep()
        took = time.monotonic() - began
        self.due_at_seconds = gone_seconds + max(KEPT_EVERY_SECONDS, 10 * took)

    def keep(self) -> tuple[Results, Judgement]:
        """Judge what was seen so far and write it."""
        seen = self.follower.catch_up()
        judgement = judged(self.scenario, self.scheduled, seen)
        results = compared(results_of(self.scenario, seen, judgement, self.made), self.earlier)
        if seen.cells:
            write_json(self.folder / RESULTS, results.model_dump(mode="json"))
        return results, judgement


def judged(scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations) -> Judgement:
    """The verdict over a run of our own, limiter included."""
    judgement = judge(scenario, scheduled, seen, shipped_validity())
    admission = admission_seen(scenario, seen, shipped_profiles())
    return with_causes(judgement, tuple(judge_admission(admission, shipped_profiles())))


def _behind_the_gateway(settings: Settings, results: Results, judgement: Judgement) -> tuple[Results, Judgement]:
    """The same with what each service itself saw, where the workspace names a Prometheus."""
    started, ended = results.started_at_utc, results.ended_at_utc
    if started is None or ended is None or not prometheus_sources(settings):
        return results, judgement
    policy = shipped_validity()
    measured = measure_services(settings, started, ended)
    services = with_measured(results.services, measured, policy)
    judgement = with_causes(judgement, tuple(judge_exercised(services, measured, policy)))
    update = {"services": services, "outcome": judgement.outcome, "reasons": reasons_of(judgement)}
    return results.model_copy(update=update), judgement


def _earlier(path: Path) -> Results | None:
    """The run before this one; None where there is none, or one of another version."""
    try:
        return read_json(path, path.name, Results)
    except UserError:
        return None
