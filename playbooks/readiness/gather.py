"""Reads what there is about a campaign in its workspace into `Evidence`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict

from campaign.bundle import FrozenBundle
from campaign.capacity import capacity_file, known_capacity
from campaign.documents import FileRecord, read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.observed import planned_sha256
from campaign.plan import Plan
from campaign.store.database import STATE_URL, STORE
from campaign.store.events import Event
from campaign.traffic import TrafficModel
from campaign.workspace import SETTINGS, Workspace
from metrics.dictionary import DICTIONARY, Dictionary, open_dictionary
from metrics.sources.kept import LEDGER, read_ledger
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.readiness.binding import bind
from playbooks.readiness.brought import Drill, read_answers, read_drills, read_seats, rows_of
from playbooks.readiness.evidence import Evidence, Replay, StaffedSlot, Watermark
from playbooks.readiness.live_evidence import live_evidence
from playbooks.readiness.load_tests import proven, read_load_test
from playbooks.readiness.policy import CHECKLIST
from playbooks.readiness.rates import Rates, rates_near_instants
from playbooks.readiness.readings import READINGS, Readings
from playbooks.readiness.standing import Standing, standing
from playbooks.rehearsal.record import Rehearsal

Record = TypeVar("Record", bound=FileRecord)
BROUGHT = ("bot_replay.csv", "image_digest.txt", "drills.csv", "war_room_roster.csv", READINGS)
RESULTS = ("traffic.json", "loadtest/results.json", "loadtest/scenario.json", "rehearsal.json", "retro.json")
AGREES = ({"marketing"}, {"ops", "data"})  # one signature of each set makes a definition agreed


class WrittenChecklist(FileRecord):
    """The part of `checklist.json` that the next one is made with."""

    model_config = ConfigDict(extra="ignore")

    demands: dict[str, str] = {}


@dataclass(frozen=True)
class Named:
    """Files that the log speaks of: the bundle of the newest freeze, and what was attached to notes, by path."""

    bundle: str | None = None
    attachments: frozenset[str] = frozenset()


ReadFiles = Callable[[Workspace, str, Named], Evidence]
"""`read_files`, or whoever kept what it read."""


def gather(
    workspace: Workspace, campaign: str, log: Sequence[Event] | None = None, read: ReadFiles | None = None
) -> Evidence:
    """Everything that checks may ask about; `log` stands in for the workspace's own event log, `read` for `read_files`.

    Raises:
        UserError: no such campaign, or a file that cannot be read.
    """
    whole = whole_log(workspace) if log is None else log
    events = acts(workspace, campaign, whole)
    plan, stands = _plan(workspace, campaign, events), standing(events, campaign)
    files = (read or read_files)(workspace, campaign, _named(stands))
    head = {"state": whole[-1].hash} if whole else {}
    live = live_evidence(workspace.folder, plan)
    return replace(files, standing=stands, live=live, inputs=files.inputs | head)


def _named(stands: Standing) -> Named:
    paths = {path for note in stands.notes.values() for path in note.body.get("attachments", {})}
    return Named(str(stands.freeze.body["bundle"]) if stands.freeze else None, frozenset(paths))


def read_files(workspace: Workspace, campaign: str, named: Named) -> Evidence:
    """What the workspace's files say, which is all but what `state/` holds.

    Raises:
        UserError: no such campaign, or a file that cannot be read.
    """
    _refuse_outside(workspace, campaign)
    plan, out = workspace.plan(campaign), workspace.out(campaign)
    replay = workspace.folder / "evidence" / campaign / "bot_replay.csv"
    file, traffic = workspace.plan_file(campaign), out / "traffic.json"
    model = _record(traffic, workspace, TrafficModel)
    dictionary = open_dictionary(workspace)
    bundle = _bundle(out, named.bundle, workspace)
    scaling = _record(out / "playbook" / "autoscaling.json", workspace, AutoscalingPlan)
    traffic_hash = sha256(traffic) if traffic.is_file() else None
    load_test = read_load_test(out / "loadtest", workspace.folder)
    return Evidence(
        plan=plan,
        settings=workspace.settings,
        plan_hashes=frozenset({sha256(file), planned_sha256(file)}),
        capacities={
            service.name: capacity
            for service in workspace.settings.services
            if (capacity := known_capacity(service, capacity_file(workspace.folder, service.name)))
        },
        traffic=model,
        traffic_hash=traffic_hash,
        autoscaling=scaling,
        rates=_rates(out / "traffic.csv", plan) if scaling and scaling.model != traffic_hash else None,
        rehearsal=_record(out / "rehearsal.json", workspace, Rehearsal),
        load_test=load_test,
        image_digest=_digest(workspace, campaign),
        readings=_record(workspace.folder / "evidence" / campaign / READINGS, workspace, Readings),
        seats=read_seats(workspace.folder / "evidence" / campaign / "war_room_roster.csv", workspace.folder),
        drills=read_all_drills(workspace, plan),
        watermarks={
            name: Watermark(state.pulled_until_utc, timedelta(seconds=state.lateness_seconds), state.final_until_utc)
            for name, state in read_ledger(workspace.folder).sources.items()
            if state.pulled_until_utc
        },
        staffing=_staffing(out / "playbook" / "staffing.csv", workspace),
        bot_training=_offers_of(out / "playbook" / "bot_training.csv", workspace),
        bot_replay=_replay(replay, workspace, plan),
        bot_replay_hash=sha256(replay) if replay.is_file() else None,
        unapproved_metrics=unapproved(plan, dictionary),
        history_ends_at_utc=_history_end(workspace),
        retro=(out / "retro.json").is_file(),
        learned=_learned(workspace.folder / "history" / "retrospectives.jsonl", campaign),
        binding=bind(
            plan, model, used_metric_ids(plan, dictionary), _hashes_by_part(out), proven(load_test), _floors(scaling)
        ),
        bundle=bundle,
        bundle_damage=_damage(out / "frozen" / bundle.hash, bundle) if bundle else (),
        attachments=hashes_of(named.attachments, workspace),
        demands=_demands(out / "playbook" / "checklist.json"),
        inputs=_input_hashes(workspace, campaign),
    )


def _refuse_outside(workspace: Workspace, campaign: str) -> None:
    """Evidence that is a link out of the workspace proves nothing: nobody who checks the workspace out has it."""
    root = workspace.folder.resolve()
    folder = workspace.folder / "evidence" / campaign
    outside = [file for name in BROUGHT if (file := folder / name).exists() and not file.resolve().is_relative_to(root)]
    if outside:
        todo = say("copy it into evidence/: what a signature rests on must stay with the workspace")
        raise UserError(Problem(say("lies outside the workspace"), todo, file=_name(f, workspace)) for f in outside)


def whole_log(workspace: Workspace) -> Sequence[Event]:
    """The workspace's event log, empty before the first act.

    Raises:
        UserError: the log was edited or cannot be read.
    """
    url = os.environ.get(STATE_URL)
    if not url and not (workspace.folder / STORE).is_file():
        return []
    from campaign.store.log import open_log
    from campaign.store.transfer import sound_events

    return sound_events(open_log(workspace.folder, url))


def acts(workspace: Workspace, campaign: str, log: Sequence[Event]) -> list[Event]:
    """What a log says about the campaign, and about the promotion it is a wave of."""
    promotion = next((p.part_of for p in workspace.plans if p.id == campaign), None)
    return [event for event in log if event.campaign in (campaign, promotion)]


def _plan(workspace: Workspace, campaign: str, events: list[Event]) -> Plan:
    if events and all(plan.id != campaign for plan in workspace.plans):
        what = say("the plan is gone, but {count} acts were signed on it", count=len(events))
        todo = say("bring the file back from git: what was signed cannot be checked without it")
        raise UserError(Problem(what, todo, file=f"campaigns/{campaign}.yaml"))
    return workspace.plan(campaign)


PART_FILES = {
    "model": "traffic.json",
    "profile": "loadtest/scenario.json",
    "autoscaling": "playbook/autoscaling.json",
    "staffing": "playbook/staffing.csv",
}


def _hashes_by_part(out: Path) -> dict[str, str]:
    return {part: sha256(out / name) for part, name in PART_FILES.items() if (out / name).is_file()}


def used_metric_ids(plan: Plan, dictionary: Dictionary) -> dict[str, str]:
    """The ids of the metrics that the plan's figures use."""
    names = {name for used in (*plan.metrics, *plan.expected) if (name := dictionary.find(used))}
    return {name: dictionary.ids[name] for name in sorted(names)}


