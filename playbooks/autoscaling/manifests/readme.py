"""How each executor's files are applied, checked and taken back, for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.language import _
from playbooks.autoscaling.manifests.document import Setting, selector
from playbooks.autoscaling.manifests.gitops import ARGO_CD, COMMIT_DUE, COMMITS
from playbooks.autoscaling.manifests.kubernetes import STEPS
from playbooks.autoscaling.manifests.prewarm import PAUSE_PODS
from playbooks.autoscaling.manifests.rate_limits import NGINX_FILE, limited


def kubernetes_readme(setting: Setting) -> str:
    take_back = _cron_jobs(setting, "delete", STEPS)
    return _page(
        setting,
        [
            _("Choose one executor for each service: these files, gitops/, keda/, cronhpa/, aws/ or gcp/, never two."),
            _("Argo CD and Flux revert a patched minReplicas: read gitops/ first where one of them owns the HPAs."),
            _(
                "10-hpa.yaml replaces the HPA of that name, its metrics and maxReplicas too. Where yours scales on "
                "something else, keep it: give it this maxReplicas and apply only 20-rbac.yaml and 30-steps.yaml."
            ),
            _(
                "10-hpa.yaml also sets the usual floor: from the first step to the last never apply it again, or the "
                "floor that holds then is gone. A step whose time is past is not made up for: set that floor by hand."
            ),
            _(
                "Steps of an earlier plan are other objects and would go on patching: delete takes them away first. "
                "Kubernetes 1.27 or newer (timeZone). A step that could not run in time runs late, until the next one."
            ),
        ],
        ["kubectl apply --dry-run=server -f .", take_back, "kubectl apply -f ."],
        [_cron_jobs(setting, "get", STEPS), f"kubectl -n {setting.policy.namespace} get hpa -w"],
        [take_back, "kubectl apply -f 10-hpa.yaml"],
    )


def pause_pods_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("Pause pods hold room on nodes; they come half an hour before the highest step and go in its minute."),
            _("They count against the namespace's ResourceQuota until they have gone: it needs room for both."),
        ],
        ["kubectl apply --dry-run=server -f .", _cron_jobs(setting, "delete", PAUSE_PODS), "kubectl apply -f ."],
        [f"kubectl -n {setting.policy.namespace} get deployment -l {selector(setting, PAUSE_PODS)}"],
        ["kubectl delete -f ."],
    )


def _cron_jobs(setting: Setting, verb: str, part: str) -> str:
    return f"kubectl -n {setting.policy.namespace} {verb} cronjob -l {selector(setting, part)}"


def prometheus_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("Alert rules at this event's thresholds, for its hours only; the Prometheus operator reads them."),
            _(
                "Its ruleSelector must choose the labels of alerts.yaml: many look for release. They ask for "
                "kube-state-metrics and {query}; try both before the day, an alert over no series is silent."
            ).format(query=setting.policy.prometheus_query),
            _("SurgeplanFloorNotHeld reads the HPA named as the service. KEDA and clouds: go by ReplicasMissing."),
        ],
        ["kubectl apply --dry-run=server -f .", "kubectl apply -f ."],
        [f"kubectl -n {setting.policy.namespace} get prometheusrule"],
        ["kubectl delete -f ."],
    )


def gitops_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("Argo CD and Flux put back what git says, so a patched minReplicas does not last. Choose one of two:"),
            _(
                "1. CronJobs patch (kubernetes/): take minReplicas out of what is compared. Argo CD: put the keys of "
                "{file} into the Application. Flux: leave spec.minReplicas out of the HPA in git."
            ).format(file=ARGO_CD),
            _(
                "2. Each step is a commit: list min-replicas/SERVICE.yaml under patches: of the overlay and run "
                "{script} every minute in CI or cron. {table} says when each file is pushed, {minutes} min ahead."
            ).format(script=COMMIT_DUE, table=COMMITS, minutes=setting.policy.gitops_sync_minutes),
            _("Either way, thirty minutes before the start kubectl get hpa must show floors that held ten minutes."),
        ],
        [f"* * * * *  cd CLONE && git pull --rebase -q && sh {COMMIT_DUE} OVERLAY"],
        ["git log --oneline -- OVERLAY/min-replicas", f"kubectl -n {setting.policy.namespace} get hpa -w"],
        ["git revert COMMIT", "git rm -r OVERLAY/min-replicas"],
    )


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
        [
            "aws autoscaling describe-scheduled-actions",
            "aws application-autoscaling describe-scheduled-actions --service-namespace ecs",
        ],
        [
            "aws autoscaling delete-scheduled-action --auto-scaling-group-name NAME --scheduled-action-name ACTION",
            "aws application-autoscaling delete-scheduled-action --service-namespace ecs --scheduled-action-name "
            "ACTION --resource-id service/CLUSTER/NAME --scalable-dimension ecs:service:DesiredCount",
        ],
    )


def gcp_readme(setting: Setting) -> str:
    update = "gcloud compute instance-groups managed update-autoscaling"
    each = "jq -r '.autoscalingPolicy.scalingSchedules | to_entries[] | [.key, .value.schedule, .value.timeZone, "
    each += ".value.durationSec, .value.minRequiredReplicas] | @tsv' SERVICE.json"
    return _page(
        setting,
        [
            _("Names of groups are the services' own: correct them first. A group needs another signal as well."),
            _("Each schedule names its year and runs once; the group's minimum is back when it ends."),
        ],
        [
            f"{each} | while IFS=\"$(printf '\\t')\" read -r name cron zone seconds floor; do",
            f'  {update} GROUP --zone ZONE --set-schedule "$name" --schedule-cron "$cron" \\',
            '    --schedule-time-zone "$zone" --schedule-duration-sec "$seconds" \\',
            '    --schedule-min-required-replicas "$floor"',
            "done",
        ],
        ["gcloud compute instance-groups managed describe GROUP --zone ZONE"],
        [f"{update} GROUP --zone ZONE --remove-schedule NAME"],
    )


def sentinel_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("What is admitted of each endpoint that is cut; the rest is answered with 429."),
            _(
                "Resources are METHOD:PATH, as the web adapters name them with spring.cloud.sentinel."
                "http-method-specify=true: without it no rule finds its resource, and nothing is limited."
            ),
            _(
                "Sentinel counts in each process: counts are for one replica of {replicas}, and rounded down. Where "
                "a count is below ten, use a cluster rule: chance alone would refuse more than the plan."
            ).format(replicas=", ".join(f"{n} {s.replicas.peak}" for n, s in limited(setting).items())),
            _("Try it before the day: surgeplan loadtest build ID --profile limits --service NAME."),
        ],
        [_("push the rules to the configuration centre that Sentinel reads")],
        [_("watch block_qps in the Sentinel console")],
        [_("push an empty list []")],
    )


def nginx_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("What is admitted of each endpoint that is cut; the rest is answered with 429."),
            _("For the NGINX at the door: it counts calls of an endpoint, whatever requests they make behind it."),
            _("NGINX counts in each instance: divide every rate by how many run, or all of them together let in more."),
            _("Try it before the day: surgeplan loadtest build ID --profile limits --service NAME."),
        ],
        [f"include /etc/nginx/{NGINX_FILE};", "nginx -t && nginx -s reload"],
        ["grep -c ' 429 ' /var/log/nginx/access.log"],
        [_("remove the include and reload: nginx -s reload")],
    )


def _page(
    setting: Setting, notes: Sequence[str], apply: Sequence[str], check: Sequence[str], back: Sequence[str]
) -> str:
    parts = [f"# {setting.plan.campaign}", "", setting.origin, *(line for note in notes for line in ("", note))]
    for heading, commands in ((_("Apply"), apply), (_("Check"), check), (_("Take back"), back)):
        parts += ["", f"## {heading}", "", "```", *commands, "```"]
    return "\n".join(parts) + "\n"
