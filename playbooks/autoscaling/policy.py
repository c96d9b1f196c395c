"""What the autoscaling plan takes for granted: the shipped policy, and what a workspace sets anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from campaign.documents import Complaint, Document, FileRecord, read_yaml, validate
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.plan import NonNegative, Positive, Ratio
from playbooks.autoscaling.plan import HpaMetric

SHIPPED = Path(__file__).parent.parent / "policy" / "autoscaling.yaml"
FILE = "autoscaling.yaml"
Share = Annotated[float, Field(gt=0, lt=1)]
AtLeastOne = Annotated[float, Field(ge=1)]
Minutes = Annotated[int, Field(ge=0, le=120)]
WholePositive = Annotated[int, Field(ge=1)]
Target = Literal[
    "kubernetes", "pause-pods", "prometheus", "keda", "cronhpa", "aws", "gcp", "gitops", "sentinel", "nginx"
]
TARGETS: tuple[Target, ...] = get_args(Target)


class AutoscalingPolicy(FileRecord):
    """`playbooks/policy/autoscaling.yaml`, which says what each key means, and `autoscaling.yaml` of a workspace."""

    schema_version: Literal[1] = 1
    overload_probability_per_minute: Share
    cost_per_overloaded_minute: NonNegative | None
    quiet_quantile_ratio: Share
    event_overload_ratio: Ratio
    above_capacity_ratio: Ratio
    negligible_above_capacity_ratio: Ratio
    burst_ratio: AtLeastOne
    guard_early_minutes: Minutes
    guard_late_minutes: Minutes
    startup_seconds_p99: NonNegative
    node_wait_seconds: tuple[NonNegative, NonNegative]
    node_headroom_ratio: NonNegative
    executor_seconds: NonNegative
    steps_per_day: WholePositive
    hours_before: NonNegative
    hours_after: NonNegative
    try_out_hours_before: Annotated[float, Field(ge=0, le=20)]
    hpa_metric: HpaMetric
    hpa_rate_metric: Annotated[str, Field(pattern="^[a-z_][a-z0-9_]*$")]
    hpa_target_ratio: Share
    hpa_target_on_plan_ratio: Share
    hpa_min_replicas: WholePositive
    hpa_max_headroom_ratio: AtLeastOne
    replay_paths: WholePositive
    capacity_stale_days: Positive
    order_days_before: NonNegative
    node_cpu_cores: Positive
    node_memory_gib: Positive
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    gitops_sync_minutes: Minutes
    namespace: str
    kubectl_image: str
    kubernetes_version: str
    prometheus_address: str
    prometheus_query: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        fastest, slowest = self.node_wait_seconds
        if slowest < fastest:
            raise Complaint(
                say(
                    "the slowest node {slowest} s is faster than the fastest {fastest} s",
                    slowest=slowest,
                    fastest=fastest,
                ),
                say("write the smaller first"),
                key=("node_wait_seconds",),
            )
        return self

    @property
    def nodes_wait(self) -> bool:
        return self.node_wait_seconds[1] > 0


def read_policy(workspace_folder: Path | None = None) -> AutoscalingPolicy:
    """The shipped policy with the workspace's own keys over it.

    Raises:
        UserError: the workspace's file has a key or value that does not fit.
    """
    shipped = read_yaml(SHIPPED, f"playbooks/policy/{SHIPPED.name}")
    own = workspace_folder / FILE if workspace_folder else None
    if own is None or not own.is_file():
        return validate(shipped, AutoscalingPolicy)
    document = read_yaml(own, FILE)
    return validate(Document(FILE, shipped.content | document.content, document.lines), AutoscalingPolicy)


def with_targets(policy: AutoscalingPolicy, targets: Sequence[str]) -> AutoscalingPolicy:
    """The policy with only these folders of manifests.

    Raises:
        UserError: a name that is no target.
    """
    unknown = [name for name in targets if name not in TARGETS]
    if unknown:
        raise UserError(
            Problem(
                say("{name} is no target", name=name),
                say("known: {names}", names=", ".join(TARGETS)),
                key="--target",
            )
            for name in unknown
        )
    return policy.model_copy(update={"targets": tuple(target for target in TARGETS if target in targets)})
