"""What the switches (预案) take off a service whose limit ends before its demand."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.language import Text, say
from campaign.numbers import spoken
from campaign.settings import Switch
from playbooks.autoscaling.plan import LimitHit, Relief


def relieved(hit: LimitHit, service: str, switches: Sequence[Switch]) -> LimitHit:
    """The hit with the switches that shed requests of this service, the strongest first, and what each leaves.

    Switches are taken to shed independently: the second one takes its share of what the first one left.
    """
    left, reliefs = hit.demand_requests_per_second, []
    shedding = [switch for switch in switches if switch.effect.get(service)]
    for switch in sorted(shedding, key=lambda switch: (-switch.effect[service], switch.id)):
        left *= 1 - switch.effect[service]
        reliefs.append(
            Relief(
                switch=switch.id,
                sheds_ratio=switch.effect[service],
                left_requests_per_second=left,
                drilled_seconds=switch.drilled_seconds,
            )
        )
    return hit.model_copy(update={"switches": tuple(reliefs)})


def relief_said(hits: Sequence[LimitHit]) -> Text:
    """Whether the switches would be enough for the tightest of a service's hits."""
    tightest = min(hits, key=lambda hit: hit.admitted_requests_per_second)
    admitted, left = tightest.admitted_requests_per_second, tightest.left_requests_per_second
    if not tightest.switches:
        return say("no switch in surgeplan.yaml sheds requests of this service")
    names = ", ".join(relief.switch for relief in tightest.switches)
    if left <= admitted:
        return say(
            "it fits once people have pulled {names}: {left} requests per second are left of {admitted} admitted",
            names=names, left=spoken(left), admitted=spoken(admitted),
        )  # fmt: skip
    return say(
        "even with {names} pulled {left} requests per second are left, {over} more than admitted",
        names=names, left=spoken(left), over=spoken(left - admitted),
    )  # fmt: skip
