"""Reads a campaign's traffic model, writes its scenario and locustfile, runs it, writes what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from campaign.console import Progress, no_progress
from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import sha256, write_json, write_text
from campaign.language import say
from campaign.settings import Settings
from campaign.traffic import TrafficModel, TrafficPaths
from campaign.workspace import SETTINGS, Workspace
from loadtest.admission import admission_seen, judge_admission, with_agreed_limit
from loadtest.breaking import breaks_first
from loadtest.build import Wanted, build_scenario
from loadtest.elsewhere import judge_imported, read_elsewhere
from loadtest.execution import OBSERVATIONS, Launch, practice_target, run_locust, startup_problem
from loadtest.gateway import judge_exercised, measure_services, prometheus_sources, with_measured
from loadtest.hosts import checked_target, require_listening
from loadtest.journeys import LOCUSTFILE, extended_locustfile, new_locustfile
from loadtest.junit import write_junit
from loadtest.notes import Note
from loadtest.observations import FIELDS, Observations, read_observations
from loadtest.policy import shipped_profiles, shipped_validity
from loadtest.profiles import OWN_CURVE
from loadtest.reached import mix_sent, services_reached, steepest_ten_seconds
from loadtest.report import write_report
from loadtest.results import PracticeTarget, Reason, Results, compared
from loadtest.scenario import SCENARIO, Profile, Scenario
from loadtest.schedule import build_schedule, counts_per_second
from loadtest.shorten import shortened
from loadtest.verdict import Judgement, judge, with_causes

RESULTS, REPORT, PER_SECOND, JUNIT = "results.json", "report.html", "per_second.csv", "junit.xml"
# What is seen is kept as results.json after so many seconds, and each time they have doubled: a crash loses no more.
FIRST_KEPT_SECONDS = 5.0


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


def profile_folder(workspace: Workspace, campaign_id: str, profile: Profile) -> Path:
    """Where the scenario and results of a profile are: `loadtest/`, or a folder of its own in it."""
    folder = workspace.out(campaign_id) / "loadtest"
    return folder if profile == "replay" else folder / profile


def publish_scenario(
    workspace: Workspace, campaign_id: str, wanted: Wanted | None = None, progress: Progress = no_progress
) -> Scenario:
    """Write `loadtest/scenario.json`, and `loadtest/locustfile.py` where it is missing or lacks a stage.

    A profile other than the replay has its scenario in `loadtest/<profile>/`; the locustfile is the same for all.

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
    inputs = {str(f.relative_to(workspace.folder)): sha256(f) for f in [workspace.folder / SETTINGS, *files]}
    scenario = build_scenario(
        TrafficPaths.load(files[1]), model, plan, workspace.settings, wanted or Wanted(), inputs
    )  # fmt: skip
    folder = out / "loadtest"
    locustfile = folder / LOCUSTFILE
    if locustfile.is_file():
        text = extended_locustfile(read_utf8(locustfile, f"out/{campaign_id}/loadtest/{LOCUSTFILE}"), scenario.stages)
    else:
        text = new_locustfile(campaign_id, scenario.stages)
    place = profile_folder(workspace, campaign_id, scenario.profile)
    write_json(place / SCENARIO, scenario.model_dump(mode="json"))
    if not locustfile.is_file() or locustfile.read_text("utf-8") != text:
        write_text(locustfile, text)
    progress(say("Building the scenario"), 1, 1)
    return scenario


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
    if wanted.seconds or wanted.scale_ratio:
        if scenario.profile not in OWN_CURVE:
            what = say("the profile {name} has a shape of its own", name=scenario.profile)
            raise UserError(Problem(what, say("build it shorter instead"), key="--seconds"))
        scenario = shortened(scenario, wanted.seconds, wanted.scale_ratio)
    if wanted.practice is None:
        return _run_at(str(wanted.host), scenario, folder, wanted, progress, workspace.settings)
    practice = with_agreed_limit(wanted.practice, scenario)
    with practice_target(practice, wanted.practice_port) as url:
        return _run_at(url, scenario, folder, replace(wanted, practice=practice), progress)