def _bundle(out: Path, name: str | None, workspace: Workspace) -> FrozenBundle | None:
    """The frozen bundle of that name.

    Raises:
        UserError: its folder is gone.
    """
    if name is None:
        return None
    file = out / "frozen" / name / "bundle.json"
    return read_json(file, _name(file, workspace), FrozenBundle)


def _damage(folder: Path, bundle: FrozenBundle) -> tuple[str, ...]:
    """Files of the bundle that are gone or changed."""
    return tuple(
        name
        for name, was in sorted(bundle.files.items())
        if not (folder / name).is_file() or sha256(folder / name) != was
    )


def hashes_of(paths: frozenset[str], workspace: Workspace) -> dict[str, str]:
    """SHA-256 of attachments that are still there."""
    return {path: sha256(file) for path in sorted(paths) if (file := workspace.folder / path).is_file()}


def _input_hashes(workspace: Workspace, campaign: str) -> dict[str, str]:
    """SHA-256 of the files that a checklist is made from, by their path in the workspace."""
    out = workspace.out(campaign)
    files = [
        *(workspace.folder / name for name in (SETTINGS, DICTIONARY, CHECKLIST, LEDGER)),
        workspace.plan_file(campaign),
        *(capacity_file(workspace.folder, name) for name in workspace.settings.service_names),
        *(out / name for name in RESULTS),
        *(out / "playbook" / name for name in ("autoscaling.json", "staffing.csv", "bot_training.csv")),
        *(workspace.folder / "evidence" / campaign / name for name in BROUGHT),
    ]
    return {_name(file, workspace): sha256(file) for file in files if file.is_file()}


