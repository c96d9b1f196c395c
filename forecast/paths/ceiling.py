"""No more people can come than were told: the audience of a plan bounds what it adds in any minute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

AUDIENCE = "audience"
ARRIVING_MOST_RATIO = 0.10
"""At most a tenth of everyone who knows of a campaign comes in the same minute: an assumption, said where it binds."""
SEEN_MARGIN = 1.5
MINUTE = 60.0


def ceiling_requests_per_second(
    plan: Plan, requests_per_visit: float, seen: Sequence[tuple[Plan, float]] = ()
) -> float | None:
    """The most that a plan can add to the total; None where it does not say whom it reaches.

    seen: past campaigns with the highest total each had, requests per second: where more came of an audience than is
    assumed, half as much again as that is the bound.
    """
    audience = plan.drivers.get(AUDIENCE, 0.0)
    if audience <= 1.0:
        return None
    came = [
        peak * MINUTE / (past.drivers[AUDIENCE] * requests_per_visit)
        for past, peak in seen
        if past.drivers.get(AUDIENCE, 0.0) > 1.0
    ]
    ratio = max(ARRIVING_MOST_RATIO, SEEN_MARGIN * max(came, default=0.0))
    return audience * ratio * requests_per_visit / MINUTE


def held_below(rates: Singles, ordinary: Floats, ceiling: float | None) -> tuple[Singles, float]:
    """Paths [path, service, interval] with what exceeds ordinary traffic [service, interval] kept below the ceiling.

    Returns:
        The paths, and the share of them that were held anywhere.
    """
    if ceiling is None:
        return rates, 0.0
    usual = ordinary.sum(axis=0)
    total = rates.sum(axis=1)
    most = (usual + ceiling).astype(np.float32)
    over = total > most
    if not over.any():
        return rates, 0.0
    factor = np.where(over, most / np.maximum(total, np.float32(1e-9)), np.float32(1.0))
    held: Singles = rates * factor[:, None, :]
    return held, float(over.any(axis=1).mean())
