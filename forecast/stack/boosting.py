"""Gradient boosting with event features: what hours, plans and their numbers add to ordinary traffic's log rate."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TREES = 200
REACHED_WEIGHT = 5.0
HALF_LIFE_HOURS = 720 * 24.0
GROWING = {
    "objective": "l2",
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 2.0,
    "verbose": -1,
    # The same bytes for the same seed: one thread, one order of adding up.
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
}


@cache
def boosting_loads() -> bool:
    """Whether LightGBM can be loaded: without its OpenMP library it cannot, and the other members share its weight."""
    try:
        import lightgbm  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def boosted_log_rates(
    log_rates: Floats, log_base: Floats, features: Floats, reached: NDArray[np.bool_], seed: int
) -> Floats:
    """Expected log rate of every row [row], learned from the rows of `log_rates` that are known.

    log_base [row]: ordinary traffic; features [row, column]; reached [row]: hours that a campaign touches, which count
    five times. Older rows count less, half as much every two years.
    """
    import lightgbm

    known = ~np.isnan(log_rates)
    age_hours = np.arange(len(log_rates))[::-1]
    weights = np.where(reached, REACHED_WEIGHT, 1.0) * 0.5 ** (age_hours / HALF_LIFE_HOURS)
    rows = lightgbm.Dataset(features[known], (log_rates - log_base)[known], weight=weights[known])
    trees = lightgbm.train({**GROWING, "seed": seed}, rows, num_boost_round=TREES)
    found: Floats = log_base + np.asarray(trees.predict(features), dtype=np.float64)
    return found
