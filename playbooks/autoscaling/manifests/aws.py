"""AWS scheduled actions, one-shot by nature: EC2 Auto Scaling groups by StartTime in UTC, ECS services by `at()`."""

from __future__ import annotations

from datetime import UTC

from campaign.files import to_json
from playbooks.autoscaling.manifests.document import Setting, Values, kubernetes_name, scheduled, stamp
from playbooks.autoscaling.plan import RESTORE, ServicePlan, Step


def aws_files(setting: Setting) -> dict[str, str]:
    """File name under `aws/` to its text."""
    files = {}
    for name, service in scheduled(setting.plan).items():
        files[f"{kubernetes_name(name)}-autoscaling-group.json"] = to_json(group_actions(setting, name, service))
        files[f"{kubernetes_name(name)}-ecs.json"] = to_json(
            {"model": setting.plan.model, "actions": ecs_actions(setting, name, service)}
        )
    return files


def group_actions(setting: Setting, name: str, service: ServicePlan) -> Values:
    """The request of BatchPutScheduledUpdateGroupAction; the last action restores the usual floor."""
    return {
        "AutoScalingGroupName": kubernetes_name(name),
        "ScheduledUpdateGroupActions": [
            {
                "ScheduledActionName": action_name(setting, step),
                "StartTime": f"{step.starts_at_utc.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "MinSize": step.replicas,
                "MaxSize": service.replicas.most,
            }
            for step in service.all_steps
        ],
    }


def ecs_actions(setting: Setting, name: str, service: ServicePlan) -> list[Values]:
    """Requests of PutScheduledAction (Application Auto Scaling), one for each step."""
    return [
        {
            "ServiceNamespace": "ecs",
            "ScheduledActionName": action_name(setting, step),
            "ResourceId": f"service/default/{kubernetes_name(name)}",
            "ScalableDimension": "ecs:service:DesiredCount",
            "Schedule": f"at({step.starts_at_utc.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "Timezone": "UTC",
            "ScalableTargetAction": {"MinCapacity": step.replicas, "MaxCapacity": service.replicas.most},
        }
        for step in service.all_steps
    ]


def action_name(setting: Setting, step: Step) -> str:
    """`surgeplan-0f1e2d-1a2b3c4d-11101149`: the campaigns, the model and the instant; ends in -restore where the floor
    goes back."""
    ending = "-restore" if step.why == RESTORE else ""
    return f"{setting.prefix}{setting.plan.model[:8]}-{stamp(step.starts_at_utc)}{ending}"
