"""How each executor's files are applied, checked and taken back, for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from campaign.language import _
from playbooks.autoscaling.holds import Hold
from playbooks.autoscaling.manifests.document import Setting, cron_zone, kubernetes_name, scheduled, selector
from playbooks.autoscaling.manifests.gitops import ARGO_CD, COMMIT_DUE, COMMITS
from playbooks.autoscaling.manifests.kubernetes import RATES, STEPS, by_hand, step_name
from playbooks.autoscaling.manifests.prewarm import PAUSE_PODS
from playbooks.autoscaling.manifests.rate_limits import NGINX_FILE, limited
from playbooks.autoscaling.policy import Target

BEFORE = "../../hpa-before.json"
DRY_RUN, APPLIED = "kubectl apply --dry-run=server -f .", "kubectl apply -f ."


@dataclass(frozen=True)
class Commands:
    """Of one executor's steps: how they are applied, and how to see that they are there."""

    apply: list[str]
    check: list[str]


def kubernetes_readme(setting: Setting) -> str:
    take_back = _cron_jobs(setting, "delete", STEPS)
    page = _page(
        setting,
        [
            _("Choose one executor for each service: these files, gitops/, keda/, cronhpa/, aws/ or gcp/, never two."),
            _("Argo CD and Flux revert a patched minReplicas: read gitops/ first where one of them owns the HPAs."),
            _(
                "10-hpa.yaml replaces the HPA of that name, its metrics and maxReplicas too. Where yours scales on "
                "something else, plan again with its hpa_metric; or keep it, give it this maxReplicas and apply only "
                "20-rbac.yaml and 30-steps.yaml."
            ),
            *_scaling_on(setting),
            _(
                "The HPAs that run now are kept in {file} for the way back. An empty file says that there were none: "
                "then the way back is kubectl delete -f 10-hpa.yaml."
            ).format(file=BEFORE),
            _(
                "10-hpa.yaml also sets the usual floor: from the first step to the last never apply it again, or the "
                "floor that holds then is gone. A step whose time is past is not made up for: set that floor by hand."
            ),
            _(
                "Steps of an earlier plan are other objects and would go on patching: delete takes them away first. "
                "Kubernetes 1.27 or newer (timeZone). A step that could not run in time runs late, until the next one."
            ),
            _("Names of steps carry month, day, hour and minute in UTC; their schedules are in {zone}.").format(
                zone=cron_zone(setting).key
            ),
        ],
        [DRY_RUN, *_kept(setting), take_back, APPLIED],
        _kubernetes(setting).check,
        [take_back, f"kubectl apply -f {BEFORE}", "kubectl delete -f 20-rbac.yaml"],
    )
    return page + _tried(setting) + _by_hand(setting) + _adapter(setting)


def _kubernetes(setting: Setting) -> Commands:
    check = [_cron_jobs(setting, "get", STEPS), f"kubectl -n {setting.policy.namespace} get hpa -w"]
    return Commands([DRY_RUN, APPLIED], check)


def _tried(setting: Setting) -> str:
    """The way back of one service, run before any step: the one job that changes nothing then."""
    steps = scheduled(setting.plan)
    if not steps:
        return ""
    kubectl, name = f"kubectl -n {setting.policy.namespace}", next(iter(steps))
    told = _(
        "Once applied, and before the first step, run the way back of one service at once: it sets the floor that is "
        "there anyway, and shows that the image can be pulled, that the pod is let in and that it may patch."
    )
    return _section(
        _("Try it"),
        told,
        f"{kubectl} create job surgeplan-try --from=cronjob/{step_name(name, steps[name].all_steps[-1])}",
        f"{kubectl} wait --for=condition=complete --timeout=120s job/surgeplan-try",
        f"{kubectl} delete job surgeplan-try",
    )


