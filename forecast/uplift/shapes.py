"""Terms as shapes in time: which kernel answers which term, and how windows open, close and throw shadows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from forecast.epochs import DAY, HOUR
from forecast.uplift import kernels
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]

SHOULDER_SECONDS = 4.0 * HOUR
SATURATION = 0.7


def kernel_of(term: Term, starts: Floats, ends: Floats, season: Floats, decay_seconds: float) -> Floats:
    """The term's kernel over buckets (seconds since 1970)."""
    a, b = starts - term.starts, ends - term.starts
    length = float(max(term.ends - term.starts, 60))
    if term.kernel == "pulse":
        return kernels.pulse(a, b, term.sending_seconds, decay_seconds)
    if term.kernel == "spike":
        return _at_instant(term, lambda x, y: kernels.spike(x, y, decay_seconds), a, b)
    if term.kernel == "surge":
        rise = kernels.SPIKE_RISE_SECONDS if term.sudden else kernels.SURGE_RISE_SECONDS
        return kernels.spike(a, b, decay_seconds, rise)
    if term.kernel == "ramp":
        gathering = kernels.RAMP_SECONDS if term.decay is None else decay_seconds
        return _at_instant(term, lambda x, y: kernels.ramp(x, y, gathering), a, b)
    if term.kernel == "opening":
        return _opening(term, a, b) * (starts < term.ends)
    if term.kernel == "closing":
        closing = kernels.ramp(starts - term.ends, ends - term.ends, 2.0 * HOUR)
        return closing * (kernels.soft(a, b) if term.soft else ends > term.starts)
    if term.kernel == "spend":
        stock: Floats = (kernels.adstock(a, b, length) * DAY / length) ** SATURATION / DAY
        return stock * np.exp(season)
    shape = kernels.plateau(a, b, length)
    if term.soft:
        shape = np.clip(kernels.soft(a, b) - (kernels.plateau(a, b, 1e9) - shape), 0.0, 1.0)
    return shape / length if term.manner == "volume" else shape


def form_of(term: Term) -> Hashable:
    """What a term's kernel depends on besides a service's day: how many come, and where to, is not in it."""
    return (
        *(term.kernel, term.manner, term.starts, term.ends, term.sending_seconds),
        *(term.soft, term.sudden, term.decay),
    )


class KnownKernels:
    """Kernels over one grid's buckets, each computed once for all services, and for plans that differ elsewhere.

    starts, ends: seconds since 1970 [interval].
    """

    def __init__(self, starts: Floats, ends: Floats, like: KnownKernels | None = None) -> None:
        self.starts, self.ends = starts, ends
        same = like is not None and np.array_equal(like.starts, starts) and np.array_equal(like.ends, ends)
        self._known: dict[tuple[Hashable, float], Floats] = dict(like._known) if like is not None and same else {}

    def of(self, term: Term, season: Floats, decay_seconds: float) -> Floats:
        """`kernel_of` over the buckets."""
        if term.kernel == "spend":  # the only one that follows a service's own day
            return kernel_of(term, self.starts, self.ends, season, decay_seconds)
        key = (form_of(term), decay_seconds)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = kernel_of(term, self.starts, self.ends, season, decay_seconds)
        return known


def _at_instant(term: Term, kernel: Callable[[Floats, Floats], Floats], a: Floats, b: Floats) -> Floats:
    """Clocks open sales to the second; a half-time comes when it comes."""
    return kernel(a, b) if term.sudden else kernels.about(kernel, a, b)


def _opening(term: Term, a: Floats, b: Floats) -> Floats:
    """Curiosity at the beginning of a window, gone after some hours."""
    if not term.soft:
        return kernels.spike(a, b, 2.0 * HOUR, 600.0)
    return kernels.averaged(lambda x: kernels.sigmoid(x) * np.exp(-np.maximum(x, 0.0) / (2.0 * HOUR)), a, b)


def inside_window(terms: Sequence[Term], starts: Floats, ends: Floats) -> Floats:
    """How far each bucket lies inside any campaign's window, 0 to 1."""
    windows = [kernel_of(t, starts, ends, starts, 0.0) for t in terms if t.kernel == "plateau"]
    return np.clip(np.max(windows, axis=0), 0.0, 1.0) if windows else np.zeros(len(starts))


def inside_kinds(
    terms: Sequence[Term], plans: Mapping[str, Plan], starts: Floats, ends: Floats
) -> tuple[tuple[str, Floats], ...]:
    """How far each bucket lies inside a campaign of each kind."""
    kinds = sorted({plans[term.campaign].kind for term in terms})
    return tuple(
        (kind, inside_window([t for t in terms if plans[t.campaign].kind == kind], starts, ends)) for kind in kinds
    )


def shoulders(terms: Sequence[Term], starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Kernels of the hours before the next window (waiting) and after the last one (echo or exhaustion)."""
    before, after = np.zeros(len(starts)), np.zeros(len(starts))
    for term in terms:
        if term.kernel == "plateau":
            middle = (starts + ends) / 2
            left = middle - term.starts
            open_by = kernels.sigmoid(left) if term.soft else left >= 0
            waiting = np.exp(np.minimum(left, 0.0) / SHOULDER_SECONDS) * (1.0 - open_by)
            echo = np.exp(-np.maximum(middle - term.ends, 0.0) / SHOULDER_SECONDS) * (middle >= term.ends)
            before, after = np.maximum(before, waiting), np.maximum(after, echo)
    return before, after
