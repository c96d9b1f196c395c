"""Manifests as text: plain values, a comment that says where they come from, strings that stay strings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from campaign.errors import Problem, UserError
from campaign.language import say
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.autoscaling.policy import AutoscalingPolicy

Values = dict[str, Any]
LABEL = "surgeplan.io/plan"
PART = "surgeplan.io/part"
NAME_LENGTH = 63
JOB_PART_LENGTH = 40  # Kubernetes takes 52 for a CronJob: it adds eleven characters for each run


@dataclass(frozen=True)
class Setting:
    """What every manifest needs beside the plan."""

    plan: AutoscalingPlan
    policy: AutoscalingPolicy
    zone: ZoneInfo

    def query(self, service: str) -> str:
        """The query for a service's requests per second."""
        return self.policy.prometheus_query.replace("{service}", service)

    @property
    def group(self) -> str:
        """One name for the campaigns that share these steps, so that none of them makes a second set."""
        return kubernetes_name(min((self.plan.campaign, *self.plan.shared_with)))

    @property
    def prefix(self) -> str:
        """What names of this group's schedules begin with where a cloud has no labels; names are short there."""
        return f"surgeplan-{sha256(self.group.encode()).hexdigest()[:6]}-"

    @property
    def labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": "surgeplan", LABEL: self.group}

    @property
    def origin(self) -> str:
        """The comment's line: which model these numbers come from."""
        plan = self.plan
        return f"surgeplan {plan.campaign}: model {plan.model}, as of {plan.as_of_utc.isoformat()}"


def scheduled(plan: AutoscalingPlan) -> dict[str, ServicePlan]:
    """The services that have steps."""
    return {name: service for name, service in plan.services.items() if service.steps}


def kubernetes_name(*parts: str) -> str:
    """A DNS-1123 name of the parts: lower case, digits and dashes, at most 63 long."""
    joined = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    return joined[:NAME_LENGTH].rstrip("-")


def job_name(prefix: str, name: str, at: datetime) -> str:
    """A CronJob's name: what is cut off a long one is told by a digest, so that no two are one object."""
    whole = kubernetes_name(prefix, name)
    if len(whole) > JOB_PART_LENGTH:
        digest = sha256(name.encode()).hexdigest()[:6]
        whole = f"{whole[: JOB_PART_LENGTH - 7].rstrip('-')}-{digest}"
    return f"{whole}-{stamp(at)}"


def require_distinct_names(services: Sequence[str], file: str) -> None:
    """Refuse services that would be one object in Kubernetes.

    Raises:
        UserError: two services differ only in letters that Kubernetes does not know.
    """
    seen: dict[str, str] = {}
    for name in services:
        other = seen.setdefault(kubernetes_name(name), name)
        if other != name:
            what = say("{one} and {other} would have the same name in Kubernetes", one=other, other=name)
            raise UserError(Problem(what, say("rename one of them"), file=file, key="services"))


def cron_zone(setting: Setting) -> ZoneInfo:
    """The campaign's zone; UTC where a step falls into an hour that the clock change skips or repeats."""
    instants = [step.starts_at_utc for service in setting.plan.services.values() for step in service.all_steps]
    instants += [setting.plan.ends_at_utc, setting.plan.ends_at_utc + CLEANUP_AFTER]
    return ZoneInfo("Etc/UTC") if any(ambiguous(at, setting.zone) for at in instants) else setting.zone


CLEANUP_AFTER = timedelta(hours=1)


def ambiguous(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clock of an instant names another instant as well (a repeated hour)."""
    local = instant.astimezone(zone)
    return local.replace(fold=0).astimezone(UTC) != local.replace(fold=1).astimezone(UTC)


def cron(instant: datetime, zone: ZoneInfo) -> str:
    """`50 19 10 11 *`: minute, hour, day and month; cron knows no year."""
    local = instant.astimezone(zone)
    return f"{local.minute} {local.hour} {local.day} {local.month} *"


def selector(setting: Setting, part: str) -> str:
    """What `kubectl -l` takes to find the objects of one target of this plan."""
    return ",".join(f"{key}={value}" for key, value in (*setting.labels.items(), (PART, part)))


def stamp(instant: datetime) -> str:
    """An instant as part of a name, UTC."""
    return instant.astimezone(UTC).strftime("%m%d%H%M")


def to_yaml(documents: Sequence[Values], comments: Sequence[str]) -> str:
    """The documents in one file, comment lines first."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda *_: True
    stream = StringIO()
    stream.write("".join(f"# {line}\n" for line in comments))
    for i, document in enumerate(documents):
        stream.write("---\n" if i else "")
        yaml.dump(quoted(document), stream)
    return stream.getvalue()


def quoted(value: Any) -> Any:
    """The same values with strings that YAML 1.1 readers would take for something else in quotes."""
    if isinstance(value, dict):
        return {key: quoted(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [quoted(part) for part in value]
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_./-]*(:[A-Za-z0-9_.-]+)?", value):
        return DoubleQuotedScalarString(value)
    if isinstance(value, str) and value.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
        return DoubleQuotedScalarString(value)
    return value
