"""What a plan says that its past cannot judge: numbers far beyond any before, numbers that past plans do not give."""

from __future__ import annotations

from campaign.language import Text, say
from forecast.learning import Learned
from forecast.uplift.layout import EXTRAPOLATION_RATIO


def beyond_said(learned: Learned) -> list[Text]:
    """All of it, in words."""
    return [*extrapolated_said(learned), *reach_said(learned), *uncompared_said(learned)]


def extrapolated_said(learned: Learned) -> list[Text]:
    """Drivers far above or below those of all past plans."""
    numbers = learned.numbers
    said = [
        say("{name} is {ratio} times its largest past value: this is extrapolation", name=name, ratio=f"{ratio:.1f}")
        for name, ratio in numbers.stretched
    ]
    said += [
        say("{name} is {ratio} times its smallest past value: this is extrapolation", name=name, ratio=f"{ratio:.1f}")
        for name, ratio in numbers.shrunk
    ]
    return said


def reach_said(learned: Learned) -> list[Text]:
    """Sends that reach far more people than any on their channel did."""
    said = []
    for channel in learned.target.channels:
        past = [s.reach for p in learned.past for c in p.channels if c.name == channel.name for s in c.sends]
        largest, known = max((s.reach for s in channel.sends), default=0.0), max(past, default=0.0)
        if known > 0 and largest > EXTRAPOLATION_RATIO * known:
            said.append(
                say(
                    "a send on {channel} reaches {ratio} times as many people as the largest past one: this is "
                    "extrapolation",
                    channel=channel.name,
                    ratio=f"{largest / known:.1f}",
                )
            )
    return said


def uncompared_said(learned: Learned) -> list[Text]:
    """Drivers that the plan or its past lacks."""
    numbers = learned.numbers
    unheard = numbers.unheard if learned.past else ()
    said = [
        say("{name} says nothing about the size yet: fewer than two past plans give it", name=name) for name in unheard
    ]
    said += [
        say("{name} counts as usual: every past plan of this kind gives it, this plan does not", name=name)
        for name in numbers.untold
    ]
    said += [
        say("{name} is missing in {count} past plans and counts as typical there", name=name, count=len(plans))
        for name, plans in numbers.missing.items()
        if plans
    ]
    return said
