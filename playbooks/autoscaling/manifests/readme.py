"""How each executor's files are applied, checked and taken back, for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.language import _
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.manifests.kubernetes import selector

IGNORE_DIFFERENCES = """\
spec:
  ignoreDifferences:
    - group: autoscaling
      kind: HorizontalPodAutoscaler
      jsonPointers: [/spec/minReplicas]
  syncPolicy:
    syncOptions: [RespectIgnoreDifferences=true]"""


def kubernetes_readme(setting: Setting) -> str:
    namespace = setting.policy.namespace
    return _page(
        setting,
        [_("Choose one executor for each service: these files, keda/, cronhpa/ or aws/, never two.")],
        ["kubectl apply --dry-run=server -f .", "kubectl apply -f ."],
        [f"kubectl -n {namespace} get cronjob -l {selector(setting)}", f"kubectl -n {namespace} get hpa -w"],
        [f"kubectl -n {namespace} delete cronjob -l {selector(setting)}", "kubectl apply -f 10-hpa.yaml"],
    ) + _git_ops(setting)


def _git_ops(setting: Setting) -> str:
    return "\n".join(
        [
            "",
            "## GitOps",
            "",
            _("Argo CD and Flux revert a patched minReplicas. Either leave it out of what Argo CD compares:"),
            "",
            "```yaml",
            IGNORE_DIFFERENCES,
            "```",
            "",
            _(
                "or, with Flux, leave spec.minReplicas out of the HPA in git, or commit each step instead of "
                "patching it:"
            ),
            "",
            "```",
            *commits(setting),
            "```",
            "",
        ]
    )


def commits(setting: Setting) -> list[str]:
    """One line for each step of each service: when to merge which floor."""
    return [
        f"{step.starts_at_utc.astimezone(setting.zone):%Y-%m-%d %H:%M}  {name}: minReplicas {step.replicas}"
        for name, service in setting.plan.services.items()
        for step in service.steps
    ]


def keda_readme(setting: Setting) -> str:
    return _page(
        setting,
        [_("KEDA makes its own HPA: delete the one of kubernetes/10-hpa.yaml first.")],
        ["kubectl apply --dry-run=server -f .", "ls | grep -v '^restore-' | grep yaml | xargs -n1 kubectl apply -f"],
        [f"kubectl -n {setting.policy.namespace} get scaledobject,hpa -w"],
        ["ls | grep '^restore-' | xargs -n1 kubectl apply -f"],
    )


def cronhpa_readme(setting: Setting) -> str:
    return _page(
        setting,
        [_("The controller's own time zone counts: set its TZ to {zone}.").format(zone=setting.zone.key)],
        ["kubectl apply -f ."],
        [f"kubectl -n {setting.policy.namespace} describe cronhpa"],
        ["kubectl delete -f ."],
    )


def aws_readme(setting: Setting) -> str:
    group = "aws autoscaling batch-put-scheduled-update-group-action --cli-input-json"
    ecs = "aws application-autoscaling put-scheduled-action --cli-input-json"
    return _page(
        setting,
        [_("Names of groups and clusters are the services' own: correct them first. Times are UTC.")],
        [
            f'for f in *-autoscaling-group.json; do {group} "file://$f"; done',
            f"""for f in *-ecs.json; do jq -c '.actions[]' "$f" | while read -r a; do {ecs} "$a"; done; done""",
        ],
        ["aws autoscaling describe-scheduled-actions", "aws application-autoscaling describe-scheduled-actions"],
        [
            "aws autoscaling delete-scheduled-action --auto-scaling-group-name NAME --scheduled-action-name ACTION",
            "aws application-autoscaling delete-scheduled-action --service-namespace ecs --scheduled-action-name "
            "ACTION …",
        ],
    )


def limits_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("What is admitted of each endpoint, the most valuable first; the rest is answered with 429."),
            _("Sentinel counts in each process: counts are for one replica. NGINX counts in each instance."),
        ],
        [_("push the rules to the configuration centre that Sentinel reads; include the NGINX file")],
        [_("watch block_qps in the Sentinel console and 429 in the access log")],
        [_("push an empty list [] and remove the include")],
    )


def _page(
    setting: Setting, notes: Sequence[str], apply: Sequence[str], check: Sequence[str], back: Sequence[str]
) -> str:
    parts = [f"# {setting.plan.campaign}", "", setting.origin, "", *notes]
    for heading, commands in ((_("Apply"), apply), (_("Check"), check), (_("Take back"), back)):
        parts += ["", f"## {heading}", "", "```", *commands, "```"]
    return "\n".join(parts) + "\n"
