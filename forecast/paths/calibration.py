"""What earlier campaigns say about the method itself: is it too low, too narrow, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import BackTest
from forecast.paths.tail import THRESHOLD, Z90, Tail, tail_from, tailed, tailed_draws
from forecast.stack.stack import Stack

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PSEUDO_CAMPAIGNS = 2.0
HALF_LIFE_CAMPAIGNS = 8.0
OTHER_KIND = 1.0 / 3.0
UNTAUGHT = 0.25
VOLUME_BIAS_SD, PEAK_BIAS_SD = 0.15, 0.07
PEAK_SD = 0.2
MISS_MOST = 1.5
WIDTH_LEAST = 0.05
SCALE_LEAST, SCALE_MOST = 0.2, 3.0
NEAR_PEAK_POWER, MONOTONE = 2.0, 0.9


@dataclass(frozen=True)
class Score:
    """One past campaign forecast at its own lead, against what came.

    wape_ratio: sum of absolute errors of the median over the sum of actuals, by hour and service.
    peak_*: of the total; volume_*: its mean over the hours, what came and the sum of the medians, and the paths'
    standard deviation of it on the log scale. floor_*: the same hours a week earlier (seasonal naive).
    campaigns_known: how many past campaigns the forecast rested on.
    """

    campaign: str
    kind: str
    wape_ratio: float
    peak_actual: float
    peak_p10: float
    peak_p50: float
    peak_p90: float
    peak_p99: float
    volume_actual: float
    volume_middle: float
    volume_sd: float
    floor_wape_ratio: float
    floor_peak: float
    campaigns_known: float = 0.0

    @property
    def log_miss(self) -> float:
        """Log of actual over median peak: positive where the forecast was too low."""
        return float(np.log(self.peak_actual / self.peak_p50))

    @property
    def log_volume_miss(self) -> float:
        """The same for the volume."""
        return float(np.log(max(self.volume_actual, 1e-9) / max(self.volume_middle, 1e-9)))

    @property
    def width(self) -> float:
        """Standard deviation of the forecast's own upper half, on the log scale."""
        return max(float(np.log(self.peak_p90 / self.peak_p50)) / Z90, WIDTH_LEAST)


@dataclass(frozen=True)
class Calibration:
    """How to correct sample paths, on the log scale: `bias` moves everything, `peak_bias` what is near a path's peak.

    bias_sd: how far the two may be wrong together; miss: how far off earlier peaks were without them (root mean
    square); weight: how many of them that is worth; campaigns: how many stand behind it, zero leaves paths as they are.
    stack: what weighs its members. tail: where the highest fifth of peaks goes.
    """

    bias: float = 0.0
    peak_bias: float = 0.0
    bias_sd: float = 0.0
    miss: float = 0.0
    weight: float = 0.0
    campaigns: int = 0
    back_test: BackTest | None = None
    stack: Stack = field(default_factory=Stack)
    tail: Tail = field(default_factory=Tail)

    def scale_ratio(self, width: float) -> float:
        """By how much to stretch a forecast whose peak has that standard deviation."""
        variance = (PSEUDO_CAMPAIGNS * width**2 + self.weight * self.miss**2) / (PSEUDO_CAMPAIGNS + self.weight)
        return float(np.clip(np.hypot(np.sqrt(variance), self.bias_sd) / width, SCALE_LEAST, SCALE_MOST))


def calibration_from(scores: Sequence[Score], kind: str, campaigns_known: float) -> Calibration:
    """Biases and width from scores of earlier campaigns in time order, for a forecast that rests on `campaigns_known`.

    Misses of the volume move everything; how far each peak missed beside its own volume moves peaks: both are means
    against a prior of none, believed the sooner the more alike they are. The width is what earlier misses were, and
    what the paths say counts as two more: how wide the paths of one campaign are beside another's says little about
    where it will come (on nine sets of real events, pinball loss at p90 0.127 so, 0.142 with misses in units of each
    forecast's own width). Past misses are not exchangeable with the one to come: they count less with age, with another
    kind, and with another state of knowledge (weighted conformal prediction, Barber et al. 2023), so that a first
    campaign that surprised everyone does not widen the thirtieth.
    """
    if not scores:
        return Calibration()
    weights = np.array([_alike(score, kind, campaigns_known) for score in scores])
    weights *= 0.5 ** (np.arange(len(scores))[::-1] / HALF_LIFE_CAMPAIGNS)
    widths = np.array([score.width for score in scores])
    volumes = np.array([score.log_volume_miss for score in scores])
    misses = np.array([score.log_miss for score in scores])
    volume_sds = np.maximum([score.volume_sd for score in scores], WIDTH_LEAST)
    bias = _shrunk(volumes, weights, float(np.sqrt(weights @ volume_sds**2 / weights.sum())), VOLUME_BIAS_SD)
    peak_bias = _shrunk(misses - volumes, weights, PEAK_SD, PEAK_BIAS_SD)
    left = np.clip(misses - bias.middle - peak_bias.middle, -MISS_MOST, MISS_MOST)
    known = float(weights.sum())
    miss = float(np.sqrt(weights @ left**2 / known))
    unsure = float(np.hypot(bias.sd, peak_bias.sd))
    found = Calibration(bias.middle, peak_bias.middle, unsure, miss, known, len(scores), summary(scores))
    calibrated_widths = widths * [found.scale_ratio(width) for width in widths]
    return replace(found, tail=tail_from(left / calibrated_widths, weights))


