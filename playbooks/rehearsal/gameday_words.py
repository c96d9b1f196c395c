"""What a staged fault is called, how a team stages it, and which alert should tell of it."""

from __future__ import annotations

import math

from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from playbooks.rehearsal.inputs import Inputs

SHARE_LOST, NODE_TIMES, LIMIT_TIMES, EARLY_MINUTES = 0.33, 2, 0.5, 5


def _losing_count(inputs: Inputs, row: int, minute: int) -> tuple[int, int]:
    ready = int(inputs.fleets[row].ready[minute])
    return math.ceil(SHARE_LOST * ready), ready


def broken_in_words(fault: str, inputs: Inputs, row: int, minute: int) -> Text:
    kind, _, rest = fault.partition(":")
    if kind == "lose-replicas":
        count, ready = _losing_count(inputs, row, minute)
        return say(
            "{service} loses {count} of {ready} replicas", service=inputs.services[row], count=count, ready=ready
        )
    if kind == "limit":
        limit = next(each for each in inputs.limits if each.name == rest.partition(":")[0])
        usual = limit.at(minute)
        return say(
            "{limit} takes only {left} a second instead of {usual}",
            limit=limit.name,
            left=Quantity(usual * LIMIT_TIMES),
            usual=Quantity(usual),
        )
    if kind == "node-wait":
        return say("new nodes take {times} times as long", times=NODE_TIMES)
    return say("the push goes out {minutes} min early", minutes=EARLY_MINUTES)


def how_in_words(fault: str, inputs: Inputs, row: int, minute: int) -> Text:
    kind = fault.partition(":")[0]
    if kind == "lose-replicas":
        count, _ready = _losing_count(inputs, row, minute)
        return say(
            "delete {count} pods of {service} at once, and their nodes where you can",
            count=count,
            service=inputs.services[row],
        )
    if kind == "limit":
        return say("set the limiter in front of it to that rate, or ask the provider to throttle its test account")
    if kind == "node-wait":
        return say("hold the node pool's growth back for that long: cordon spare nodes, pause the node group")
    return say("start the load test's push that much earlier than the floors are raised")


def alert_in_words(fault: str, inputs: Inputs, row: int) -> Text:
    """A service without planned steps has no rule for replicas that are missing of them."""
    service, objective = inputs.services[row], percent(inputs.error_ratios[row])
    if fault.startswith("lose-replicas") and service not in inputs.stepless:
        return say(
            "SurgeplanReplicasMissing on {service} within two minutes; errors of {service} above {objective}",
            service=service,
            objective=objective,
        )
    if fault.startswith("push-early"):
        return say(
            "SurgeplanDemandNearPlan on {service} within two minutes; errors of {service} above {objective}",
            service=service,
            objective=objective,
        )
    return say(
        "errors of {service} above {objective}; its p99 above the objective", service=service, objective=objective
    )