def _run_at(
    url: str, scenario: Scenario, folder: Path, wanted: RunWanted, progress: Progress, settings: Settings | None = None
) -> tuple[Results, Judgement, bool]:
    target = checked_target(url, scenario.allowed_hosts, wanted.confirmed)
    require_listening(target)
    journeys = folder if wanted.profile == "replay" else folder.parent
    (journeys / "STOP").unlink(missing_ok=True)
    record = folder / "run"
    write_json(record / SCENARIO, scenario.model_dump(mode="json"))
    launch = Launch(
        journeys, record / SCENARIO, record, target.url, f"{scenario.marker}-{time.time_ns() // 1_000_000:x}",
        wanted.processes, wanted.confirmed, wanted.writes_allowed or target.loopback,
    )  # fmt: skip
    expected = scenario.duration_seconds
    scheduled = counts_per_second(build_schedule(scenario).at_seconds, expected)
    earlier = _earlier(folder / RESULTS)
    keep_at = FIRST_KEPT_SECONDS

    def told(gone: float) -> None:
        nonlocal keep_at
        progress(say("Sending the campaign's traffic"), int(min(gone, expected)), expected)
        if gone >= keep_at:
            keep_at *= 2
            _keep(read_observations(record / OBSERVATIONS))

    def _keep(seen: Observations) -> tuple[Results, Judgement]:
        judgement = judge(scenario, scheduled, seen, shipped_validity())
        admission = admission_seen(scenario, seen, shipped_profiles())
        judgement = with_causes(judgement, tuple(judge_admission(admission, shipped_profiles())))
        results = compared(_results(scenario, launch, wanted, seen, judgement), earlier)
        if seen.cells:
            write_json(folder / RESULTS, results.model_dump(mode="json"))
        return results, judgement

    ended = run_locust(launch, expected + scenario.drain_seconds + scenario.timeout_seconds + 60, told)
    seen = read_observations(record / OBSERVATIONS)
    if not seen.cells and not ended.interrupted:
        raise UserError(startup_problem(record))
    results, judgement = _keep(seen)
    if seen.cells:
        if settings is not None:
            results, judgement = _behind_the_gateway(settings, results, judgement)
            write_json(folder / RESULTS, results.model_dump(mode="json"))
        if wanted.practice is None:
            write_json(folder / "runs" / launch.run_id / RESULTS, results.model_dump(mode="json"))
        write_per_second(folder / PER_SECOND, scenario, seen)
        write_junit(folder / JUNIT, results)
        write_report(folder / REPORT, scenario, scheduled, seen, results, judgement)
    return results, judgement, ended.interrupted


def _behind_the_gateway(settings: Settings, results: Results, judgement: Judgement) -> tuple[Results, Judgement]:
    """The same with what each service itself saw, where the workspace names a Prometheus."""
    started, ended = results.started_at_utc, results.ended_at_utc
    if started is None or ended is None or not prometheus_sources(settings):
        return results, judgement
    policy = shipped_validity()
    measured = measure_services(settings, started, ended)
    services = with_measured(results.services, measured, policy)
    judgement = with_causes(judgement, tuple(judge_exercised(services, measured, policy)))
    update = {"services": services, "outcome": judgement.outcome, "reasons": _reasons(judgement)}
    return results.model_copy(update=update), judgement


def _reasons(judgement: Judgement) -> tuple[Reason, ...]:
    return tuple(Reason(code=c.code, what=c.what.speak("en")) for c in judgement.causes)


def _earlier(path: Path) -> Results | None:
    """The run before this one; None where there is none, or one of another version."""
    try:
        return read_json(path, path.name, Results)
    except UserError:
        return None


