"""The commands of `loadtest`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    NowOption,
    SeedOption,
    WorkspaceOption,
    clock,
    moment_option,
    open_workspace,
)
from campaign.language import _
from loadtest.options import (
    AbortErrorsOption,
    AbortSlowOption,
    AdmittedOption,
    AroundOption,
    Campaign,
    CampaignOption,
    CidrOption,
    ClusterHostOption,
    CompressOption,
    ConfirmOption,
    DigestOption,
    DriveOption,
    EvenOption,
    ExportOption,
    HarOption,
    HostOption,
    ImageOption,
    LimitedOption,
    MaxRateOption,
    MinutesCapOption,
    MinutesOption,
    P99QueryOption,
    PastPeaksOption,
    PathOption,
    PracticeAdmitsOption,
    PracticeExponentialOption,
    PracticeOption,
    PracticePortOption,
    PracticeServiceOption,
    PracticeWithOption,
    PracticeWorkersOption,
    ProcessesOption,
    ProfileOption,
    QuantileOption,
    RateCapOption,
    RefusalOption,
    ReplicasOption,
    ReplicasQueryOption,
    ScaleOption,
    SecondsOption,
    SinceOption,
    SourceOption,
    StepSecondsOption,
    StepsFileOption,
    VersionOption,
    WholeOption,
    WorkersOption,
    WritesOption,
)

if TYPE_CHECKING:
    from loadtest.measure import MeasureWanted
    from loadtest.results import PracticeTarget, Results


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    lane = typer.Typer(no_args_is_help=True, help=_("Load tests that replay the forecast."))
    lane.command("build", help=_("Traffic model to load-test scenario and an editable locustfile."))(build)
    lane.command("run", help=_("Run the scenario with locust and judge it."))(run)
    lane.command("calibrate", help=_("What one worker of this machine sends cleanly."))(calibrate)
    lane.command(
        "import",
        help=_("Judge a run made elsewhere: .jtl, per-second CSV, a record of our own."),
    )(import_run)
    lane.command("capacity", help=_("Step one replica to the knee of its objective."))(capacity)
    app.add_typer(lane, name="loadtest")


def build(
    campaign: Campaign,
    quantile: QuantileOption = "p90",
    path: PathOption = None,
    around: AroundOption = None,
    minutes: MinutesOption = None,
    seconds: SecondsOption = None,
    profile: ProfileOption = "replay",
    service: LimitedOption = None,
    admitted: AdmittedOption = None,
    refusal_code: RefusalOption = 429,
    whole: WholeOption = False,
    compress: CompressOption = 1,
    scale: ScaleOption = None,
    even: EvenOption = False,
    har: HarOption = None,
    export: ExportOption = None,
    host: ClusterHostOption = None,
    image: ImageOption = None,
    workers: WorkersOption = None,
    target_cidr: CidrOption = None,
    drive: DriveOption = None,
    allow_writes: WritesOption = False,
    abort_errors: AbortErrorsOption = 0.5,
    abort_slow: AbortSlowOption = 1.0,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    seed: SeedOption = 0,
) -> None:
    from loadtest.build import Wanted, known_drive, known_profile
    from loadtest.exports import ExportWanted, check_export, publish_export, workers_needed
    from loadtest.playbook import admission_wanted
    from loadtest.publish import publish_scenario
    from loadtest.shown import scenario_text

    console = Console.open(workspace, lang, as_json)
    exported = ExportWanted(export, host, image, workers, tuple(target_cidr or ())) if export else None
    check_export(exported)
    wanted = Wanted(
        curve=path or quantile,
        around=moment_option(around, "--around"),
        seconds=seconds or (minutes * 60 if minutes else None),
        profile=known_profile(profile),
        whole=whole,
        compression=compress,
        scale_ratio=1.0 if scale is None else scale,
        even=even,
        drive=known_drive(drive),
        writes_allowed=allow_writes,
        abort_error_ratio=abort_errors,
        abort_slow_ratio=abort_slow,
        seed=seed,
    )
    opened = open_workspace(workspace)
    wanted = admission_wanted(opened, campaign, wanted, service, admitted, refusal_code)
    with console.progress() as progress:
        scenario = publish_scenario(opened, campaign, wanted, progress, har)
    text = "\n".join([scenario_text(scenario, opened.settings.time_zone), *map(str, workers_needed(opened, scenario))])
    if exported is not None:
        file, said = publish_export(opened, scenario, exported)
        text = "\n".join([text, _("written: {file}").format(file=file.relative_to(opened.folder)), *map(str, said)])
    console.result(text, scenario.model_dump(mode="json"))
    more = "" if wanted.profile == "replay" else f" --profile {wanted.profile}"
    console.next(f"surgeplan loadtest run {campaign}{more} --practice")


def run(
    campaign: Campaign,
    host: HostOption = None,
    profile: ProfileOption = "replay",
    practice: PracticeOption = False,
    practice_workers: PracticeWorkersOption = 8,
    practice_service_ms: PracticeServiceOption = 10.0,
    practice_exponential: PracticeExponentialOption = False,
    practice_port: PracticePortOption = 0,
    practice_admits: PracticeAdmitsOption = None,
    practice_with: PracticeWithOption = None,
    max_rate: RateCapOption = None,
    max_minutes: MinutesCapOption = None,
    confirm: ConfirmOption = None,
    processes: ProcessesOption = 1,
    seconds: SecondsOption = None,
    scale: ScaleOption = None,
    image_digest: DigestOption = None,
    target_version: VersionOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from campaign.errors import ExitCode
    from loadtest.build import known_profile
    from loadtest.publish import RunWanted, publish_run
    from loadtest.results import EXIT_CODES
    from loadtest.shown import results_text

    console = Console.open(workspace, lang, as_json)
    target = _practice(
        practice, practice_workers, practice_service_ms, practice_exponential, practice_admits, practice_with or []
    )
    _require_one_target(host, practice)
    wanted = RunWanted(
        host=host, practice=target, practice_port=practice_port, confirmed=confirm, processes=processes,
        seconds=seconds, scale_ratio=scale, image_digest=_digest(image_digest), target_version=target_version,
        profile=known_profile(profile), rate_max=max_rate, minutes_max=max_minutes,
    )  # fmt: skip
    with console.progress() as progress:
        results, judgement, interrupted = publish_run(open_workspace(workspace), campaign, wanted, progress)
    console.result(results_text(results, judgement), results.model_dump(mode="json"))
    console.next(_after(results))
    if interrupted:
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(EXIT_CODES[results.outcome])


def calibrate(workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None) -> None:
    from campaign.errors import ExitCode
    from loadtest.calibrate import publish_calibration
    from loadtest.shown import calibration_text

    console = Console.open(workspace, lang, as_json)
    with console.progress() as progress:
        found = publish_calibration(open_workspace(workspace).folder / "out", progress)
    console.result(calibration_text(found), found.model_dump(mode="json"))
    if found.clean_requests_per_second:
        console.next("surgeplan loadtest build ID")
    raise typer.Exit(ExitCode.YES if found.clean_requests_per_second else ExitCode.INVALID)


def import_run(
    campaign: Campaign,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help=_("A .jtl in CSV, a per-second CSV, or a record of our own workers."))
    ],
    profile: ProfileOption = "replay",
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from loadtest.bring_in import publish_import
    from loadtest.build import known_profile
    from loadtest.results import EXIT_CODES
    from loadtest.shown import results_text

    console = Console.open(workspace, lang, as_json)
    results, judgement = publish_import(open_workspace(workspace), campaign, file, known_profile(profile))
    console.result(results_text(results, judgement), results.model_dump(mode="json"))
    console.next(_after(results))
    raise typer.Exit(EXIT_CODES[results.outcome])


def capacity(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help=_("The service."))],
    campaign: CampaignOption = None,
    host: HostOption = None,
    practice: PracticeOption = False,
    practice_workers: PracticeWorkersOption = 4,
    practice_service_ms: PracticeServiceOption = 20.0,
    practice_exponential: PracticeExponentialOption = False,
    replicas: ReplicasOption = 1,
    confirm: ConfirmOption = None,
    processes: ProcessesOption = 1,
    step_seconds: StepSecondsOption = 30,
    max_rate: MaxRateOption = 2000.0,
    image: ImageOption = None,
    target_version: VersionOption = None,
    from_steps: StepsFileOption = None,
    from_prometheus: PastPeaksOption = False,
    source: SourceOption = None,
    p99_query: P99QueryOption = None,
    replicas_query: ReplicasQueryOption = None,
    since: SinceOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
    seed: SeedOption = 0,
) -> None:
    console = Console.open(workspace, lang, as_json)
    _require_one_target(host, practice, from_steps is not None, from_prometheus)
    if from_steps is not None:
        from loadtest.capacity_elsewhere import capacity_in_words, publish_steps_file

        capacity = publish_steps_file(open_workspace(workspace), service, from_steps, clock(now), seed)
        console.result(str(capacity_in_words(capacity)), capacity.model_dump(mode="json"))
        console.next(f"surgeplan playbook {campaign or 'ID'}")
        return
    if from_prometheus:
        _past_peaks(console, workspace, service, source, p99_query, replicas_query, since, now)
        console.next(f"surgeplan playbook {campaign or 'ID'}")
        return
    from loadtest.measure import MeasureWanted

    target = _practice(practice, practice_workers, practice_service_ms, practice_exponential)
    wanted = MeasureWanted(
        host=host, practice=target, confirmed=confirm, processes=processes, step_seconds=step_seconds,
        highest_per_second=max_rate, image=image, version=target_version, replicas=replicas, seed=seed,
    )  # fmt: skip
    _measured(console, workspace, service, campaign, wanted, now)


def _measured(
    console: Console, folder: Path, service: str, campaign: str | None, wanted: MeasureWanted, now: str | None
) -> None:
    from campaign.errors import ExitCode, Problem, UserError
    from campaign.language import say
    from loadtest.measure import publish_capacity
    from loadtest.measurement import outcome_in_words
    from loadtest.publish import read_scenario
    from loadtest.shown import scaling_lines, steps_text

    if campaign is None:
        todo = say("name one that was built: --campaign ID")
        raise UserError(Problem(say("whose mix of requests is to be sent?"), todo, key="--campaign"))
    opened = open_workspace(folder)
    with console.progress() as progress:
        scenario = read_scenario(opened, campaign)
        found, capacity = publish_capacity(opened, service, scenario, wanted, clock(now), progress)
    text = "\n".join([str(outcome_in_words(found)), steps_text(found), *scaling_lines(capacity)])
    console.result(text, found.model_dump(mode="json"))
    if capacity is not None:
        console.next(f"surgeplan playbook {campaign}")
    codes = {
        "measured": ExitCode.YES,
        "knee-not-reached": ExitCode.INCONCLUSIVE,
        "interrupted": ExitCode.INTERRUPTED,
    }
    raise typer.Exit(codes.get(found.outcome, ExitCode.INVALID))


def _past_peaks(
    console: Console, folder: Path, service: str, source: str | None, p99_query: str | None,
    replicas_query: str | None, since: str | None, now: str | None,
) -> None:  # fmt: skip
    from loadtest.capacity_elsewhere import Queries, capacity_in_words, publish_past_peaks
    from loadtest.shown import carried_text

    shipped = Queries()
    queries = Queries(
        p99_ms=p99_query or shipped.p99_ms,
        replicas=replicas_query or shipped.replicas,
        source=source,
        since=moment_option(since, "--since"),
    )
    opened = open_workspace(folder)
    capacity, carried = publish_past_peaks(opened, service, queries, clock(now))
    text = f"{capacity_in_words(capacity)}\n{carried_text(carried, opened.settings.time_zone)}"
    console.result(text, capacity.model_dump(mode="json"))


def _practice(
    wanted: bool, workers: int, service_ms: float, exponential: bool, admits: float | None = None,
    troubles: Sequence[str] = (),
) -> PracticeTarget | None:  # fmt: skip
    from loadtest.results import PracticeTarget

    kind = "exponential" if exponential else "constant"
    target = PracticeTarget(workers=workers, service_ms=service_ms, distribution=kind, admits_per_second=admits)
    return target.model_copy(update=dict(map(_trouble, troubles))) if wanted else None


def _after(results: Results) -> str:
    """The next command, or the page that says why there is none."""
    if results.outcome == "GO":
        return f"surgeplan playbook {results.campaign}"
    folder = "" if results.profile == "replay" else f"{results.profile}/"
    return f"out/{results.campaign}/loadtest/{folder}report.html"


def _trouble(given: str) -> tuple[str, float]:
    """Raises UserError where it is none that the practice target can have."""
    from campaign.errors import Problem, UserError
    from campaign.language import say

    known = {"stall": "stall_seconds", "cold-start": "cold_start_seconds", "memory": "memory_requests"}
    name, _gap, value = given.partition("=")
    if name not in known or not value.isdecimal() or int(value) == 0:
        what = say("{given} is nothing that the practice target can have", given=given)
        raise UserError(Problem(what, say("known: stall=2, cold-start=10, memory=200"), key="--practice-with"))
    return known[name], int(value)


def _digest(given: str | None) -> str | None:
    """Raises UserError where it is no SHA-256 digest as registries write it."""
    from re import fullmatch

    from campaign.errors import Problem, UserError
    from campaign.language import say

    if given is None or fullmatch(r"sha256:[0-9a-f]{64}", given):
        return given
    what = say("{given} is no image digest", given=given)
    raise UserError(Problem(what, say("write sha256: and 64 hexadecimal digits"), key="--image-digest"))


def _require_one_target(host: str | None, practice: bool, *instead: bool) -> None:
    from campaign.errors import Problem, UserError
    from campaign.language import say

    if sum((host is not None, practice, *instead)) != 1:
        what = say("say where to: either --host URL or --practice")
        raise UserError(Problem(what, say("--practice starts a local target, nothing else is touched"), key="--host"))
