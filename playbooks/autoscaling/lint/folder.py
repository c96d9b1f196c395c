"""A folder of manifests, as written or as edited, with all its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.documents import Document, read_json, read_yaml_stream
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.settings import Settings
from playbooks.autoscaling.lint.against_plan import lint_against_plan
from playbooks.autoscaling.lint.aws import is_aws, lint_aws
from playbooks.autoscaling.lint.cronhpa import lint_cron_hpa
from playbooks.autoscaling.lint.keda import lint_scaled_object
from playbooks.autoscaling.lint.keys import lint_keys
from playbooks.autoscaling.lint.kubernetes import lint_cron_job, lint_hpa
from playbooks.autoscaling.lint.sentinel import is_sentinel, lint_sentinel
from playbooks.autoscaling.lint.together import Bounds, lint_steps
from playbooks.autoscaling.lint.values import kind_of
from playbooks.autoscaling.manifests.document import kubernetes_name
from playbooks.autoscaling.plan import AutoscalingPlan

PLAN = "autoscaling.json"
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
    """Check every manifest below a folder (or one file); actions before `now` are problems where it is given.

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
    problems += lint_documents(documents, bounds, now)
    plan = plan_beside(folder)
    problems += lint_against_plan(documents, plan) if plan else ()
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


def lint_documents(documents: Sequence[Document], bounds: Bounds, now: datetime | None = None) -> list[Problem]:
    """Problems of each document and of all together, in the files' order."""
    found = [problem for document in documents for problem in _alone(document, now)]
    found += lint_steps(documents, bounds)
    return sorted(found, key=lambda problem: (problem.file, problem.line or 0))


def _alone(document: Document, now: datetime | None) -> Iterator[Problem]:
    if is_sentinel(document):
        yield from lint_sentinel(document)
    elif is_aws(document):
        yield from lint_aws(document, now)
    elif rule := RULES.get(kind_of(document)):
        yield from lint_keys(document)
        yield from rule(document)


def bounds_of(settings: Settings | None) -> Bounds:
    """The workspace's quotas and limits under the names that Kubernetes knows; none without a workspace."""
    if settings is None:
        return Bounds({})
    most = {kubernetes_name(s.name): s.replicas.max for s in settings.services if s.replicas.max is not None}
    renamed = [
        limit.model_copy(update={"used_by": {kubernetes_name(name): used for name, used in limit.used_by.items()}})
        for limit in settings.limits
    ]
    return Bounds(most, tuple(renamed))
