"""Every target's folder of files, each with its README."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaign.settings import Service
from playbooks.autoscaling.holds import Hold
from playbooks.autoscaling.manifests import readme
from playbooks.autoscaling.manifests.aws import aws_files
from playbooks.autoscaling.manifests.cronhpa import cronhpa_files
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.manifests.gcp import gcp_files
from playbooks.autoscaling.manifests.gitops import gitops_files
from playbooks.autoscaling.manifests.keda import keda_files
from playbooks.autoscaling.manifests.kubernetes import HPAS, RATES, kubernetes_files
from playbooks.autoscaling.manifests.prewarm import prewarm_files
from playbooks.autoscaling.manifests.prometheus import prometheus_files
from playbooks.autoscaling.manifests.rate_limits import nginx_files, sentinel_files
from playbooks.autoscaling.policy import TARGETS, Target

README = "README.md"
Files = dict[str, str]
Services = dict[str, Service]

MAKERS: dict[Target, tuple[Callable[[Setting, Services], Files], Callable[[Setting], str]]] = {
    "kubernetes": (lambda setting, _: kubernetes_files(setting), readme.kubernetes_readme),
    "pause-pods": (prewarm_files, readme.pause_pods_readme),
    "prometheus": (lambda setting, _: prometheus_files(setting), readme.prometheus_readme),
    "keda": (lambda setting, _: keda_files(setting), readme.keda_readme),
    "cronhpa": (lambda setting, _: cronhpa_files(setting), readme.cronhpa_readme),
    "aws": (lambda setting, _: aws_files(setting), readme.aws_readme),
    "gcp": (lambda setting, _: gcp_files(setting), readme.gcp_readme),
    "gitops": (lambda setting, _: gitops_files(setting), readme.gitops_readme),
    "sentinel": (sentinel_files, readme.sentinel_readme),
    "nginx": (lambda setting, _: nginx_files(setting), readme.nginx_readme),
}


def bundle(setting: Setting, services: Services) -> dict[str, Files]:
    """{folder: {file: text}}; a folder without files is one that was not asked for or that this plan has no use for."""
    return {target: _folder(setting, services, target) for target in TARGETS}


def steps_alone(setting: Setting, holds: Sequence[Hold]) -> dict[str, Files]:
    """{folder: {file: text}}: the steps of every executor; an HPA that runs, and what it asks for, are left alone.

    holds: what was decided, as it stands in the setting's plan (`playbooks.autoscaling.holds.held`).
    """
    found = {target: MAKERS[target][0](setting, {}) for target in readme.COMMANDS if target in setting.policy.targets}
    return {
        target: {name: text for name, text in files.items() if name not in (HPAS, RATES)}
        | {README: readme.held_readme(setting, target, holds)}
        for target, files in found.items()
    }


def _folder(setting: Setting, services: Services, target: Target) -> Files:
    files_of, readme_of = MAKERS[target]
    files = files_of(setting, services) if target in setting.policy.targets else {}
    return files | {README: readme_of(setting)} if files else {}
