"""The minute rule: how far demand has left its own level of the minutes before, given the forecast's shape.

A forecast days ahead is unsure of the level by far more than fifty percent, so a jump of that size may stay within its
band. But the frozen paths also say how far demand strays from the level it had minutes ago: much less. The log of
actual over frozen median is compared with its own weighted mean (EWMA) up to a few minutes back, in standard deviations
of what the paths do in that very minute. While an alert stands the level is held, or the jump would become the level.

All arrays are [minute] or [path, minute]; ratios are logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from playbooks.growth.live_policy import MinuteWindows
from warroom.live.judging.rules import Episode, Reading, episodes

Floats = NDArray[np.float64]


def level_before(ratios: Floats, rule: MinuteWindows) -> Floats:
    """The level [..., minute] that each minute is compared with: the mean of minutes at least `lag_minutes` back, each
    weighing half as much as one `level_minutes` later; NaN before there is any."""
    keep = 0.5 ** (1.0 / rule.level_minutes)
    weight, total = np.zeros(ratios.shape[:-1]), np.zeros(ratios.shape[:-1])
    found = np.full(ratios.shape, np.nan)
    for i in range(rule.lag_minutes, ratios.shape[-1]):
        value = ratios[..., i - rule.lag_minutes]
        known = np.isfinite(value)
        total = total * keep + np.where(known, value, 0.0)
        weight = weight * keep + known
        with np.errstate(invalid="ignore", divide="ignore"):
            found[..., i] = np.where(weight > 0, total / weight, np.nan)
    return found


def usual_departure(paths: Floats, rule: MinuteWindows) -> Floats:
    """The standard deviation [minute] of what the paths [path, minute] depart from their own level, at least the
    rule's narrowest."""
    away = paths - level_before(paths, rule)
    known = np.isfinite(away).any(axis=0)
    spread = np.full(away.shape[1], np.nan)
    spread[known] = np.nanstd(away[:, known], axis=0)
    widest: Floats = np.maximum(spread, rule.narrowest_ratio)
    return widest


def departures(times: Sequence[datetime], ratios: Floats, usual: Floats, rule: MinuteWindows) -> tuple[Episode, ...]:
    """Every episode of one service over consecutive minutes; ratios are NaN where a minute is not known."""
    found: list[Episode] = []
    start = 0
    while start < len(ratios):
        level = level_before(ratios[start:], rule)
        standing = _first(times[start:], (ratios[start:] - level) / usual[start:], rule)
        if standing is None:
            break
        fired = times.index(standing.fired_at)
        end = min(len(ratios), fired + int(rule.hold_minutes))
        held = (ratios[start:end] - level[: end - start]) / usual[start:end]
        held[fired - start :] = (ratios[fired:end] - level[fired - start]) / usual[fired:end]
        episode = _first(times[start:end], held, rule)
        assert episode is not None
        if episode.cleared_at is None and end < len(ratios):
            episode = Episode(episode.direction, episode.fired_at, times[end], episode.at_once)
        found.append(episode)
        if episode.cleared_at is None:
            break
        start = times.index(episode.cleared_at)
    return tuple(found)


def _first(times: Sequence[datetime], z: Floats, rule: MinuteWindows) -> Episode | None:
    readings = [Reading(at, float(value)) for at, value in zip(times, z, strict=True)]
    return next(iter(episodes(readings, rule)), None)