def _kept(setting: Setting) -> list[str]:
    """The HPAs as they run now, in a file outside the folder, so that the way back is to what was there before."""
    names = " ".join(kubernetes_name(name) for name in setting.plan.services)
    each = 'if .kind == "List" then .items[] else . end'
    strip = 'del(.metadata["uid","resourceVersion","creationTimestamp","generation","managedFields"], .status)'
    return [
        f"test -s {BEFORE} || kubectl -n {setting.policy.namespace} get hpa {names} --ignore-not-found -o json \\",
        f"  | jq '{each} | {strip}' > {BEFORE}",
    ]


def _scaling_on(setting: Setting) -> list[str]:
    """What the HPAs' metrics need."""
    metrics = {service.hpa_metric for service in setting.plan.services.values()}
    told = []
    if "cpu" in metrics:
        told.append(
            _(
                "The HPAs scale on CPU (hpa_metric: cpu), a share of what the pods request: every container needs a "
                "CPU request, as large as what a replica uses at its full capacity."
            )
        )
    if "rate" in metrics:
        told.append(
            _(
                "The HPAs scale on requests per second (hpa_metric: rate), the external metric {metric} with the label "
                "service. {file} records it by {query} where the operator's ruleSelector chooses its labels; an "
                "adapter serves it, see below. Without it an HPA stays where it is, and the floors alone hold; keda/ "
                "asks Prometheus itself and needs neither."
            ).format(metric=setting.policy.hpa_rate_metric, file=RATES, query=setting.policy.prometheus_query)
        )
    return told


def _by_hand(setting: Setting) -> str:
    told = _("A floor that did not come; N is the number of replicas in autoscaling.md:")
    return _section(_("By hand"), told, by_hand(setting, "NAME"))


def _adapter(setting: Setting) -> str:
    """How requests per second reach the HPAs: a rule of prometheus-adapter, and how to see that it works."""
    by_rate = [name for name, service in setting.plan.services.items() if service.hpa_metric == "rate"]
    if not by_rate:
        return ""
    metric, namespace = setting.policy.hpa_rate_metric, setting.policy.namespace
    series = f'{metric}{{namespace!="",service!=""}}'
    path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}"
    rule = [
        "rules:",
        "  external:",
        f"    - seriesQuery: '{series}'",
        "      resources: {overrides: {namespace: {resource: namespace}}}",
        "      metricsQuery: max(<<.Series>>{<<.LabelMatchers>>})",
    ]
    told = _("Values of the prometheus-adapter chart (in its own file the list is called externalRules):")
    seen = _("Each of these must answer with a number before the day:")
    asked = [f"kubectl get --raw '{path}?labelSelector=service%3D{kubernetes_name(name)}'" for name in by_rate]
    return _section(_("The metric"), told, *rule) + "\n" + seen + "\n\n```\n" + "\n".join(asked) + "\n```\n"


def pause_pods_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("Pause pods hold room on nodes; they come half an hour before the highest step and go in its minute."),
            _("They count against the namespace's ResourceQuota until they have gone: it needs room for both."),
        ],
        [DRY_RUN, _cron_jobs(setting, "delete", PAUSE_PODS), APPLIED],
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
            _("The rules of surgeplan export hold these four as well: load one of the two, or each page comes twice."),
            _("SurgeplanFloorNotHeld reads the HPA named as the service. KEDA and clouds: go by ReplicasMissing."),
            _(
                "SurgeplanDemandNearPlan compares with what the floor of that minute, or what runs where the HPA has "
                "started more, carries within its objective."
            ),
        ],
        [DRY_RUN, APPLIED],
        [f"kubectl -n {setting.policy.namespace} get prometheusrule"],
        ["kubectl delete -f ."],
    )


def _gitops(setting: Setting) -> Commands:
    return Commands(
        [f"* * * * *  cd CLONE && git pull --rebase -q && sh {COMMIT_DUE} OVERLAY"],
        ["git log --oneline -- OVERLAY/min-replicas", f"kubectl -n {setting.policy.namespace} get hpa -w"],
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
        _gitops(setting).apply,
        _gitops(setting).check,
        ["git revert COMMIT", "git rm -r OVERLAY/min-replicas"],
    )


