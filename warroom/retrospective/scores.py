"""How good the forecast was: errors by hour beside plain peers, and peaks and bands of every service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from campaign.traffic import QUANTILES, Peak
from warroom.retrospective.records import MethodScore, ServiceScore
from warroom.retrospective.timeline import Buckets, Floats, Ints, mean_over


@dataclass(frozen=True)
class Band:
    """A service's forecast: quantiles [quantile, interval] in the order of `QUANTILES`, over intervals of `seconds`."""

    starts: Ints
    seconds: Ints
    quantiles: Floats

    @property
    def middle(self) -> Buckets:
        return Buckets(self.starts, self.seconds, self.quantiles[list(QUANTILES).index("p50")])

    def within(self, starts: int, ends: int) -> Band:
        """The intervals that begin in [starts, ends)."""
        keep = (self.starts >= starts) & (self.starts < ends)
        return Band(self.starts[keep], self.seconds[keep], self.quantiles[:, keep])


def wape(real: Floats, forecast: Floats) -> float:
    """Sum of absolute errors over the sum of actuals (weighted absolute percentage error)."""
    return float(np.abs(real - forecast).sum() / max(float(real.sum()), 1e-9))


def method_score(hours: Ints, real: Floats, forecast: Floats, campaign: str | None = None) -> MethodScore | None:
    """Score by hour, over the hours that both know; None where there are none."""
    known = ~np.isnan(real) & ~np.isnan(forecast)
    if not known.any() or float(real[known].max()) <= 0:
        return None
    real, forecast, hours = real[known], forecast[known], hours[known]
    minutes = (int(hours[forecast.argmax()]) - int(hours[real.argmax()])) / 60
    return MethodScore(
        wape_ratio=wape(real, forecast),
        peak_error_ratio=abs(float(forecast.max() / real.max() - 1.0)),
        peak_time_error_minutes=minutes,
        campaign=campaign,
    )


def service_score(real: Buckets, band: Band, peak: Peak, *, has_band: bool = True) -> ServiceScore | None:
    """One service (or their sum) over the campaign; both already cut to its window. None where nothing is known.

    `has_band` is false for a sum of quantiles, whose outer ones lie too far out to be covered fairly.
    """
    known = ~np.isnan(real.rates)
    if not known.any() or float(real.rates[known].max()) <= 0:
        return None
    at = int(np.nanargmax(real.rates))
    top, bucket = float(real.rates[at]), int(real.seconds[at])
    wanted = peak.peak_requests_per_second
    came_at = datetime.fromtimestamp(int(real.starts[at]), UTC)
    came = mean_over(real, band.starts, band.seconds)
    seen = ~np.isnan(came)
    covers = has_band and bucket <= int(band.seconds.min())
    inside = _coverage(came[seen], band.quantiles[:, seen]) if covers else {}
    weights = band.seconds[seen]
    return ServiceScore(
        peak_requests_per_second=top,
        peak_at_utc=came_at,
        bucket_seconds=bucket,
        peak_p50=wanted.p50,
        peak_p90=wanted.p90,
        peak_p99=wanted.p99,
        peak_error_ratio=wanted.p50 / top - 1.0,
        peak_time_error_minutes=(peak.peak_at_utc - came_at).total_seconds() / 60,
        within_p90=top <= wanted.p90,
        within_p99=top <= wanted.p99,
        wape_ratio=wape(came[seen] * weights, band.middle.rates[seen] * weights),
        **inside,
    )


def _coverage(came: Floats, quantiles: Floats) -> Mapping[str, float]:
    p10, _, p90, p99 = quantiles
    return {
        "inside_p10_p90_ratio": float(((came >= p10) & (came <= p90)).mean()),
        "below_p90_ratio": float((came <= p90).mean()),
        "below_p99_ratio": float((came <= p99).mean()),
    }


def summed(parts: Mapping[str, Buckets]) -> Buckets:
    """The services' sum on the intervals of the one with the longest buckets; NaN where any is missing."""
    longest = max(parts.values(), key=lambda b: int(b.seconds.max(initial=0)))
    rates = sum(mean_over(b, longest.starts, longest.seconds) for b in parts.values())
    return Buckets(longest.starts, longest.seconds, np.asarray(rates, dtype=np.float64))


def summed_band(bands: Mapping[str, Band]) -> Band:
    """The services' quantiles added up; only its middle is near that of the sum."""
    first = next(iter(bands.values()))
    return Band(first.starts, first.seconds, np.sum([band.quantiles for band in bands.values()], axis=0))
