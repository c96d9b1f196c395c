"""Many services seen as one: evidence, plan and settings of their total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Service, Settings
from forecast.epochs import HOUR
from forecast.evidence import Disturbed, Evidence
from forecast.uplift.episodes import Stretch

Floats = NDArray[np.float64]

TOTAL = "total"
KNOWN_SHARE_LEAST = 0.95
DISTURBED_SHARE_MOST = 0.1
BUCKETS_SHARE_LEAST = 0.98
WEEK_HOURS = 168


@dataclass(frozen=True)
class View:
    """What a structural model is fitted on: everything by service, or the total of many."""

    evidence: Evidence
    plan: Plan
    plans: tuple[Plan, ...]
    settings: Settings


def total_view(evidence: Evidence, plan: Plan, plans: Sequence[Plan], settings: Settings) -> View:
    """The total of all services as one service that every plan touches."""
    one = settings.model_copy(update={"services": (Service(name=TOTAL),)})
    everywhere = tuple(p.model_copy(update={"services": ()}) for p in plans)
    mine = next(p for p in everywhere if p.id == plan.id)
    return View(total_evidence(evidence), mine, everywhere, one)


def total_evidence(evidence: Evidence) -> Evidence:
    """Evidence with one column: a missing hour of few services is filled with their usual, of many it is missing."""
    rates = evidence.hourly.to_numpy(dtype=np.float64)
    weights = usual_share(rates)
    known = ~np.isnan(rates)
    covered = known @ weights
    filled = np.where(known, rates, usual_by_week(rates))
    total = np.where(covered >= KNOWN_SHARE_LEAST, filled.sum(axis=1), np.nan)
    hourly = pd.DataFrame({TOTAL: total}, index=evidence.hourly.index)
    disturbed = _disturbed(evidence, weights)
    return replace(evidence, hourly=hourly, stretches=(_stretch(evidence.stretches),), disturbed=disturbed)


def usual_share(rates: Floats) -> Floats:
    """Each service's part of the total [service]."""
    means = np.nansum(rates, axis=0) / np.maximum((~np.isnan(rates)).sum(axis=0), 1)
    return np.asarray(means / max(float(means.sum()), 1e-9))


def usual_by_week(rates: Floats) -> Floats:
    """Mean rate of the hour of the week [hour, service]; zero where it was never known."""
    place = np.arange(len(rates)) % WEEK_HOURS
    known = ~np.isnan(rates)
    sums, counts = np.zeros((WEEK_HOURS, rates.shape[1])), np.zeros((WEEK_HOURS, rates.shape[1]))
    np.add.at(sums, place, np.where(known, rates, 0.0))
    np.add.at(counts, place, known)
    return np.asarray((sums / np.maximum(counts, 1))[place])


def _disturbed(evidence: Evidence, weights: Floats) -> tuple[Disturbed, ...]:
    """Hours in which services with more than a tenth of the traffic were disturbed."""
    hours = evidence.hours
    position = {name: i for i, name in enumerate(evidence.services)}
    kinds = sorted({d.kind for d in evidence.disturbed})
    found = []
    for kind in kinds:
        hit = np.zeros((len(hours), len(weights)), dtype=bool)
        for d in evidence.disturbed:
            if d.kind == kind:
                first, last = np.searchsorted(hours, [d.starts - HOUR + 1, d.ends])
                hit[first:last, position[d.service]] = True
        found += [(a, b, kind) for a, b in _runs(hours, hit @ weights > DISTURBED_SHARE_MOST)]
    return tuple(Disturbed(TOTAL, starts, ends, kind) for starts, ends, kind in sorted(found))


def _runs(hours: NDArray[np.int64], marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(hours[a]), int(hours[b - 1]) + HOUR) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _stretch(stretches: Sequence[Stretch]) -> Stretch:
    """Buckets that nearly every service has, added up; the few missing ones count as the others' mean."""
    starts = np.concatenate([s.starts for s in stretches])
    seconds = np.concatenate([s.seconds for s in stretches])
    rates = np.concatenate([s.rates for s in stretches])
    known = ~np.isnan(rates)
    keys, inverse = np.unique(np.stack([starts[known], seconds[known]]), axis=1, return_inverse=True)
    place = np.asarray(inverse).ravel()
    sums = np.bincount(place, rates[known], keys.shape[1])
    counts = np.bincount(place, minlength=keys.shape[1])
    enough = counts >= BUCKETS_SHARE_LEAST * counts.max(initial=1)
    scaled = sums * counts.max(initial=1) / np.maximum(counts, 1)
    return Stretch(TOTAL, keys[0][enough], keys[1][enough], scaled[enough])
