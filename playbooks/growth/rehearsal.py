"""How a rule would have behaved: fired on history, false alarms on noise alone, and falls of known size found when.

False alarms and detection come from series drawn around the history's own level with the history's own daily noise, so
that what is found there is known to be there or not. Noise is resampled in runs of a few days, as neighbouring days
are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.daily import Floats
from playbooks.growth.detect import readings, runs
from playbooks.growth.evaluate import Watched
from playbooks.growth.policy import Below, Rule

SHIFTS = (-0.10, -0.25, -0.40)
DAYS_A_YEAR = 365.25
LEVEL_DAYS = 7
RUN_DAYS = 3
NOISE_DAYS = 365
LEAD_DAYS = 60
FOUND_WITHIN_DAYS = 14
SERIES = 400
LEAST_DAYS = 28


@dataclass(frozen=True)
class Found:
    """A lasting change of `shift` on a day: the share of series that fire within 14 days, and the median delay."""

    shift: float
    ratio: float
    delay_days: float | None


@dataclass(frozen=True)
class Tested:
    """A rule over one history. None where there are too few closed days to say."""

    rule: Rule
    splits: int
    closed_days: int
    fired: int
    stood_days: int
    noise_ratio: float | None
    false_alarms_per_channel_year: float | None
    found: tuple[Found, ...]


def rehearse(rule: Rule, watched: Sequence[Watched], rng: np.random.Generator) -> Tested:
    """The rule over what happened, and over what could have."""
    counted = [w.values[w.closed] for w in watched]
    floor = rule.when.below if isinstance(rule.when, Below) else 0.0  # what is below already cannot fall there
    long = [values for values in counted if len(values) >= LEAST_DAYS and np.nanmedian(values) > max(floor, 0.0)]
    fired = sum(int(w.runs.fires.sum()) for w in watched)
    stood = sum(int(w.runs.stands.sum()) for w in watched)
    days = sum(len(values) for values in counted)
    if not long:
        return Tested(rule, len(watched), days, fired, stood, None, None, ())
    noise = [_noise(values) for values in long]
    quiet = _series([float(np.median(v)) for v in long], noise, NOISE_DAYS, rng)
    alarms = _fires(rule, quiet).sum() / quiet.shape[0] / (NOISE_DAYS / DAYS_A_YEAR)
    found = tuple(_found(rule, long, noise, shift, rng) for shift in SHIFTS)
    spread = float(np.median([np.std(n) for n in noise]))
    return Tested(rule, len(watched), days, fired, stood, spread, float(alarms), found)


def _noise(values: Floats) -> Floats:
    """Each day's ratio to the median of the days around it, less one, rescaled for the median having seen the day."""
    half = LEVEL_DAYS // 2
    padded = np.pad(values, half, mode="edge")
    level = np.median(np.lib.stride_tricks.sliding_window_view(padded, LEVEL_DAYS), axis=-1)
    ratio = np.divide(values, level, out=np.ones_like(values), where=level > 0) - 1
    return np.asarray((ratio - ratio.mean()) * np.sqrt(LEVEL_DAYS / (LEVEL_DAYS - 1)))


def _series(levels: Sequence[float], noise: Sequence[Floats], days: int, rng: np.random.Generator) -> Floats:
    """[series, day]: each takes its level and noise from one of the splits."""
    made = np.empty((SERIES, days))
    for row in range(SERIES):
        which = int(rng.integers(len(levels)))
        starts = rng.integers(0, len(noise[which]), size=days // RUN_DAYS + 1)
        places = (starts[:, None] + np.arange(RUN_DAYS)).ravel()[:days] % len(noise[which])
        made[row] = levels[which] * (1 + noise[which][places])
    return np.clip(made, 0, None)


def _fires(rule: Rule, values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    found = readings(values, None, rule.when)
    return runs(values, found, np.isfinite(found.expected) & np.isfinite(values), rule.when).fires


def _found(
    rule: Rule, long: Sequence[Floats], noise: Sequence[Floats], shift: float, rng: np.random.Generator
) -> Found:
    series = _series([float(np.median(v)) for v in long], noise, LEAD_DAYS + FOUND_WITHIN_DAYS, rng)
    series[:, LEAD_DAYS:] *= 1 + shift
    fires = _fires(rule, series)[:, LEAD_DAYS:]
    hit = fires.any(axis=1)
    delay = float(np.median(fires.argmax(axis=1)[hit]) + 1) if hit.any() else None
    return Found(shift, float(hit.mean()), delay)
