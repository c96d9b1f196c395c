"""Google Cloud: scaling schedules of a managed instance group, each run once since its cron line names the year.

A schedule raises the group's minimum for `durationSec` (at least 300) and then ends by itself; where two overlap the
larger one counts. Source: compute/v1 `AutoscalingPolicyScalingSchedule`.
"""

from __future__ import annotations

from itertools import pairwise

from campaign.files import to_json
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    cron,
    cron_zone,
    kubernetes_name,
    scheduled,
    stamp,
)
from playbooks.autoscaling.plan import ServicePlan

SHORTEST_SECONDS = 300


def gcp_files(setting: Setting) -> dict[str, str]:
    """File name under `gcp/` to its text."""
    return {
        f"{kubernetes_name(name)}.json": to_json(schedules_of(setting, name, service))
        for name, service in scheduled(setting.plan).items()
    }


def schedules_of(setting: Setting, name: str, service: ServicePlan) -> Values:
    """The part of an Autoscaler resource that a patch sets: sizes and schedules."""
    zone = cron_zone(setting)
    policy = {
        "minNumReplicas": service.replicas.floor,
        "maxNumReplicas": service.replicas.most,
        "scalingSchedules": {
            f"{setting.prefix}{setting.plan.model[:8]}-{stamp(step.starts_at_utc)}": {
                "schedule": f"{cron(step.starts_at_utc, zone)} {step.starts_at_utc.astimezone(zone).year}",
                "timeZone": zone.key,
                "durationSec": max(
                    int((following.starts_at_utc - step.starts_at_utc).total_seconds()), SHORTEST_SECONDS
                ),
                "minRequiredReplicas": step.replicas,
                "description": step.why,
            }
            for step, following in pairwise(service.all_steps)
        },
    }
    return {"name": kubernetes_name(name), "model": setting.plan.model, "autoscalingPolicy": policy}
