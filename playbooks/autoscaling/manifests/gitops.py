"""GitOps: where git owns minReplicas, every step is a commit; where CronJobs patch it, git must leave it out.

Argo CD and Flux put back what git says within their interval, so a step is committed that much before it is due.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO

from campaign.language import _
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    kubernetes_name,
    scheduled,
    stamp,
    to_yaml,
)
from playbooks.autoscaling.manifests.kubernetes import hpa
from playbooks.autoscaling.plan import Step

ARGO_CD = "argocd-ignore-differences.yaml"
COMMIT_DUE, COMMITS = "commit-due.sh", "commits.csv"
USUAL = "the usual floor"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Commit:
    """One step of one service as a file of its own."""

    service: str
    step: Step
    file: str


def gitops_files(setting: Setting) -> dict[str, str]:
    """File name under `gitops/` to its text: what Argo CD leaves out, each step as a patch, when to commit which."""
    made = commits(setting)
    if not made:
        return {}
    patches = {
        commit.file: to_yaml([floor_patch(setting, commit)], [setting.origin, commit.step.why]) for commit in made
    }
    return {
        ARGO_CD: to_yaml([ignore_differences(setting)], [setting.origin, *_ignoring()]),
        **patches,
        COMMITS: commit_table(setting, made),
        COMMIT_DUE: COMMIT_SCRIPT.replace("{origin}", setting.origin),
    }


def _ignoring() -> list[str]:
    return [
        _("For CronJobs that patch minReplicas: put these keys into the Application that owns the HPAs."),
        _("Way back: remove them after the campaign, when git should own minReplicas again."),
    ]


def ignore_differences(setting: Setting) -> Values:
    """The keys of an Argo CD Application that leave minReplicas alone, also while it syncs."""
    rules = [
        {
            "group": "autoscaling",
            "kind": "HorizontalPodAutoscaler",
            "name": kubernetes_name(name),
            "jsonPointers": ["/spec/minReplicas"],
        }
        for name in scheduled(setting.plan)
    ]
    return {
        "spec": {"ignoreDifferences": rules, "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]}},
    }


def commits(setting: Setting) -> list[Commit]:
    """The usual floor first, then every step and the way back of every service in time order."""
    usual, made = [], []
    for name, service in scheduled(setting.plan).items():
        now = Step(starts_at_utc=EPOCH, replicas=service.replicas.floor, why=USUAL)
        usual.append(Commit(name, now, f"usual-{kubernetes_name(name)}.yaml"))
        for step in service.all_steps:
            made.append(Commit(name, step, f"{stamp(step.starts_at_utc)}-{kubernetes_name(name)}.yaml"))
    return usual + sorted(made, key=lambda commit: (commit.step.starts_at_utc, commit.service))


def floor_patch(setting: Setting, commit: Commit) -> Values:
    """A kustomize patch that sets one HPA's floor."""
    whole = hpa(setting, commit.service, setting.plan.services[commit.service])
    metadata = {"name": whole["metadata"]["name"], "namespace": whole["metadata"]["namespace"]}
    return {
        "apiVersion": whole["apiVersion"],
        "kind": whole["kind"],
        "metadata": metadata | {"annotations": {"surgeplan.io/at": commit.step.starts_at_utc.isoformat()}},
        "spec": {"minReplicas": commit.step.replicas},
    }


def commit_table(setting: Setting, made: list[Commit]) -> str:
    """`commits.csv`: when to push which file, seconds since 1970 first so that a shell can compare them."""
    ahead = timedelta(minutes=setting.policy.gitops_sync_minutes)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["push_by_epoch", "push_by_utc", "service", "min_replicas", "file"])
    for commit in made:
        push_by = commit.step.starts_at_utc - (timedelta() if commit.step.why == USUAL else ahead)
        row = [int(push_by.timestamp()), f"{push_by:%Y-%m-%dT%H:%M:%SZ}", kubernetes_name(commit.service)]
        writer.writerow([*row, commit.step.replicas, commit.file])
    return text.getvalue()


COMMIT_SCRIPT = """\
#!/bin/sh
# {origin}
# Commits and pushes the floors that are due now: run it every minute inside the clone that Argo CD or Flux follows.
#   commit-due.sh OVERLAY     OVERLAY holds the kustomization that lists min-replicas/SERVICE.yaml under patches:
# SURGEPLAN_NOW (seconds since 1970) stands in for the clock. Nothing is committed twice; a push that failed is tried
# again each minute.
set -eu
overlay=$1
here=$(cd "$(dirname "$0")" && pwd)
now=${SURGEPLAN_NOW:-$(date +%s)}
mkdir -p "$overlay/min-replicas"
tail -n +2 "$here/commits.csv" | while IFS=, read -r push_by _utc service _floor file; do
    if [ "$push_by" -le "$now" ]; then cp "$here/$file" "$overlay/min-replicas/$service.yaml"; fi
done
git add "$overlay/min-replicas"
if ! git diff --cached --quiet -- "$overlay/min-replicas"; then
    git commit --quiet -m "surgeplan: minReplicas as planned" -- "$overlay/min-replicas"
fi
ahead=$(git rev-list '@{upstream}..HEAD')
if [ -n "$ahead" ]; then git push --quiet; fi
"""
