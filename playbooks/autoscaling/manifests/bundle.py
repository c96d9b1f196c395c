"""Every folder of manifests, each with its README."""

from __future__ import annotations

from campaign.settings import Service
from playbooks.autoscaling.manifests.aws import aws_files
from playbooks.autoscaling.manifests.cronhpa import cronhpa_files
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.manifests.keda import keda_files
from playbooks.autoscaling.manifests.kubernetes import kubernetes_files
from playbooks.autoscaling.manifests.prewarm import prewarm_files
from playbooks.autoscaling.manifests.prometheus import prometheus_files
from playbooks.autoscaling.manifests.rate_limits import nginx_files, sentinel_files
from playbooks.autoscaling.manifests.readme import (
    aws_readme,
    cronhpa_readme,
    keda_readme,
    kubernetes_readme,
    limits_readme,
)

README = "README.md"


def bundle(setting: Setting, services: dict[str, Service]) -> dict[str, dict[str, str]]:
    """{folder: {file: text}}; a folder without files is one that this plan has no use for."""
    kubernetes = kubernetes_files(setting) | prewarm_files(setting, services) | prometheus_files(setting)
    folders = {
        "kubernetes": (kubernetes, kubernetes_readme),
        "keda": (keda_files(setting), keda_readme),
        "cronhpa": (cronhpa_files(setting), cronhpa_readme),
        "aws": (aws_files(setting), aws_readme),
        "sentinel": (sentinel_files(setting, services), limits_readme),
        "nginx": (nginx_files(setting), limits_readme),
    }
    return {name: files | {README: readme(setting)} if files else {} for name, (files, readme) in folders.items()}
