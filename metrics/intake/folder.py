"""A folder of exports: every file tried by every recogniser, all problems and questions together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.intake import access_logs, business, cluster, grafana, schedule, support
from metrics.intake.headings import Headed, find_headings
from metrics.intake.raw_tables import read_raw_tables
from metrics.intake.records import Answers, Findings, Place, Recognised, Unanswered
from metrics.intake.stacked import tables_of

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls")
PACKED_TABLES = (".csv.gz", ".tsv.gz")
LOGS = (".log", ".jsonl", ".ndjson", ".gz", ".json")
CLUSTER = (".yaml", ".yml", ".json")
READERS: tuple[Callable[[Headed, Answers, Findings], Recognised | None], ...] = (
    schedule.recognise,
    support.recognise,
    grafana.recognise,
    business.recognise,
)


@dataclass(frozen=True)
class Intake:
    """What a folder holds, in the order of its files; `unknown` are files that nothing recognised."""

    recognised: tuple[Recognised, ...]
    unknown: tuple[Place, ...]


def read_folder(folder: Path, answers: Answers, progress: Progress = no_progress) -> Intake:
    """Everything in a folder of exports.

    Raises:
        Unanswered: something only a person can say is open.
        UserError: files that cannot be used, or a folder without any that can.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith((".", "~$")))
    if not files:
        raise UserError(Problem(say("holds no files"), say("put the exports into it"), file=str(folder)))
    findings = Findings()
    recognised: list[Recognised] = []
    unknown: list[Place] = []
    for number, path in enumerate(files):
        progress(say("Reading exports"), number, len(files))
        found, left = _read_file(path, str(path.relative_to(folder)), answers, findings)
        recognised += found
        unknown += left
    recognised = _without_visits(recognised, findings)
    if findings.questions:
        raise Unanswered(findings.questions, findings.problems)
    if findings.problems:
        raise UserError(findings.problems)
    return Intake(tuple(recognised), tuple(unknown))


def _without_visits(recognised: list[Recognised], findings: Findings) -> list[Recognised]:
    """Where some file tells requests, visits need not stand for them: what was asked about visits is taken back."""
    if not any(buckets.measure == "requests" for found in recognised for buckets in found.buckets):
        return recognised
    places = {question.place for question in findings.questions if question.alone}
    findings.questions = [question for question in findings.questions if not question.alone]
    note = say("visits are not used for traffic, other files tell requests; --requests-per-session would use them")
    return [replace(one, notes=(*one.notes, note)) if one.place in places else one for one in recognised]


def _read_file(path: Path, name: str, answers: Answers, findings: Findings) -> tuple[list[Recognised], list[Place]]:
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        findings.problems.append(Place(name).problem(say("is empty"), say("export it again, or take it out")))
        return [], []
    if suffix in CLUSTER and (found := _cluster(path, name, findings)):
        return [found], []
    if path.name.lower().endswith(PACKED_TABLES):
        return _tables(path, name, answers, findings)
    if suffix in LOGS or ".log" in path.name or suffix == "":
        log = access_logs.recognise(path, name, answers, findings)
        return ([log], []) if log else ([], [Place(name)])
    if suffix not in TABLES:
        return [], [Place(name)]
    log = access_logs.recognise(path, name, answers, findings) if suffix == ".txt" else None
    return ([log], []) if log else _tables(path, name, answers, findings)


def _cluster(path: Path, name: str, findings: Findings) -> Recognised | None:
    with path.open("rb") as file:
        head = file.read(4096)
    if path.suffix == ".json" and (b'"kind"' not in head or b'"apiVersion"' not in head):
        return None
    return cluster.recognise(path, name, findings)


def _tables(path: Path, name: str, answers: Answers, findings: Findings) -> tuple[list[Recognised], list[Place]]:
    recognised: list[Recognised] = []
    unknown: list[Place] = []
    raw = read_raw_tables(path, name, findings.problems)
    for table in (one for sheet in raw for one in tables_of(sheet)):
        headed = find_headings(table)
        found = None
        if headed is not None and headed.rows:
            found = next((r for reader in READERS if (r := reader(headed, answers, findings)) is not None), None)
        if found is None:
            unknown.append(table.place)
        else:
            recognised.append(found)
    return recognised, unknown
