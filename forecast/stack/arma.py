"""Regression with ARMA errors on the log scale: the calendar and the plans as columns, what is left as ARMA(1, 1).

Feasible generalised least squares (Cochrane and Orcutt 1949): ridge, the errors' correlation by conditional least
squares, ridge again on rows freed from it. Nothing is masked: campaigns explain themselves through their columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.signal import lfilter

Floats = NDArray[np.float64]
Known = NDArray[np.bool_]

ROUNDS = 3
HUBER = 3.0
INNOVATION_SD_FIRST, INNOVATION_SD_MIN = 0.2, 0.01
KEEP_MOST, ECHO_MOST = 0.999, 0.95
SETTLING_ROWS = 6


@dataclass(frozen=True)
class Errors:
    """ARMA(1, 1): error = keep * last error + innovation + echo * last innovation."""

    keep: float = 0.0
    echo: float = 0.0
    innovation_sd: float = INNOVATION_SD_FIRST

    def innovations(self, values: Floats) -> Floats:
        """What is new in each row, of errors [row] or of columns [row, column]."""
        found: Floats = lfilter([1.0, -self.keep], [1.0, self.echo], values, axis=0)
        return found


def arma_log_rates(log_rates: Floats, calendar: Floats, penalties: Floats, events: Floats, event_sds: Floats) -> Floats:
    """Expected log rate of every row [row]; rows of `log_rates` that are NaN are forecast.

    calendar [row, column] with ridge penalties in units of one row's squared error; events [row, column] with prior
    standard deviations of their effects on the log scale [column].
    """
    known = ~np.isnan(log_rates)
    last = int(np.flatnonzero(known)[-1])
    design = np.hstack([calendar, events])
    target = np.where(known, log_rates, 0.0)
    errors, fitted, left = Errors(), target, target
    for _ in range(ROUNDS):
        held = penalties * (1.0 - errors.keep) ** 2
        penalty = np.concatenate([held, (errors.innovation_sd / event_sds) ** 2])
        fitted = design @ _ridge(*_freed(design, target, known, errors), penalty)
        left = np.where(known, target - fitted, 0.0)[: last + 1]
        errors = errors_of(left, known[: last + 1])
    carried = errors.keep * left[last] + errors.echo * errors.innovations(left)[-1]
    found = fitted.copy()
    found[last + 1 :] += carried * errors.keep ** np.arange(len(log_rates) - last - 1)
    return found


def _freed(design: Floats, target: Floats, known: Known, errors: Errors) -> tuple[Floats, Floats]:
    """Rows without their errors' correlation; the first after a gap are left out until the filter has settled."""
    if errors.keep == 0.0 and errors.echo == 0.0:
        return design[known], target[known]
    settled = np.convolve(~known, np.ones(SETTLING_ROWS), "full")[: len(known)] == 0
    settled[:SETTLING_ROWS] = False
    return errors.innovations(design)[settled], errors.innovations(target)[settled]


def _ridge(rows: Floats, target: Floats, penalty: Floats) -> Floats:
    """Ridge coefficients; rows far off count less the second time (Huber)."""
    weights, coefficients = np.ones(len(target)), np.zeros(rows.shape[1])
    for _ in range(2):
        weighted = rows * weights[:, None]
        coefficients = cho_solve(cho_factor(weighted.T @ rows + np.diag(penalty + 1e-6)), weighted.T @ target)
        away = np.abs(target - rows @ coefficients)
        width = 1.4826 * float(np.median(away)) + 1e-9
        weights = np.minimum(1.0, HUBER * width / np.maximum(away, 1e-12))
    return coefficients


def errors_of(left: Floats, known: Known) -> Errors:
    """The ARMA(1, 1) whose innovations have the least mean square over the known rows (conditional least squares)."""

    def errors_at(place: Floats) -> Errors:
        return Errors(KEEP_MOST * float(np.tanh(place[0])), ECHO_MOST * float(np.tanh(place[1])))

    def loss(place: Floats) -> float:
        innovations = np.clip(errors_at(place).innovations(left)[known], -1.0, 1.0)
        return float(np.log(np.mean(innovations**2) + 1e-12))

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"maxfev": 80, "xatol": 1e-3, "fatol": 1e-5})
    found = errors_at(best.x)
    spread = float(np.std(np.clip(found.innovations(left)[known], -1.0, 1.0)))
    return Errors(found.keep, found.echo, max(spread, INNOVATION_SD_MIN))
