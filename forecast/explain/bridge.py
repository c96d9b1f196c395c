"""Last time so much, this time that much: why? From the last comparable campaign's real peak in named steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.traffic import Bridge, BridgeStep, Peak
from forecast.backtest.again import actual_peak
from forecast.epochs import epoch, moment_of
from forecast.evidence import Evidence
from forecast.learning import Learned, has_rows, touched_services
from forecast.paths.grid import Grid
from forecast.paths.joint import added_rates, days_of, middle_rate, setting
from forecast.uplift.pooled import Uplift, typical_volumes

Floats = NDArray[np.float64]

LUCK, ORDINARY, UNSEEN, UNCERTAINTY = "luck", "ordinary traffic", "unseen minutes", "uncertainty"
SMALLER = "smaller steps"
SMALLER_BELOW_RATIO = 0.01


def bridge_of(learned: Learned, evidence: Evidence, total: Peak) -> Bridge | None:
    """Steps that add up exactly from the last peak of this kind to p50 and then p90; None without such a campaign."""
    last = last_comparable(learned, evidence)
    if last is None:
        return None
    top = actual_peak(last, evidence)
    if top is None:
        return None
    at, peak = top
    before = parts_at(learned, last, at)
    now = parts_at(learned, learned.target, epoch(total.peak_at_utc))
    changes = [(LUCK, sum(before.values()) - peak), (ORDINARY, now[ORDINARY] - before[ORDINARY])]
    drivers = sorted({*before, *now} - {ORDINARY}, key=lambda name: -abs(now.get(name, 0.0) - before.get(name, 0.0)))
    changes += [(name, now.get(name, 0.0) - before.get(name, 0.0)) for name in drivers]
    found = total.peak_requests_per_second
    changes.append((UNSEEN, found.p50 - sum(now.values())))
    changes.append((UNCERTAINTY, found.p90 - found.p50))
    return Bridge(
        from_campaign=last.id,
        from_peak_requests_per_second=peak,
        from_peak_at_utc=moment_of(at),
        steps=_reaching(peak, changes),
    )


def told(bridge: Bridge) -> tuple[BridgeStep, ...]:
    """The steps as they are told: those of less than a hundredth of the last peak as one, the last before p50, so that
    the figures still add up."""
    *to_p50, to_p90 = bridge.steps
    least = SMALLER_BELOW_RATIO * bridge.from_peak_requests_per_second
    small = [step for step in to_p50 if abs(step.change_requests_per_second) < least]
    changes = [(step.step, step.change_requests_per_second) for step in to_p50 if step not in small]
    if small:
        name = small[0].step if len(small) == 1 else SMALLER
        changes.append((name, sum(step.change_requests_per_second for step in small)))
    return (*_reaching(bridge.from_peak_requests_per_second, changes), to_p90)


def _reaching(start: float, changes: Sequence[tuple[str, float]]) -> tuple[BridgeStep, ...]:
    reached = start + np.cumsum([change for _, change in changes])
    return tuple(
        BridgeStep(step=name, change_requests_per_second=change, reaches_requests_per_second=float(after))
        for (name, change), after in zip(changes, reached, strict=True)
    )


def last_comparable(learned: Learned, evidence: Evidence) -> Plan | None:
    """The latest finished campaign of the target's kind whose traffic is known."""
    alike = [p for p in learned.past if p.kind == learned.target.kind and has_rows(p, evidence)]
    return max(alike, key=lambda plan: plan.starts_at, default=None)


def parts_at(learned: Learned, plan: Plan, at: int) -> dict[str, float]:
    """What ordinary traffic and each driver bring in the minute at `at`, all services together, without luck."""
    terms = [term for term in learned.terms if abs(term.starts - at) < 3 * 86400]
    touched = touched_services(terms, learned.plans, learned.baseline.services)
    grid = Grid(np.array([at], dtype=np.int64), np.array([60], dtype=np.int64))
    uplift = without_luck(learned.uplift)
    known = (learned.plans, uplift, learned.numbers, typical_volumes(learned.terms))
    parts: dict[str, float] = {}
    for s in range(len(learned.baseline.services)):
        made = setting(days_of(learned.baseline, s, grid), terms, touched, *known)
        rates = [float(rate[0]) for rate in added_rates(made, uplift)]
        parts[ORDINARY] = parts.get(ORDINARY, 0.0) + float(middle_rate(made, uplift)[0]) - sum(rates)
        for term, rate in zip(made.features.terms, rates, strict=True):
            name = term.driver if term.campaign == plan.id else term.campaign
            parts[name] = parts.get(name, 0.0) + rate
    return {name: value for name, value in parts.items() if name == ORDINARY or value > 1e-6}


def without_luck(uplift: Uplift) -> Uplift:
    """The model with every campaign's own luck at zero."""
    mean = uplift.mean.copy()
    for prefix in ("campaign:", "own:"):
        mean[uplift.layout.named(prefix)] = 0.0
    return replace(uplift, mean=mean)
