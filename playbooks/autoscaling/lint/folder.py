"""A folder of manifests, as written or as edited, with all its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.documents import Document, read_json, read_yaml_stream
from campaign.errors import Problem, UserError
from campaign.language import say
from playbooks.autoscaling.lint.against_plan import PLAN, lint_against_plan, lint_lead, lint_metric
from playbooks.autoscaling.lint.aws import is_aws, lint_aws
from playbooks.autoscaling.lint.bounds import Bounds, lint_bounds, usual_floors
from playbooks.autoscaling.lint.cronhpa import lint_cron_hpa
from playbooks.autoscaling.lint.gcp import is_gcp, lint_gcp
from playbooks.autoscaling.lint.keda import lint_scaled_object
from playbooks.autoscaling.lint.keys import lint_keys
from playbooks.autoscaling.lint.kubernetes import lint_cron_job, lint_hpa
from playbooks.autoscaling.lint.missed import lint_missed
from playbooks.autoscaling.lint.schedules import Calendar, floor_changes
from playbooks.autoscaling.lint.sentinel import is_sentinel, lint_sentinel
from playbooks.autoscaling.lint.together import lint_steps
from playbooks.autoscaling.lint.values import kind_of
from playbooks.autoscaling.plan import AutoscalingPlan

HALF_A_YEAR = timedelta(days=180)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
ENDINGS = (".yaml", ".yml", ".json")
RULES: dict[str, Callable[[Document], Iterator[Problem]]] = {
    "HorizontalPodAutoscaler": lint_hpa,
    "CronJob": lint_cron_job,
    "ScaledObject": lint_scaled_object,
    "CronHorizontalPodAutoscaler": lint_cron_hpa,
}


@dataclass(frozen=True)
class Linted:
    """What was looked at and what was found."""

    files: tuple[str, ...]
    objects: int
    problems: tuple[Problem, ...]


def lint_folder(folder: Path, bounds: Bounds, now: datetime | None = None) -> Linted:
    """Check every manifest below a folder (or one file); steps before `now` are problems where it is given.

    Raises:
        UserError: there is no such folder, or nothing in it to check.
    """
    files = manifest_files(folder)
    documents: list[Document] = []
    problems: list[Problem] = []
    names = [file.relative_to(folder if folder.is_dir() else folder.parent).as_posix() for file in files]
    for file, name in zip(files, names, strict=True):
        try:
            documents += read_yaml_stream(file, name)
        except UserError as error:
            problems += error.problems
    plan = plan_beside(folder)
    problems += lint_documents(documents, bounds, now, plan)
    return Linted(tuple(names), len(documents), tuple(problems))


def manifest_files(folder: Path) -> list[Path]:
    """The manifests below a folder in name order.

    Raises:
        UserError: there are none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix in ENDINGS) if folder.is_dir() else [folder]
    if not files or not files[0].is_file():
        todo = say("name a folder such as out/ID/playbook/kubernetes")
        raise UserError(Problem(say("has no manifests to check"), todo, file=str(folder)))
    return files


def plan_beside(folder: Path) -> AutoscalingPlan | None:
    """The plan that the manifests came from: `autoscaling.json` in the folder or in the one above it."""
    inside = folder if folder.is_dir() else folder.parent
    file = next((place / PLAN for place in (inside, inside.resolve().parent) if (place / PLAN).is_file()), None)
    return read_json(file, PLAN, AutoscalingPlan) if file else None


def lint_documents(
    documents: Sequence[Document], bounds: Bounds, now: datetime | None = None, plan: AutoscalingPlan | None = None
) -> list[Problem]:
    """Problems of each document and of all together, in the files' order."""
    found = [problem for document in documents for problem in _alone(document, now)]
    changes = floor_changes(documents, calendar_of(plan, now))
    found += lint_steps(documents)
    found += lint_bounds(changes, documents, bounds)
    if now:
        found += lint_missed(changes, usual_floors(documents), now)
    if plan:
        found += lint_against_plan(changes, plan)
        found += lint_lead(plan, bounds.startup_seconds)
        found += lint_metric(documents, plan)
    return sorted(found, key=lambda problem: (problem.file, problem.line or 0))


def calendar_of(plan: AutoscalingPlan | None, now: datetime | None) -> Calendar:
    """Dates without a year are those of the plan's event; without a plan, the nearest ones."""
    if plan:
        return Calendar(plan.starts_at_utc - timedelta(days=1), ZoneInfo(plan.time_zone))
    return Calendar((now or LONG_AGO) - HALF_A_YEAR, ZoneInfo("UTC"))


def _alone(document: Document, now: datetime | None) -> Iterator[Problem]:
    if is_sentinel(document):
        yield from lint_sentinel(document)
    elif is_aws(document):
        yield from lint_aws(document, now)
    elif is_gcp(document):
        yield from lint_gcp(document, now)
    elif rule := RULES.get(kind_of(document)):
        yield from lint_keys(document)
        yield from rule(document)
