"""When a rule's condition holds: arrays of daily values in, arrays of the same shape out.

Arrays are [..., day]; NaN is a day without a value that may be used (missing, not settled, too small a sample). Such
days count neither for nor against a run of days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from playbooks.growth.policy import Baseline, Below, Previous, When

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Readings:
    """What a condition says of each day: `hit` speaks for the rule, `well` for all being well again.

    expected: what the value is compared with; certain: even the upper end of the 95 % interval is below.
    """

    hit: Flags
    well: Flags
    expected: Floats
    certain: Flags


def readings(values: Floats, sample: Floats | None, when: When) -> Readings:
    """Judge each day by a rule's condition; `sample` is the number of people (or answers) behind each value."""
    if isinstance(when, Baseline):
        return _against_baseline(values, when)
    if isinstance(when, Previous):
        return _against_previous(values, when)
    return _against_level(values, sample, when)


def _against_baseline(values: Floats, when: Baseline) -> Readings:
    """Below the median of the days before, which end `gap_days` before the day itself: a fall does not hide itself."""
    expected = _median_before(values, when.baseline_days, when.gap_days)
    spread = _mad_before(values, when.noise_days, when.gap_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        change = values / expected - 1
        deep = expected - values >= when.noise_mads * np.nan_to_num(spread)
        return _of_change(change, deep, expected, when.change_ratio, when.clear_change_ratio)


def _against_previous(values: Floats, when: Previous) -> Readings:
    expected = np.full_like(values, np.nan)
    expected[..., 1:] = values[..., :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        change = values / expected - 1
    return _of_change(change, np.ones(values.shape, bool), expected, when.change_ratio, when.clear_change_ratio)


def _of_change(change: Floats, deep: Flags, expected: Floats, fires_at: float, clears_at: float) -> Readings:
    with np.errstate(invalid="ignore"):
        hit = (change <= fires_at) & deep
        return Readings(hit, change > clears_at, expected, hit)


def _against_level(values: Floats, sample: Floats | None, when: Below) -> Readings:
    """Below a level; `certain` where the whole interval is (a share's or a score's, after its sample)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        half = 0.0 if sample is None else NORMAL_95 * np.sqrt(_variance(values, when.scale) / sample)
        certain = np.nan_to_num(values + half, nan=np.inf) < when.below
        return Readings(values < when.below, values >= when.clear_at, np.full_like(values, when.below), certain)


def _variance(values: Floats, scale: float | None) -> Floats:
    """Of one answer: a share's p(1 - p); of a score from -scale to scale at most scale² - score² (nobody passive)."""
    if scale is None:
        return np.asarray(np.clip(values * (1 - values), 0, None))
    return np.asarray(np.clip(scale**2 - values**2, 0, None))


def _median_before(values: Floats, days: int, gap: int) -> Floats:
    return _before(values, days, gap, _middle)


def _mad_before(values: Floats, days: int, gap: int) -> Floats:
    """Median absolute deviation of the days before, from their own median."""
    if not days:
        return np.zeros_like(values)
    return _before(values, days, gap, _mad)


def _mad(windows: Floats) -> Floats:
    return _middle(np.abs(windows - _middle(windows)[..., None]))


def _middle(windows: Floats) -> Floats:
    """The median of each window's known values; the plain median, many times faster, where all are known."""
    median = np.median if np.isfinite(windows).all() else np.nanmedian
    return np.asarray(median(windows, axis=-1))


def _before(values: Floats, days: int, gap: int, statistic: Callable[[Floats], Floats]) -> Floats:
    """A statistic of the `days` days that end `gap` days before each day; NaN where half of them are missing."""
    found = np.full_like(values, np.nan)
    lead = days + gap
    if values.shape[-1] <= lead:
        return found
    windows = sliding_window_view(values, days, axis=-1)[..., : values.shape[-1] - lead, :]
    enough = np.isfinite(windows).sum(axis=-1) * 2 > days
    filled = np.where(enough[..., None], windows, 0.0)
    found[..., lead:] = np.where(enough, statistic(filled), np.nan)
    return found


@dataclass(frozen=True)
class Runs:
    """`fires` and `clears` mark the day a state changes, `stands` every day on which the rule stands fired.

    expected: what each day was compared with; while a rule stands, that of the day it fired.
    """

    fires: Flags
    clears: Flags
    stands: Flags
    expected: Floats


def runs(values: Floats, found: Readings, usable: Flags, when: When) -> Runs:
    """Fire once after `days` hits in a row, clear once after `clear_days` good ones in a row.

    A baseline that moved on into the fall would call the fall normal: while a rule stands, it is held for `hold_days`.
    """
    shape = usable.shape
    fires, clears, stands = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    expected = found.expected.copy()
    hits, goods, fired = (np.zeros(shape[:-1], int), np.zeros(shape[:-1], int), np.zeros(shape[:-1], bool))
    held, age = np.full(shape[:-1], np.nan), np.zeros(shape[:-1], int)
    hold_days, clears_at = (when.hold_days, when.clear_change_ratio) if isinstance(when, Baseline) else (0, 0.0)
    for day in range(shape[-1]):
        counts = usable[..., day]
        holding = fired & (age < hold_days)
        expected[..., day] = np.where(holding, held, expected[..., day])
        well = np.where(holding, values[..., day] > held * (1 + clears_at), found.well[..., day])
        hits = np.where(counts, np.where(found.hit[..., day], hits + 1, 0), hits)
        goods = np.where(counts, np.where(well, goods + 1, 0), goods)
        fires[..., day] = ~fired & counts & (hits >= when.days)
        clears[..., day] = fired & counts & (goods >= when.clear_days)
        held = np.where(fires[..., day], expected[..., day], held)
        age = np.where(fires[..., day], 0, age + 1)
        fired = (fired | fires[..., day]) & ~clears[..., day]
        stands[..., day] = fired
    return Runs(fires, clears, stands, expected)
