"""All services together: quantiles of the sum, which only sample paths know. A sum of quantiles lies too far out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from campaign.files import sha256
from campaign.traffic import QUANTILES, TrafficPaths
from forecast.epochs import epochs
from warroom.handed import Handed
from warroom.retrospective.scores import Band

LEVELS = list(QUANTILES.values())


def total_of(paths: TrafficPaths) -> Band:
    """Each interval's quantiles of the total."""
    total = paths.requests_per_second.sum(axis=1, dtype=np.float64)
    return Band(epochs(paths.starts_at_utc), paths.seconds.astype(np.int64), np.quantile(total, LEVELS, axis=0))


def kept_file(out: Path, handed: Handed) -> Path:
    """Where the live side keeps what needs paths of this very model."""
    return out / "live" / f"{handed.model_hash[:16]}.npz"


def stored_total(stored: Mapping[str, np.ndarray]) -> Band:
    """The total's band out of such a file."""
    return Band(epochs(stored["starts_at_utc"]), stored["seconds"], stored["total"])


def total_band(out: Path, handed: Handed) -> Band | None:
    """The total's band of the forecast that was handed over; None where its paths are gone.

    out: the campaign's folder of results, with the newest forecast's paths and what the live side kept.
    """
    kept, newest, paths = kept_file(out, handed), out / "traffic.json", out / "traffic_paths.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            return stored_total(stored)
    if paths.is_file() and newest.is_file() and sha256(newest) == handed.model_hash:
        return total_of(TrafficPaths.load(paths))
    return None
