"""The first thing a plan says: does the HPA that runs today follow this ramp, or not, or does a limit end it all?"""

from __future__ import annotations

from campaign.language import Text, say
from campaign.numbers import spoken
from playbooks.autoscaling.limits import Hit
from playbooks.autoscaling.plan import BackTest, Outcome, Verdict
from playbooks.autoscaling.policy import AutoscalingPolicy


def verdict_of(back_test: BackTest, hits: tuple[Hit, ...], policy: AutoscalingPolicy) -> tuple[Verdict, Text]:
    """The verdict and why, with the replayed figures."""
    alone, plan = back_test.policies["hpa-alone"], back_test.policies["plan"]
    if hits:
        worst = min(hits, key=lambda hit: hit.share_ratio)
        return "limited", say(
            "{limit} allows {allowed} where {needed} are needed: {refused:.0%} of the requests at the "
            "worst minute must be refused or degraded",
            limit=worst.limit,
            allowed=spoken(worst.allowed),
            needed=spoken(worst.needed),
            refused=1 - worst.share_ratio,
        )
    if suffices(alone, policy):
        return "reactive-suffices", say(
            "the HPA at {target:.0%} follows this ramp: {minutes:.1f} overloaded minutes and {above:.2%} of requests "
            "above capacity in {paths} replays",
            target=policy.hpa_target_ratio,
            minutes=alone.overloaded_minutes,
            above=alone.above_capacity_ratio,
            paths=back_test.paths,
        )
    warm = back_test.policies.get("hpa-alone-warm-nodes")
    if warm is not None and suffices(warm, policy):
        return "scheduled", say(
            "nodes come too late for the HPA alone at {target:.0%}: {minutes:.1f} overloaded minutes and {above:.2%} "
            "of requests above capacity; were the nodes kept warm, it would suffice without steps",
            target=policy.hpa_target_ratio,
            minutes=alone.overloaded_minutes,
            above=alone.above_capacity_ratio,
        )
    return "scheduled", say(
        "the HPA alone at {target:.0%} is too late: {minutes:.1f} overloaded minutes and {above:.2%} of requests "
        "above capacity; with these steps {planned:.1f} and {rest:.3%}",
        target=policy.hpa_target_ratio, minutes=alone.overloaded_minutes, above=alone.above_capacity_ratio,
        planned=plan.overloaded_minutes, rest=plan.above_capacity_ratio,
    )  # fmt: skip


def suffices(alone: Outcome, policy: AutoscalingPolicy) -> bool:
    """Whether an HPA by itself keeps the event within the policy's risk: few events, or next to no requests."""
    rare = alone.event_overload_ratio <= policy.event_overload_ratio
    within = rare and alone.above_capacity_ratio <= policy.above_capacity_ratio
    return within or alone.above_capacity_ratio <= policy.negligible_above_capacity_ratio
