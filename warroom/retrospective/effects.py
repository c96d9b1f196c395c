"""What a decision did: the hour after it beside what the forecast, scaled by the hour before it, would have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from warroom.retrospective.records import Decision
from warroom.retrospective.timeline import HOUR, Buckets, mean_over

SETTLING_SECONDS = 300  # a lever takes minutes; they belong to neither hour


def with_effects(
    decisions: Sequence[Decision], real: Mapping[str, Buckets], middle: Mapping[str, Buckets], starts: int, ends: int
) -> tuple[Decision, ...]:
    """Decisions of [starts, ends) with their real effect in requests per second, on their service or on all; those that
    the live side told, or that change no requests, as they are."""
    return tuple(
        _with_effect(decision, real, middle)
        if decision.measure is None and starts <= decision.at_utc.timestamp() < ends
        else decision
        for decision in decisions
    )


def _with_effect(decision: Decision, real: Mapping[str, Buckets], middle: Mapping[str, Buckets]) -> Decision:
    names = [decision.service] if decision.service and decision.service in real else list(real)
    at = int(decision.at_utc.timestamp())
    effects = [effect_at(real[name], middle[name], at) for name in names if name in middle]
    if not effects or any(effect is None for effect in effects):
        return decision
    return decision.model_copy(update={"real_requests_per_second": sum(e for e in effects if e is not None)})


def effect_at(real: Buckets, middle: Buckets, at: int) -> float | None:
    """Requests per second that came beyond (or below) the scaled forecast; None where either hour is not known."""
    starts = np.array([at - HOUR, at + SETTLING_SECONDS], dtype=np.int64)
    seconds = np.array([HOUR, HOUR], dtype=np.int64)
    came, wanted = mean_over(real, starts, seconds), mean_over(middle, starts, seconds)
    if np.isnan(came).any() or np.isnan(wanted).any() or wanted[0] <= 0:
        return None
    return float(came[1] - wanted[1] * came[0] / wanted[0])
