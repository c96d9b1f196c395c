"""Floors that were decided on: until when each holds, whatever steps are still planned."""

from __future__ import annotations

from datetime import timedelta

from playbooks.autoscaling.holds import Hold
from warroom.live.actions.log import Acts, Decision


def floors_folder(campaign: str) -> str:
    """Where the steps lie that keep to what was decided, within the workspace."""
    return f"out/{campaign}/live/floors"


def holds_of(acts: Acts, hours: float) -> tuple[Hold, ...]:
    """Every decision to scale a service, those that were taken back until then. hours: until it is ordered."""
    return tuple(_hold(one, hours) for one in acts.decisions if one.kind == "scale" and one.amount is not None)


def _hold(decision: Decision, hours: float) -> Hold:
    assert decision.amount is not None
    starts = decision.at + timedelta(hours=hours)
    ends = min((at for at in (decision.until, decision.ended_at) if at is not None), default=None)
    return Hold(decision.subject, int(decision.amount), starts, ends, decision.until)
