"""What earlier campaigns say about the method itself: is it too low, too narrow, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import BackTest
from forecast.paths.tail import THRESHOLD, Z90, Tail, tail_from, tailed, tailed_draws

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PSEUDO_CAMPAIGNS = 5.0
HALF_LIFE_CAMPAIGNS = 8.0
OTHER_KIND = 1.0 / 3.0
BIAS_SD = 0.1
Z_MOST = 3.0
SCALE_LEAST, SCALE_MOST = 0.35, 2.5


@dataclass(frozen=True)
class Score:
    """One past campaign forecast at its own lead, against what came.

    wape_ratio: sum of absolute errors of the median over the sum of actuals, by hour and service.
    peak_*: of the total. floor_*: the same hours a week earlier (seasonal naive). campaigns_known: how many past
    campaigns the forecast rested on.
    """

    campaign: str
    kind: str
    wape_ratio: float
    peak_actual: float
    peak_p10: float
    peak_p50: float
    peak_p90: float
    peak_p99: float
    floor_wape_ratio: float
    floor_peak: float
    campaigns_known: float = 0.0

    @property
    def log_miss(self) -> float:
        """Log of actual over median peak: positive where the forecast was too low."""
        return float(np.log(self.peak_actual / self.peak_p50))

    @property
    def width(self) -> float:
        """Standard deviation of the forecast's own upper half, on the log scale."""
        return max(float(np.log(self.peak_p90 / self.peak_p50)) / Z90, 0.02)

    @property
    def z(self) -> float:
        """The miss in standard deviations."""
        return self.log_miss / self.width


@dataclass(frozen=True)
class Calibration:
    """How to correct sample paths: `bias_log` is added on the log scale, deviations from the median are scaled.

    campaigns: how many past campaigns stand behind it; zero leaves paths as they are. weights: of the stack's members.
    tail: where the highest fifth of peaks goes.
    """

    bias_log: float = 0.0
    scale_ratio: float = 1.0
    campaigns: int = 0
    back_test: BackTest | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    tail: Tail = field(default_factory=Tail)


def calibration_from(scores: Sequence[Score], kind: str, campaigns_known: float) -> Calibration:
    """Bias and width from scores of earlier campaigns in time order, for a forecast that rests on `campaigns_known`.

    A miss counts for the bias by how sure that forecast was, against a prior of no bias; the width is shrunk as if five
    more campaigns had been as wide as said. Past misses are not exchangeable with the one to come: they count less with
    age, with another kind, and with another state of knowledge (weighted conformal prediction, Barber et al. 2023), so
    that a first campaign that surprised everyone does not widen the thirtieth.
    """
    if not scores:
        return Calibration()
    weights = np.array([_alike(score, kind, campaigns_known) for score in scores])
    weights *= 0.5 ** (np.arange(len(scores))[::-1] / HALF_LIFE_CAMPAIGNS)
    misses = np.clip([score.log_miss for score in scores], -1.0, 1.0)
    zs = np.clip([score.z for score in scores], -Z_MOST, Z_MOST)
    trust = weights / np.array([score.width for score in scores]) ** 2
    bias = float(np.sum(trust * misses) / (trust.sum() + 1.0 / BIAS_SD**2))
    square = (PSEUDO_CAMPAIGNS + np.sum(weights * zs**2)) / (PSEUDO_CAMPAIGNS + weights.sum())
    scale = float(np.clip(np.sqrt(square), SCALE_LEAST, SCALE_MOST))
    standardised = (misses - bias) / (scale * np.array([score.width for score in scores]))
    return Calibration(bias, scale, len(scores), summary(scores), tail=tail_from(standardised, weights))


def _alike(score: Score, kind: str, campaigns_known: float) -> float:
    """How much a past miss says about this forecast: its kind, and how much was known then beside now."""
    less, more = sorted((score.campaigns_known + 1.0, campaigns_known + 1.0))
    return (1.0 if score.kind == kind else OTHER_KIND) * less / more


def moved(draws: Floats, calibration: Calibration) -> Floats:
    """Draws of one peak corrected as paths are."""
    middle = float(np.median(draws))
    apart = calibration.scale_ratio * np.log(np.maximum(draws, 1e-9) / middle)
    return np.asarray(middle * np.exp(calibration.bias_log + tailed_draws(apart, calibration.tail)))


def moved_quantiles(p10: float, p50: float, p90: float, p99: float, calibration: Calibration) -> Floats:
    """p10, p50, p90 and p99 of one peak corrected as paths are."""
    apart = calibration.scale_ratio * np.log(np.maximum([p10, p50, p90, p99], 1e-9) / p50)
    width = max(float(apart[2]) / Z90, 1e-3)
    apart = tailed(apart, np.array([0.1, 0.5, 0.9, 0.99]), THRESHOLD * width, width, calibration.tail)
    return np.asarray(p50 * np.exp(calibration.bias_log + apart))


def summary(scores: Sequence[Score]) -> BackTest:
    """The scores as traffic.json carries them."""
    if not scores:
        return BackTest(campaigns=0)
    return BackTest(
        campaigns=len(scores),
        wape_ratio=float(np.mean([score.wape_ratio for score in scores])),
        peak_error_ratio=float(np.mean([abs(score.peak_p50 / score.peak_actual - 1.0) for score in scores])),
        peaks_within_p90=sum(score.peak_actual <= score.peak_p90 for score in scores),
        peaks_within_p99=sum(score.peak_actual <= score.peak_p99 for score in scores),
        last_week_wape_ratio=_mean_known([score.floor_wape_ratio for score in scores]),
    )


def _mean_known(values: Sequence[float]) -> float | None:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else None


def calibrated(rates: Singles, calibration: Calibration) -> Singles:
    """Paths [path, service, interval] shifted and widened around their median, then the highest fifth of them moved to
    where the tail wants the total's peak; joint moves stay."""
    if calibration.bias_log == 0.0 and calibration.scale_ratio == 1.0 and calibration.tail.say_ratio == 0.0:
        return rates
    middle = np.maximum(np.median(rates, axis=0), np.float32(1e-9))
    corrected: Singles = middle * np.exp(
        np.float32(calibration.bias_log)
        + np.float32(calibration.scale_ratio) * np.log(np.maximum(rates, np.float32(1e-9)) / middle)
    )
    peaks = np.log(corrected.sum(axis=1).max(axis=1).astype(np.float64))
    apart = peaks - float(np.median(peaks))
    corrected *= np.exp(tailed_draws(apart, calibration.tail) - apart).astype(np.float32)[:, None, None]
    return corrected.astype(np.float32)