def read_all_drills(workspace: Workspace, plan: Plan) -> tuple[Drill, ...]:
    """`evidence/<id>/drills.csv`, and that of the promotion: a switch is drilled once for all its waves."""
    folders = (workspace.folder / "evidence" / name for name in (plan.part_of, plan.id) if name)
    return tuple(drill for folder in folders for drill in read_drills(folder / "drills.csv", workspace.folder))


def _rates(file: Path, plan: Plan) -> Rates | None:
    """None where there is no table that can be read: then another model is another model."""
    try:
        return rates_near_instants(file, plan)
    except (OSError, KeyError, ValueError):
        return None


def _floors(scaling: AutoscalingPlan | None) -> dict[str, int]:
    """The highest floor of every service that the plan scales."""
    return {name: service.replicas.peak for name, service in scaling.services.items()} if scaling else {}


def _demands(file: Path) -> dict[str, str]:
    """What earlier versions of the plan asked for; nothing where the last checklist cannot be read any more."""
    try:
        return read_json(file, file.name, WrittenChecklist).demands
    except UserError:
        return {}


def _digest(workspace: Workspace, campaign: str) -> str | None:
    """`evidence/<id>/image_digest.txt`: the digest of what will run on the day, as the release writes it."""
    path = workspace.folder / "evidence" / campaign / "image_digest.txt"
    return (read_utf8(path, _name(path, workspace)).strip() or None) if path.is_file() else None


def _name(path: Path, workspace: Workspace) -> str:
    return path.relative_to(workspace.folder).as_posix()


def _record(path: Path, workspace: Workspace, record: type[Record]) -> Record | None:
    return read_json(path, _name(path, workspace), record) if path.is_file() else None


def _staffing(path: Path, workspace: Workspace) -> tuple[StaffedSlot, ...] | None:
    if not path.is_file():
        return None
    told = path.stat()
    return _slots_in(path, workspace.folder, (told.st_ino, told.st_mtime_ns, told.st_size))