def _keda(setting: Setting) -> Commands:
    return Commands(
        [DRY_RUN, "ls | grep -v '^restore-' | grep yaml | xargs -n1 kubectl apply -f"],
        [f"kubectl -n {setting.policy.namespace} get scaledobject,hpa -w"],
    )


def keda_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("KEDA makes its own HPA: delete the one of kubernetes/10-hpa.yaml first."),
            _("Take back after the campaign, too: cron knows no year, and the steps would come again."),
        ],
        _keda(setting).apply,
        _keda(setting).check,
        ["ls | grep '^restore-' | xargs -n1 kubectl apply -f"],
    )


def _cronhpa(setting: Setting) -> Commands:
    return Commands([DRY_RUN, APPLIED], [f"kubectl -n {setting.policy.namespace} describe cronhpa"])


def cronhpa_readme(setting: Setting) -> str:
    return _page(
        setting,
        [
            _("The controller's own time zone counts: set its TZ to {zone}.").format(zone=setting.zone.key),
            _("It edits the HPA that is named as the service: that must be there, yours or kubernetes/10-hpa.yaml."),
            _("A floor that holds when it is deleted stays: set the usual one by hand."),
        ],
        _cronhpa(setting).apply,
        _cronhpa(setting).check,
        ["kubectl delete -f .", by_hand(setting, "NAME")],
    )


def _aws() -> Commands:
    group = "aws autoscaling batch-put-scheduled-update-group-action --cli-input-json"
    ecs = "aws application-autoscaling put-scheduled-action --cli-input-json"
    return Commands(
        [
            f'for f in *-autoscaling-group.json; do {group} "file://$f"; done',
            f"""for f in *-ecs.json; do jq -c '.actions[]' "$f" | while read -r a; do {ecs} "$a"; done; done""",
        ],
        [
            "aws autoscaling describe-scheduled-actions",
            "aws application-autoscaling describe-scheduled-actions --service-namespace ecs",
        ],
    )


def aws_readme(setting: Setting) -> str:
    take_back = [*_groups_actions_deleted(setting), *_ecs_actions_deleted(setting)]
    return _page(
        setting,
        [
            _("Names of groups and clusters are the services' own: correct them first. Times are UTC."),
            _("Use the lines of what you have: groups of EC2 instances, or ECS services; never both for one service."),
            _("Actions of an earlier plan are other ones and would still run: delete takes them away first."),
            _("A minimum that holds when they are deleted stays, and so does the maximum: set both by hand."),
        ],
        [*take_back, *_aws().apply],
        _aws().check,
        take_back,
    )


def _groups_actions_deleted(setting: Setting) -> list[str]:
    return _each_deleted(
        "aws autoscaling describe-scheduled-actions --output text --query "
        f"\"ScheduledUpdateGroupActions[?starts_with(ScheduledActionName,'{setting.prefix}')]"
        '.[AutoScalingGroupName,ScheduledActionName]"',
        "group name",
        'aws autoscaling delete-scheduled-action --auto-scaling-group-name "$group" --scheduled-action-name "$name"',
    )


def _ecs_actions_deleted(setting: Setting) -> list[str]:
    return _each_deleted(
        "aws application-autoscaling describe-scheduled-actions --service-namespace ecs --output text --query "
        f"\"ScheduledActions[?starts_with(ScheduledActionName,'{setting.prefix}')].[ResourceId,ScheduledActionName]\"",
        "id name",
        'aws application-autoscaling delete-scheduled-action --service-namespace ecs --resource-id "$id" '
        '--scheduled-action-name "$name" --scalable-dimension ecs:service:DesiredCount',
    )


def _each_deleted(listed: str, fields: str, delete: str) -> list[str]:
    return [f"{listed} \\", f"  | while read -r {fields}; do {delete}; done"]


UPDATE_GROUP = "gcloud compute instance-groups managed update-autoscaling"


