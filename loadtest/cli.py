"""The commands of `loadtest`."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from loadtest.results import PracticeTarget

Campaign = Annotated[str, typer.Argument(metavar="ID", help=_("The campaign."))]
QuantileOption = Annotated[str, typer.Option("--quantile", help=_("p50, p90 or p99: p90 for the go-live decision."))]
PathOption = Annotated[str | None, typer.Option("--path", metavar="worst", help=_("The worst sample path instead."))]
AroundOption = Annotated[
    str | None,
    typer.Option("--around", metavar="TIME", help=_("Centre of the window, such as 2026-11-10T20:00+08:00.")),
]
MinutesOption = Annotated[
    int | None, typer.Option("--minutes", min=1, help=_("Length of the window, 60 where left out."))
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="replay|ramp|soak|breakpoint|spike|limits",
        help=_("The campaign's own curve, with a spike on top, or another shape at its peak."),
    ),
]
AdmittedOption = Annotated[
    float | None,
    typer.Option("--admitted", min=0.001, help=_("Profile limits: requests per second let in; else the playbook's.")),
]
LimitedOption = Annotated[str | None, typer.Option("--service", help=_("Profile limits: the service protected."))]
RefusalOption = Annotated[
    int, typer.Option("--refusal-code", min=400, max=599, help=_("Profile limits: status of what is turned away."))
]
SecondsOption = Annotated[
    int | None, typer.Option("--seconds", min=2, help=_("Length in seconds, for a short run around the peak."))
]
WholeOption = Annotated[bool, typer.Option("--whole", help=_("The whole campaign instead of a window."))]
CompressOption = Annotated[
    int, typer.Option("--compress", help=_("Play the quiet parts this many times as fast, up to 10."))
]
ScaleOption = Annotated[
    float | None, typer.Option("--scale", help=_("Share of the forecast to send; it then proves nothing about it."))
]
EvenOption = Annotated[bool, typer.Option("--even", help=_("Evenly spaced arrivals instead of random ones."))]
DriveOption = Annotated[
    str | None,
    typer.Option(
        "--drive",
        metavar="journeys|endpoints",
        help=_("Visits through the funnel, or each endpoint on its own curve."),
    ),
]
WritesOption = Annotated[
    bool, typer.Option("--allow-writes", help=_("Let journeys send POST, PUT, PATCH and DELETE off this machine."))
]
HostOption = Annotated[str | None, typer.Option("--host", metavar="URL", help=_("The system under test."))]
PracticeOption = Annotated[bool, typer.Option("--practice", help=_("A built-in local target instead."))]
PracticeWorkersOption = Annotated[int, typer.Option("--practice-workers", min=1, help=_("Its workers."))]
PracticeServiceOption = Annotated[
    float,
    typer.Option("--practice-service-ms", min=0.01, help=_("Its time for each request; capacity is workers / time.")),
]
PracticeExponentialOption = Annotated[
    bool, typer.Option("--practice-exponential", help=_("Exponential service times instead of constant ones."))
]
PracticePortOption = Annotated[
    int, typer.Option("--practice-port", min=0, max=65535, help=_("Its port; any free one where left out."))
]
PracticeAdmitsOption = Annotated[
    float | None,
    typer.Option(
        "--practice-admits",
        min=0.001,
        help=_("It turns away more requests a second than this; in the profile limits, what was agreed."),
    ),
]
ConfirmOption = Annotated[
    str | None, typer.Option("--confirm", metavar="HOST", help=_("Repeat the host when it is not this machine."))
]
CampaignOption = Annotated[str, typer.Option("--campaign", metavar="ID", help=_("Whose mix of requests to send."))]
StepSecondsOption = Annotated[
    int, typer.Option("--step-seconds", min=3, max=600, help=_("Length of each measured step after its warm-up."))
]
MaxRateOption = Annotated[
    float, typer.Option("--max-rate", min=1, help=_("Never offer more requests per second than this."))
]
ImageOption = Annotated[
    str | None, typer.Option("--image", help=_("What is being measured, such as an image and its tag."))
]
DigestOption = Annotated[
    str | None, typer.Option("--image-digest", metavar="sha256:…", help=_("Digest of the image under test."))
]
VersionOption = Annotated[str | None, typer.Option("--target-version", help=_("Version of what is under test."))]
ProcessesOption = Annotated[
    int, typer.Option("--processes", min=1, max=64, help=_("Sending processes, one core each."))
]


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    lane = typer.Typer(no_args_is_help=True, help=_("Load tests that replay the forecast."))
    lane.command("build", help=_("Traffic model to load-test scenario and an editable locustfile."))(build)
    lane.command("run", help=_("Run the scenario with locust and judge it."))(run)
    lane.command("calibrate", help=_("What one worker of this machine sends cleanly."))(calibrate)
    lane.command("import", help=_("Judge a run made with JMeter (.jtl) or any tool (per-second CSV)."))(import_run)
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
    drive: DriveOption = None,
    allow_writes: WritesOption = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    seed: SeedOption = 0,
) -> None:
    from loadtest.build import Wanted, known_drive, known_profile
    from loadtest.playbook import admission_wanted
    from loadtest.publish import publish_scenario
    from loadtest.shown import scenario_text

    console = Console.open(workspace, lang, as_json)
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
        seed=seed,
    )
    opened = open_workspace(workspace)
    wanted = admission_wanted(opened, campaign, wanted, service, admitted, refusal_code)
    with console.progress() as progress:
        scenario = publish_scenario(opened, campaign, wanted, progress)
    console.result(scenario_text(scenario, opened.settings.time_zone), scenario.model_dump(mode="json"))
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
    target = _practice(practice, practice_workers, practice_service_ms, practice_exponential, practice_admits)
    _require_one_target(host, practice)
    wanted = RunWanted(
        host=host, practice=target, practice_port=practice_port, confirmed=confirm, processes=processes,
        seconds=seconds, scale_ratio=scale, image_digest=_digest(image_digest), target_version=target_version,
        profile=known_profile(profile),
    )  # fmt: skip
    with console.progress() as progress:
        results, judgement, interrupted = publish_run(open_workspace(workspace), campaign, wanted, progress)
    console.result(results_text(results, judgement), results.model_dump(mode="json"))
    console.next(
        f"surgeplan playbook {campaign}" if results.outcome == "GO" else f"out/{campaign}/loadtest/report.html"
    )
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
    console.next("surgeplan loadtest build ID")
    raise typer.Exit(ExitCode.YES if found.clean_requests_per_second else ExitCode.INVALID)


def import_run(
    campaign: Campaign,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("A .jtl in CSV, or a per-second CSV."))],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from loadtest.publish import publish_import
    from loadtest.results import EXIT_CODES
    from loadtest.shown import results_text

    console = Console.open(workspace, lang, as_json)
    results, judgement = publish_import(open_workspace(workspace), campaign, file)
    console.result(results_text(results, judgement), results.model_dump(mode="json"))
    console.next(
        f"surgeplan playbook {campaign}" if results.outcome == "GO" else f"out/{campaign}/loadtest/report.html"
    )
    raise typer.Exit(EXIT_CODES[results.outcome])


def capacity(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help=_("The service."))],
    campaign: CampaignOption,
    host: HostOption = None,
    practice: PracticeOption = False,
    practice_workers: PracticeWorkersOption = 4,
    practice_service_ms: PracticeServiceOption = 20.0,
    practice_exponential: PracticeExponentialOption = False,
    confirm: ConfirmOption = None,
    processes: ProcessesOption = 1,
    step_seconds: StepSecondsOption = 30,
    max_rate: MaxRateOption = 2000.0,
    image: ImageOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
    seed: SeedOption = 0,
) -> None:
    from campaign.errors import ExitCode
    from loadtest.measure import MeasureWanted, outcome_in_words, publish_capacity
    from loadtest.publish import read_scenario
    from loadtest.shown import steps_text

    console = Console.open(workspace, lang, as_json)
    target = _practice(practice, practice_workers, practice_service_ms, practice_exponential)
    _require_one_target(host, practice)
    wanted = MeasureWanted(host, target, confirm, processes, step_seconds, max_rate, image, seed)
    opened = open_workspace(workspace)
    with console.progress() as progress:
        found = publish_capacity(opened, service, read_scenario(opened, campaign), wanted, clock(now), progress)
    console.result(f"{outcome_in_words(found)}\n{steps_text(found)}", found.model_dump(mode="json"))
    console.next(f"surgeplan playbook {campaign}")
    codes = {"measured": ExitCode.YES, "knee-not-reached": ExitCode.INCONCLUSIVE}
    raise typer.Exit(codes.get(found.outcome, ExitCode.INVALID))


def _practice(
    wanted: bool, workers: int, service_ms: float, exponential: bool, admits: float | None = None
) -> PracticeTarget | None:
    from loadtest.results import PracticeTarget

    kind = "exponential" if exponential else "constant"
    target = PracticeTarget(workers=workers, service_ms=service_ms, distribution=kind, admits_per_second=admits)
    return target if wanted else None


def _digest(given: str | None) -> str | None:
    """Raises UserError where it is no SHA-256 digest as registries write it."""
    from re import fullmatch

    from campaign.errors import Problem, UserError
    from campaign.language import say

    if given is None or fullmatch(r"sha256:[0-9a-f]{64}", given):
        return given
    what = say("{given} is no image digest", given=given)
    raise UserError(Problem(what, say("write sha256: and 64 hexadecimal digits"), key="--image-digest"))


def _require_one_target(host: str | None, practice: bool) -> None:
    from campaign.errors import Problem, UserError
    from campaign.language import say

    if (host is None) == (not practice):
        what = say("say where to: either --host URL or --practice")
        raise UserError(Problem(what, say("--practice starts a local target, nothing else is touched"), key="--host"))
