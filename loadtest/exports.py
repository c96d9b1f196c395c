"""`build --export`: the scenario for teams whose platform runs JMeter, and for a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from math import ceil
from pathlib import Path

from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError, nearest
from campaign.files import write_text
from campaign.language import Text, say
from campaign.workspace import Workspace
from loadtest.calibrate import CALIBRATION, Calibration
from loadtest.caps import highest_rate
from loadtest.hosts import Target, addresses_of, target_of
from loadtest.jmeter import PLAN, jmeter_plan
from loadtest.journeys import LOCUSTFILE
from loadtest.kubernetes import CONFIG_MAP_BYTES_MAX, MANIFESTS, ClusterRun, kubernetes_name, manifests
from loadtest.publish import profile_folder
from loadtest.scenario import SCENARIO, Scenario

EXPORTS = ("jmx", "kubernetes")
# A worker core with 60 % of 2,000 trivial requests per second, where nobody calibrated.
ASSUMED_WORKER_PER_SECOND = 1200.0


@dataclass(frozen=True)
class ExportWanted:
    """What to export, and for a cluster: whither, from which image, with how many workers."""

    kind: str
    host: str | None = None
    image: str | None = None
    workers: int | None = None
    networks: tuple[str, ...] = ()


def check_export(wanted: ExportWanted | None) -> None:
    """Raises UserError where it is no kind of export, or lacks what a cluster needs."""
    if wanted is None:
        return
    if wanted.kind not in EXPORTS:
        what = say("{given} is no export", given=wanted.kind)
        raise UserError(Problem(what, nearest(wanted.kind, EXPORTS), key="--export"))
    if wanted.kind == "kubernetes" and (wanted.host is None or wanted.image is None):
        what = say("a cluster needs to know where to send to, and an image that has surgeplan")
        raise UserError(Problem(what, say("add --host URL and --image IMAGE"), key="--export"))


def publish_export(workspace: Workspace, scenario: Scenario, wanted: ExportWanted) -> tuple[Path, list[Text]]:
    """Write `plan.jmx` or `kubernetes.yaml` beside the scenario; returns the file and what to know about it.

    Raises:
        UserError: a target that does not resolve and has no --target-cidr, or files too large for a ConfigMap.
    """
    folder = profile_folder(workspace, scenario.campaign, scenario.profile)
    journeys = workspace.out(scenario.campaign) / "loadtest"
    if wanted.kind == "jmx":
        feeders = frozenset(file.stem for file in (journeys / "data").glob("*.csv"))
        write_text(folder / PLAN, jmeter_plan(scenario, feeders))
        return folder / PLAN, [
            say("JMeter counts from sending, not from when a visitor was meant to come: generator validity is unknown"),
            say("judge it with surgeplan loadtest import {id} run.jtl", id=scenario.campaign),
        ]
    run, said = _cluster_run(workspace, scenario, wanted, folder, journeys)
    write_text(folder / MANIFESTS, manifests(scenario, run))
    name = kubernetes_name(f"loadtest-{scenario.campaign}")
    return folder / MANIFESTS, [
        *said,
        say("run: kubectl apply -f {file}; afterwards kubectl logs job/{name}-master > run.jsonl",
            file=MANIFESTS, name=name),
        say("judge it with surgeplan loadtest import {id} run.jsonl", id=scenario.campaign),
    ]  # fmt: skip


def _cluster_run(
    workspace: Workspace, scenario: Scenario, wanted: ExportWanted, folder: Path, journeys: Path
) -> tuple[ClusterRun, list[Text]]:
    target = target_of(str(wanted.host))
    files = {file.name: read_utf8(file, file.name) for file in sorted((journeys / "data").glob("*.csv"))}
    run = ClusterRun(
        target=target,
        networks=_networks(target, wanted.networks),
        image=str(wanted.image),
        workers=1,
        files=files,
        locustfile=read_utf8(journeys / LOCUSTFILE, LOCUSTFILE),
        scenario_text=read_utf8(folder / SCENARIO, SCENARIO),
    )
    size = len(run.scenario_text.encode()) + len(run.locustfile.encode()) + sum(len(t.encode()) for t in files.values())
    if size > CONFIG_MAP_BYTES_MAX:
        what = say("scenario, locustfile and data are {size} kB; a ConfigMap holds 1,000", size=size // 1000)
        raise UserError(Problem(what, say("put data/ into the image, or build a shorter window"), key="--export"))
    workers, said = _workers(workspace, scenario, wanted.workers)
    return replace(run, workers=workers), said


def _networks(target: Target, given: Sequence[str]) -> tuple[str, ...]:
    if given:
        try:
            return tuple(str(ip_network(text, strict=False)) for text in given)
        except ValueError as error:
            what = say("{given} is no network", given=str(error))
            raise UserError(Problem(what, say("write it as 10.1.2.0/24"), key="--target-cidr")) from error
    try:
        addresses = addresses_of(target)
    except UserError as error:
        todo = say("give its network with --target-cidr 10.1.2.0/24")
        raise UserError(Problem(error.problems[0].what, todo, key="--target-cidr")) from error
    return tuple(sorted({str(ip_network(str(address))) for address in addresses}))


def workers_needed(workspace: Workspace, scenario: Scenario) -> list[Text]:
    """What to say of `--processes`: nothing where one does."""
    workers, said = _workers(workspace, scenario, None)
    return said if workers > 1 else []


def _workers(workspace: Workspace, scenario: Scenario, given: int | None) -> tuple[int, list[Text]]:
    """How many cores the busiest second of visitors' requests needs."""
    if given is not None:
        return given, []
    file = workspace.folder / "out" / CALIBRATION
    planned = read_json(file, f"out/{CALIBRATION}", Calibration).planned_requests_per_second if file.is_file() else None
    calls = highest_rate(scenario)
    workers = max(ceil(calls / (planned or ASSUMED_WORKER_PER_SECOND)), 1)
    how = (
        say("{n} workers for {rate} requests per second, as this machine was calibrated", n=workers,
            rate=f"{calls:.0f}")
        if planned
        else say("{n} workers for {rate} requests per second, assuming {each} each", n=workers, rate=f"{calls:.0f}",
                 each=f"{ASSUMED_WORKER_PER_SECOND:g}")
    )  # fmt: skip
    return workers, [how]