def _gcp() -> Commands:
    each = "jq -r '.autoscalingPolicy.scalingSchedules | to_entries[] | [.key, .value.schedule, .value.timeZone, "
    each += ".value.durationSec, .value.minRequiredReplicas] | @tsv' SERVICE.json"
    return Commands(
        [
            f"{each} | while IFS=\"$(printf '\\t')\" read -r name cron zone seconds floor; do",
            f'  {UPDATE_GROUP} GROUP --zone ZONE --set-schedule "$name" --schedule-cron "$cron" \\',
            '    --schedule-time-zone "$zone" --schedule-duration-sec "$seconds" \\',
            '    --schedule-min-required-replicas "$floor"',
            "done",
        ],
        ["gcloud compute instance-groups managed describe GROUP --zone ZONE"],
    )


def gcp_readme(setting: Setting) -> str:
    keys = f'.autoscaler.autoscalingPolicy.scalingSchedules // {{}} | keys[] | select(startswith("{setting.prefix}"))'
    remove = [
        f"gcloud compute instance-groups managed describe GROUP --zone ZONE --format=json | jq -r '{keys}' \\",
        f'  | while read -r name; do {UPDATE_GROUP} GROUP --zone ZONE --remove-schedule "$name"; done',
    ]
    return _page(
        setting,
        [
            _("Names of groups are the services' own: correct them first. A group needs another signal as well."),
            _("Each schedule names its year and runs once; the group's minimum is back when it ends."),
            _("Schedules of an earlier plan are other ones and would still run: remove takes them away first."),
        ],
        [*remove, *_gcp().apply],
        _gcp().check,
        remove,
    )


COMMANDS: dict[Target, Callable[[Setting], Commands]] = {
    "kubernetes": _kubernetes,
    "keda": _keda,
    "cronhpa": _cronhpa,
    "aws": lambda _: _aws(),
    "gcp": lambda _: _gcp(),
    "gitops": _gitops,
}
"""Of every executor that has steps."""


def held_readme(setting: Setting, target: Target, holds: Sequence[Hold]) -> str:
    """Of the steps that keep to what the war room decided on; setting.plan: with those floors."""
    there = f"../../../playbook/{target}"
    return _page(
        setting,
        [
            _("The plan's steps with the floors that were decided on while it runs; no step lowers one of these:"),
            "\n".join(_held_line(setting, hold) for hold in holds if hold.service in setting.plan.services),
            _(
                "They keep a floor and do not raise it: the command that does is told by surgeplan act. Each decision "
                "writes them anew: apply them again then."
            ),
            _(
                "They take the place of the steps in {folder}. What names, zones and the way back need is said in its "
                "README.md. A cloud refuses those whose time is past: they are no longer needed."
            ).format(folder=there),
        ],
        COMMANDS[target](setting).apply,
        COMMANDS[target](setting).check,
        [_("at the end, or to leave what was decided: Take back, in {file}").format(file=f"{there}/README.md")],
    )


def _held_line(setting: Setting, hold: Hold) -> str:
    starts = f"{hold.starts_at.astimezone(setting.zone):%m-%d %H:%M}"
    told = _("- {service}: at least {replicas} replicas from {starts} until the plan's way back")
    ends = ""
    if hold.ends_at is not None:
        ends = f"{hold.ends_at.astimezone(setting.zone):%m-%d %H:%M}"
        told = _("- {service}: at least {replicas} replicas from {starts} until {ends}")
    return told.format(service=hold.service, replicas=hold.replicas, starts=starts, ends=ends)


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
    sections = [
        _section(heading, "", *commands)
        for heading, commands in ((_("Apply"), apply), (_("Check"), check), (_("Take back"), back))
    ]
    return "\n".join(parts) + "\n" + "".join(sections)


def _section(heading: str, told: str, *commands: str) -> str:
    """A heading, what is told under it if anything, and the commands."""
    return "\n".join(["", f"## {heading}", *(["", told] if told else []), "", "```", *commands, "```"]) + "\n"
