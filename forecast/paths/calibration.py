"""What earlier campaigns say about the method itself: is it too low, too narrow, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import BackTest

Singles = NDArray[np.float32]

PSEUDO_CAMPAIGNS = 5.0
BIAS_SD = 0.06
Z90 = 1.2816
Z_MOST = 3.0
SCALE_LEAST, SCALE_MOST = 0.6, 2.5


@dataclass(frozen=True)
class Score:
    """One past campaign forecast at its own lead, against what came.

    wape_ratio: sum of absolute errors of the median over the sum of actuals, by hour and service.
    peak_*: of the total. floor_*: the same hours a week earlier (seasonal naive).
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

    campaigns: how many past campaigns stand behind it; zero leaves paths as they are.
    """

    bias_log: float = 0.0
    scale_ratio: float = 1.0
    campaigns: int = 0
    back_test: BackTest | None = None


def calibration_from(scores: Sequence[Score], kind: str) -> Calibration:
    """Bias and width from scores of earlier campaigns.

    A miss counts for the bias by how sure that forecast was, against a prior of no bias; the width is shrunk as if five
    more campaigns had been as wide as said. Campaigns of another kind count a third.
    """
    if not scores:
        return Calibration()
    weights = np.array([1.0 if score.kind == kind else 1.0 / 3.0 for score in scores])
    misses = np.clip([score.log_miss for score in scores], -1.0, 1.0)
    zs = np.clip([score.z for score in scores], -Z_MOST, Z_MOST)
    trust = weights / np.array([score.width for score in scores]) ** 2
    bias = float(np.sum(trust * misses) / (trust.sum() + 1.0 / BIAS_SD**2))
    square = (PSEUDO_CAMPAIGNS + np.sum(weights * zs**2)) / (PSEUDO_CAMPAIGNS + weights.sum())
    scale = float(np.clip(np.sqrt(square), SCALE_LEAST, SCALE_MOST))
    return Calibration(bias, scale, len(scores), summary(scores))


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
    )


def calibrated(rates: Singles, calibration: Calibration) -> Singles:
    """Paths [path, service, interval] shifted and widened around their median; joint moves stay."""
    if calibration.bias_log == 0.0 and calibration.scale_ratio == 1.0:
        return rates
    middle = np.maximum(np.median(rates, axis=0), np.float32(1e-9))
    corrected: Singles = middle * np.exp(
        np.float32(calibration.bias_log)
        + np.float32(calibration.scale_ratio) * np.log(np.maximum(rates, np.float32(1e-9)) / middle)
    )
    return corrected.astype(np.float32)