@lru_cache(maxsize=16)
def _slots_in(path: Path, root: Path, _file: tuple[int, int, int]) -> tuple[StaffedSlot, ...]:
    """A file by inode, date and size: it has thousands of rows, and a checklist is asked for again and again."""
    rows = rows_of(path, root, {"starts_at_utc", "desk", "agents_required", "agents_rostered"})
    problems: list[Problem] = []
    slots: list[StaffedSlot] = []
    for line, row in enumerate(rows or (), start=2):
        try:
            slots.append(_slot(row))
        except ValueError as error:
            what = say("cannot be read: {reason}", reason=str(error))
            todo = say("write numbers, and times such as 2026-11-10T12:00:00Z")
            problems.append(Problem(what, todo, file=path.relative_to(root).as_posix(), line=line))
    if problems:
        raise UserError(problems)
    return tuple(slots)


def _slot(row: dict[str, str]) -> StaffedSlot:
    numbers = [row.get(name) for name in ("agents_required", "agents_rostered", "service_level_ratio")]
    required, rostered, level = (float(number) if number else None for number in numbers)
    return StaffedSlot(datetime.fromisoformat(row["starts_at_utc"]), row["desk"], required or 0.0, rostered, level)


def _offers_of(path: Path, workspace: Workspace) -> frozenset[str] | None:
    rows = rows_of(path, workspace.folder, set())
    return None if rows is None else frozenset(row.get("offer", "") for row in rows)


def _replay(path: Path, workspace: Workspace, plan: Plan) -> dict[str, Replay] | None:
    """`evidence/<id>/bot_replay.csv`: offer, question, passed (yes or no), and the rules asked about (answer_from)."""
    answers = read_answers(path, workspace.folder)
    if answers is None:
        return None
    rules = {offer.id: offer.rules.strip() for offer in plan.offers}
    asked = Counter(one.offer for one in answers)
    passed = Counter(one.offer for one in answers if one.passed)
    current = {offer: rules.get(offer, "") for offer in asked}
    old = Counter(one.offer for one in answers if (one.answer_from or current[one.offer]).strip() != current[one.offer])
    untried = Counter(one.offer for one in answers if one.passed is None)
    return {offer: Replay(count, passed[offer], old[offer], untried[offer]) for offer, count in asked.items()}


def unapproved(plan: Plan, dictionary: Dictionary) -> tuple[str, ...]:
    """Metrics the plan uses whose present id lacks the consent of marketing, or of both ops and data."""
    return tuple(name for name in used_metric_ids(plan, dictionary) if not _agreed(name, dictionary))


def _agreed(name: str, dictionary: Dictionary) -> bool:
    roles = {a.role for a in dictionary.definitions[name].approvals if a.id == dictionary.ids[name]}
    return all(roles & wanted for wanted in AGREES)


def _history_end(workspace: Workspace) -> datetime | None:
    """When the newest row of traffic history starts; None where there is none that can be read."""
    zone = workspace.settings.time_zone if workspace.settings.history.naive_times else "UTC"
    files = [(str(path), path.stat()) for path in workspace.history_files()]
    return _newest_row(tuple((name, told.st_ino, told.st_mtime_ns, told.st_size) for name, told in files), zone)


@lru_cache(maxsize=16)
def _newest_row(files: tuple[tuple[str, int, int, int], ...], zone: str) -> datetime | None:
    """The same of files by name, inode, date and size: reading them is half of what a checklist takes."""
    import duckdb

    newest: list[float] = []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = ?", [zone])
        for file, *_ in files:
            source = "read_parquet(?)" if file.endswith(".parquet") else "read_csv(?, all_varchar = true)"
            try:
                row = connection.execute(
                    f"SELECT epoch(max(try_cast(starts_at AS TIMESTAMPTZ))) FROM {source}", [file]
                ).fetchone()
            except duckdb.Error:
                continue  # `surgeplan check` says what is wrong with a history file; here it only proves nothing
            if row and row[0] is not None:
                newest.append(float(row[0]))
    return datetime.fromtimestamp(max(newest), UTC) if newest else None


def _learned(path: Path, campaign: str) -> bool:
    name, found = f"history/{path.name}", False
    lines = read_utf8(path, name).splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            found |= bool(line.strip()) and json.loads(line).get("campaign") == campaign
        except (ValueError, AttributeError) as error:
            what = say("is not valid JSON: {reason}", reason=str(error))
            todo = say("repair or remove the line that is no JSON")
            raise UserError(Problem(what, todo, file=name, line=number)) from error
    return found
