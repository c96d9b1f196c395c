"""The rest of the event forecast again from what came so far, beside the frozen band and never in its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from campaign.traffic import QUANTILES, LiveSettings, TrafficPaths
from forecast.epochs import epochs
from forecast.nowcast import UNTAUGHT, interval_quantiles, nowcast
from warroom.live.expected.yardstick import TOTAL
from warroom.retrospective.timeline import Buckets, Floats, mean_over

DIGITS = 6


def reforecast(
    paths: TrafficPaths, came: Mapping[str, Buckets], now: datetime, settings: LiveSettings | None
) -> TrafficPaths:
    """The paths' intervals that end after `now`, moved by what came; as they were where too little is known.

    settings: how fast what was seen loses its weight and how wide the rest stays, as past campaigns taught.
    """
    starts = epochs(paths.starts_at_utc)
    actual = {name: mean_over(came[name], starts, paths.seconds) for name in paths.services if name in came}
    return nowcast(paths, actual, now, as_learned(settings))


def as_learned(settings: LiveSettings | None) -> LiveSettings:
    """What past campaigns taught, or what is taken where there were none."""
    return settings or UNTAUGHT


def as_document(ahead: TrafficPaths, model_hash: str, settings: LiveSettings | None) -> dict[str, Any]:
    """Quantiles of single intervals by service and in total, as they are stored; `starts_at` in seconds of UTC."""
    each = {name: ahead.requests_per_second[:, i].astype(np.float64) for i, name in enumerate(ahead.services)}
    each[TOTAL] = ahead.requests_per_second.sum(axis=1, dtype=np.float64)
    learned = as_learned(settings)
    found = {name: interval_quantiles(draws, ahead.seconds, learned) for name, draws in each.items()}
    return {
        "model": model_hash,
        "starts_at": epochs(ahead.starts_at_utc).tolist(),
        "services": {name: _stored(quantiles) for name, quantiles in found.items()},
    }


def _stored(quantiles: Floats) -> dict[str, list[float]]:
    rows = zip(QUANTILES, quantiles, strict=True)
    return {name: [float(f"{value:.{DIGITS}g}") for value in row] for name, row in rows}
