"""Campaigns whose minutes are gone: the peak that somebody wrote down still teaches how large a kind gets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from campaign.plan import Plan
from forecast.baseline.ridge import Baseline
from forecast.epochs import DAY, epoch
from forecast.uplift.episodes import Block, standing
from forecast.uplift.terms import Term

WEEK = 7 * DAY
LEVEL_SD_REMEMBERED = 0.3
PEAK_SECONDS = 60


def peak_remembered(plan: Plan, as_of: datetime) -> bool:
    """Whether the plan's `observed` says how high a finished campaign went."""
    return plan.ends_at <= as_of and plan.observed is not None and plan.observed.peak_requests_per_second is not None


def remembered_blocks(plans: Sequence[Plan], terms: Sequence[Term], baseline: Baseline) -> tuple[Block, ...]:
    """One row per campaign and service: the peak, shared out as services usually share.

    Ordinary traffic before history begins is taken from the same hour of the first week that is known, and may lie off.
    """
    blocks = []
    for plan in plans:
        at = peak_time(plan)
        hour = into_history(at, baseline)
        own = tuple(i for i, term in enumerate(terms) if term.campaign == plan.id)
        touched = [s for s, name in enumerate(baseline.services) if plan.touches(name)]
        levels = np.array([np.exp(baseline.log_at(s, np.array([hour]))[0]) for s in touched])
        peak = plan.observed.peak_requests_per_second if plan.observed else None
        for s, share in zip(touched, levels / levels.sum(), strict=True):
            rate = float(peak or 0.0) * float(share)
            starts = np.array([float(at)])
            blocks.append(
                Block(
                    f"{baseline.services[s]}@{plan.id}",
                    s,
                    starts,
                    starts + PEAK_SECONDS,
                    np.log(np.array([rate])),
                    np.array([rate * PEAK_SECONDS]),
                    baseline.log_at(s, np.array([hour])),
                    baseline.season_at(s, np.array([hour])),
                    standing(baseline, s, np.array([hour])),
                    own,
                    LEVEL_SD_REMEMBERED,
                )
            )
    return tuple(blocks)


def peak_time(plan: Plan) -> int:
    """When the peak came, in seconds since 1970: as written down, else a minute after the first moment or the start."""
    if plan.observed is not None and plan.observed.peak_at is not None:
        return epoch(plan.observed.peak_at)
    first = min((moment.at for moment in plan.moments), default=plan.starts_at)
    return epoch(first) + PEAK_SECONDS


def into_history(at: int, baseline: Baseline) -> float:
    """The same hour of the week inside history, for a time before it."""
    first = int(baseline.hours[0])
    weeks = max(-(-(first - at) // WEEK), 0)
    return float(at + weeks * WEEK)