def publish_import(workspace: Workspace, campaign_id: str, file: Path) -> tuple[Results, Judgement]:
    """Judge a run made with another tool against the campaign's scenario, and write the same files.

    Raises:
        UserError: no scenario yet, or the file cannot be read.
    """
    scenario = read_scenario(workspace, campaign_id)
    folder = workspace.out(campaign_id) / "loadtest"
    imported = read_elsewhere(file, scenario)
    unknown = say("made with another tool: generator validity unknown")
    judgement = judge_imported(scenario, imported, shipped_validity())
    results = Results(
        campaign=scenario.campaign,
        outcome=judgement.outcome,
        reasons=_reasons(judgement),
        counts_for_campaign=scenario.scale_ratio >= 1,
        finished=True,
        host=file.name,
        run_id=f"{scenario.marker}-imported",
        curve=scenario.curve,
        scale_ratio=scenario.scale_ratio,
        seed=scenario.seed,
        duration_seconds=imported.seconds,
        endpoints=judgement.endpoints,
        services=services_reached(scenario, imported.seen),
        mix=mix_sent(scenario, imported.seen),
        steepest_ten_seconds=steepest_ten_seconds(scenario, imported.seen),
        generator=judgement.generator,
        invalidates=(*scenario.invalidates, *map(Note.of, (unknown, *imported.assumed))),
        inputs={SCENARIO: sha256(folder / SCENARIO), file.name: sha256(file)},
    )
    scheduled = np.zeros(imported.seconds, np.int64)
    write_per_second(folder / PER_SECOND, scenario, imported.seen)
    write_json(folder / RESULTS, results.model_dump(mode="json"))
    write_junit(folder / JUNIT, results)
    write_report(folder / REPORT, scenario, scheduled, imported.seen, results, judgement)
    return results, judgement


def _results(
    scenario: Scenario, launch: Launch, wanted: RunWanted, seen: Observations, judgement: Judgement
) -> Results:
    started = datetime.fromtimestamp(seen.begins_at_epoch, UTC) if seen.begins_at_epoch else None
    last = max((second for second, _stage in seen.cells), default=0)
    return Results(
        campaign=scenario.campaign,
        outcome=judgement.outcome,
        reasons=_reasons(judgement),
        counts_for_campaign=wanted.practice is None and scenario.scale_ratio >= 1 and scenario.profile in OWN_CURVE,
        finished=bool(seen.ends) and all(end == "done" for end in seen.ends.values()),
        host=launch.url,
        practice=wanted.practice,
        image_digest=wanted.image_digest,
        target_version=wanted.target_version,
        run_id=launch.run_id,
        curve=scenario.curve,
        profile=scenario.profile,
        scale_ratio=scenario.scale_ratio,
        seed=scenario.seed,
        duration_seconds=scenario.duration_seconds,
        started_at_utc=started,
        ended_at_utc=datetime.fromtimestamp(started.timestamp() + last + 1, UTC) if started else None,
        endpoints=judgement.endpoints,
        services=services_reached(scenario, seen),
        mix=mix_sent(scenario, seen),
        steepest_ten_seconds=steepest_ten_seconds(scenario, seen),
        admission=admission_seen(scenario, seen, shipped_profiles()),
        breaks_first=breaks_first(scenario, seen, shipped_validity(), shipped_profiles()),
        generator=judgement.generator,
        invalidates=scenario.invalidates,
        versions={name: version(name) for name in ("locust", "gevent", "geventhttpclient", "hdrhistogram")},
        inputs={SCENARIO: sha256(launch.scenario), LOCUSTFILE: sha256(launch.folder / LOCUSTFILE)},
    )


def write_per_second(path: Path, scenario: Scenario, seen: Observations) -> None:
    """One row for each second and stage: `second, stage, intended, sent, ok, failed, slow, done, refused`."""
    names = [stage.stage for stage in scenario.stages]
    rows = [
        f"{second},{names[stage]},{','.join(map(str, cell.tolist()))}"
        for (second, stage), cell in sorted(seen.cells.items())
        if stage >= 0
    ]
    write_text(path, "\n".join([f"second,stage,{','.join(FIELDS)}", *rows]) + "\n")
