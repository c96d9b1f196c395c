"""Switches (预案) as they stand: how long each takes by its drill, and what it sheds of what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np

from campaign.language import Text, say
from campaign.settings import Switch
from playbooks.growth.live_policy import LeverRules
from playbooks.readiness.brought import Drill
from warroom.live.actions.ahead import P50, Ahead, Floats
from warroom.live.actions.now import Action, Now, lever
from warroom.live.actions.records import Effect, Lever, Range

SECONDS = 3600
HOUR = timedelta(hours=1)


def switches(now: Now) -> Iterator[Lever]:
    """Each switch of surgeplan.yaml that sheds requests of a service which is forecast."""
    rule = now.rule("switch")
    for switch in now.settings.switches:
        seconds = drilled_seconds(switch, now.drills)
        hours = works_after(switch, now.drills, now.rules) / HOUR
        works_at = now.works_at(hours)
        changes = {
            name: shed(now.ahead[name], ratio, works_at) for name, ratio in switch.effect.items() if name in now.ahead
        }
        effects = switch_effects(changes, now.ahead, now.settled_at(hours))
        if effects:
            title = say("pull switch {switch}", switch=switch.id)
            action = Action(
                "switch", switch.id, switch.id, None, title, how_to_pull(switch, seconds), hours, rule.people
            )
            yield lever(now, action, effects, {n: now.ahead[n].changed(change[P50]) for n, change in changes.items()})


def drilled_seconds(switch: Switch, drills: Iterable[Drill]) -> float | None:
    """From pulling to effect: of the newest drill, else as surgeplan.yaml says; None where nobody has drilled it."""
    own = [drill for drill in drills if drill.switch == switch.id]
    newest = max(own, key=lambda drill: drill.drilled_at, default=None)
    return newest.seconds_to_effect if newest else switch.drilled_seconds


def works_after(switch: Switch, drills: Iterable[Drill], rules: LeverRules) -> timedelta:
    """From the decision to the effect."""
    seconds = drilled_seconds(switch, drills)
    return (rules.switch.hours + (rules.undrilled_switch_hours if seconds is None else seconds / SECONDS)) * HOUR


def shed(ahead: Ahead, ratio: float, works_at: datetime) -> Floats:
    """The change [p10 p50 p90 of what is expected, interval] from the time that a switch works."""
    after: Floats = np.where(ahead.starts >= works_at.timestamp(), -ratio * ahead.expected, 0.0)
    return after


def switch_effects(
    changes: Mapping[str, Floats], ahead: Mapping[str, Ahead], settled_at: datetime
) -> tuple[Effect, ...]:
    """What a switch sheds of each service at its busiest minute of the horizon, the most first."""
    found = []
    for name, change in changes.items():
        near = np.where(ahead[name].near(), change[P50], 0.0)
        if near.any():
            top = int(near.argmin())
            hour = Range.of(list(ahead[name].over(change, settled_at)))
            found.append(Effect("requests", name, Range.of(change[:, top]), ahead[name].moment(top), hour, settled_at))
    return tuple(sorted(found, key=lambda effect: (effect.largest.p50, effect.name)))


def how_to_pull(switch: Switch, seconds: float | None) -> Text:
    what = switch.action or switch.id
    if seconds is None:
        return say("{who}: {what} (never drilled)", who=switch.executor or "-", what=what)
    return say("{who}: {what} (drilled: {seconds} s)", who=switch.executor or "-", what=what, seconds=f"{seconds:g}")
