"""Tests of past campaigns as they would have been published: stacked and calibrated by earlier ones, never by later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast.backtest.again import Tested, wape
from forecast.epochs import HOUR, epoch
from forecast.paths.calibration import OTHER_KIND, Calibration, calibration_from, moved, moved_quantiles
from forecast.stack.course import course_from, missed
from forecast.stack.stack import Stack, stacked
from forecast.stack.weights import weights_from

Floats = NDArray[np.float64]


def judged_in_order(tested: Sequence[Tested]) -> tuple[Tested, ...]:
    """Each test stacked and calibrated by what the campaigns that were over by its own as-of would have taught."""
    as_stacked = {id(one): as_stacked_then(tested, one) for one in tested}
    made = []
    for one in tested:
        earlier = [as_stacked[id(other)].score for other in over_before(tested, one)]
        mine = as_stacked[id(one)]
        made.append(corrected(mine, calibration_from(earlier, one.score.kind, one.score.campaigns_known)))
    return tuple(made)


def over_before(tested: Sequence[Tested], one: Tested) -> list[Tested]:
    """The tests of campaigns that had ended when `one` was forecast, in time order."""
    over = [other for other in tested if int(other.hours[-1]) + HOUR <= epoch(one.as_of)]
    return sorted(over, key=lambda other: int(other.hours[-1]))


def as_stacked_then(tested: Sequence[Tested], one: Tested) -> Tested:
    """The test with the stack's middle, as earlier ones would have made it."""
    return bent(one, stack_of(over_before(tested, one), one.score.kind, one.score.campaigns_known))


def stack_of(earlier: Sequence[Tested], kind: str, campaigns_known: float) -> Stack:
    """The stack after these tests, for a forecast of `kind` that rests on `campaigns_known` past campaigns."""
    counts = [1.0 if one.score.kind == kind else OTHER_KIND for one in earlier]
    losses = [{name: wape(one.actual, middle) for name, middle in one.members.items()} for one in earlier]
    weights = weights_from(losses, counts, campaigns_known)
    alike = [one for one in earlier if one.score.kind == kind]
    misses = [(one.since_start, missed(one.actual, stacked(one.members, weights))) for one in alike]
    return Stack(weights, course_from(misses))


def bent(tested: Tested, stack: Stack) -> Tested:
    """The test with the stack's middle; its paths keep their distance from it hour by hour, as published ones do."""
    middle = stack.middle(tested.members, tested.since_start)
    tops = tested.tops.bent(middle / np.maximum(tested.middle, 1e-9))
    ratio = float(np.median(tops.highest) / max(float(np.median(tested.peak_hours)), 1e-9))
    old = tested.score
    score = replace(
        old,
        wape_ratio=wape(tested.actual, middle),
        peak_p10=old.peak_p10 * ratio,
        peak_p50=old.peak_p50 * ratio,
        peak_p90=old.peak_p90 * ratio,
        peak_p99=old.peak_p99 * ratio,
        volume_middle=float(middle.mean()),
    )
    return replace(tested, score=score, middle=middle, peak_hours=tops.highest, tops=tops)


def corrected(tested: Tested, calibration: Calibration) -> Tested:
    """The test as it would have come out with paths corrected so."""
    old = tested.score
    quantiles = moved_quantiles(old.peak_p10, old.peak_p50, old.peak_p90, old.peak_p99, calibration)
    p10, p50, p90, p99 = quantiles.tolist()
    moved_by = float(np.exp(calibration.bias))
    middle = tested.middle * moved_by
    score = replace(
        old,
        wape_ratio=wape(tested.actual, middle),
        peak_p10=p10,
        peak_p50=p50,
        peak_p90=p90,
        peak_p99=p99,
        volume_middle=old.volume_middle * moved_by,
    )
    return replace(tested, score=score, middle=middle, peak_hours=moved(tested.peak_hours, calibration))


def calibration_of(tested: Sequence[Tested], kind: str, campaigns_known: float, lead_days: float) -> Calibration:
    """What all these tests teach for a forecast of `kind` that rests on so many past campaigns."""
    ordered = sorted(tested, key=lambda one: int(one.hours[-1]))
    scores = [as_stacked_then(ordered, one).score for one in ordered]
    stack = stack_of(ordered, kind, campaigns_known)
    found = replace(calibration_from(scores, kind, campaigns_known), stack=stack)
    if found.back_test is None:
        return found
    about = {"lead_days": lead_days, "member_weights": {name: round(w, 4) for name, w in stack.weights.items()}}
    return replace(found, back_test=found.back_test.model_copy(update=about))