@dataclass(frozen=True)
class _Shrunk:
    middle: float
    sd: float


def _shrunk(misses: Floats, weights: Floats, usual_sd: float, prior_sd: float) -> _Shrunk:
    """Mean of the misses against a prior of none: each is as uncertain as they differ among themselves, and `usual_sd`
    counts as `PSEUDO_CAMPAIGNS` of them."""
    clipped = np.clip(misses, -MISS_MOST, MISS_MOST)
    known = float(weights.sum())
    mean = float(weights @ clipped) / known
    squares = PSEUDO_CAMPAIGNS * usual_sd**2 + float(weights @ (clipped - mean) ** 2)
    said = known * (PSEUDO_CAMPAIGNS + known) / squares
    precision = said + 1.0 / prior_sd**2
    return _Shrunk(said * mean / precision, precision**-0.5)


def _alike(score: Score, kind: str, campaigns_known: float) -> float:
    """How much a past miss says about this forecast: its kind, and how much was known then beside now.

    What is believed without any campaign is worth a quarter of one: how far such a guess was off says little later.
    """
    less, more = sorted((score.campaigns_known + UNTAUGHT, campaigns_known + UNTAUGHT))
    return (1.0 if score.kind == kind else OTHER_KIND) * less / more


def moved(draws: Floats, calibration: Calibration) -> Floats:
    """Draws of one peak corrected as paths are."""
    draws = np.maximum(draws, 1e-9)
    middle, high = np.quantile(draws, [0.5, 0.9])
    scale = calibration.scale_ratio(max(float(np.log(high / middle)) / Z90, WIDTH_LEAST))
    apart = tailed_draws(scale * np.log(draws / middle), calibration.tail)
    return np.asarray(middle * np.exp(calibration.bias + calibration.peak_bias + apart))


def moved_quantiles(p10: float, p50: float, p90: float, p99: float, calibration: Calibration) -> Floats:
    """p10, p50, p90 and p99 of one peak corrected as paths are."""
    apart = np.log(np.maximum([p10, p50, p90, p99], 1e-9) / p50)
    apart = calibration.scale_ratio(max(float(apart[2]) / Z90, WIDTH_LEAST)) * apart
    width = max(float(apart[2]) / Z90, 1e-3)
    apart = tailed(apart, np.array([0.1, 0.5, 0.9, 0.99]), THRESHOLD * width, width, calibration.tail)
    return np.asarray(p50 * np.exp(calibration.bias + calibration.peak_bias + apart))


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
    """Paths [path, service, interval] moved by the bias and stretched around their median; then each one's surroundings
    of its peak so that the total's peaks lie where earlier peaks say. Joint moves stay."""
    if calibration.campaigns == 0:
        return rates
    peaks = rates.sum(axis=1).max(axis=1).astype(np.float64)
    middle, high = np.quantile(np.maximum(peaks, 1e-9), [0.5, 0.9])
    scale = calibration.scale_ratio(max(float(np.log(high / middle)) / Z90, WIDTH_LEAST))
    usual = np.maximum(np.median(rates, axis=0), np.float32(1e-9))
    corrected: Singles = usual * np.exp(
        np.float32(calibration.bias) + np.float32(scale) * np.log(np.maximum(rates, np.float32(1e-9)) / usual)
    )
    total = corrected.sum(axis=1)
    top = np.maximum(total.max(axis=1), np.float32(1e-9))
    corrected *= _pulled(total / top[:, None], np.log(moved(peaks, calibration) / top))[:, None, :]
    return corrected.astype(np.float32)


def _pulled(near: Singles, pull: Floats) -> Singles:
    """Factors [path, interval] that move each path's peak by `pull` [path] and what is lower by less.

    near: the total over its peak [path, interval]. The order of a path's intervals stays, also where the peak falls.
    """
    power = np.minimum(NEAR_PEAK_POWER, MONOTONE / np.maximum(-pull, 1e-9))
    factors: Singles = np.exp((pull[:, None] * near ** power[:, None]).astype(np.float32))
    return factors
