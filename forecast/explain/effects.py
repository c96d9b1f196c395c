"""What each named driver of the plan adds, and how the seconds around a moment share its minutes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import Course, Effect, EffectQuantiles, SecondProfile
from forecast.epochs import epoch, moment_of
from forecast.learning import Learned, Prediction, target_settings
from forecast.paths.grid import Grid
from forecast.paths.joint import Setting, added_scale, amplitudes, median_decay, middle_rate
from forecast.uplift.pooled import Uplift
from forecast.uplift.shapes import kernel_of
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]

PROFILE_SECONDS = (-120, 300)
GONE_RATIO = 0.01


def effects_of(learned: Learned, prediction: Prediction) -> tuple[Effect, ...]:
    """Every driver of the target's own plan on every service it touches, at the instant where it adds most."""
    effects = []
    for service, setting in zip(learned.baseline.services, prediction.settings, strict=True):
        drawn = amplitudes(setting.features, prediction.draws)
        for (driver, _), members in _grouped(setting, learned.target.id).items():
            past = _past_with([setting.features.terms[i] for i in members], learned)
            effects.append(_effect(driver, members, service, setting, drawn, learned.uplift, prediction, past))
    return tuple(sorted(effects, key=lambda e: (e.at_utc, e.driver, e.service)))


def _grouped(setting: Setting, campaign: str) -> dict[tuple[str, int], list[int]]:
    """Terms of one driver at one instant belong together; the campaign's own three are one."""
    groups: dict[tuple[str, int], list[int]] = {}
    for i, term in enumerate(setting.features.terms):
        if term.campaign == campaign:
            groups.setdefault((term.driver, term.starts), []).append(i)
    return groups


def _effect(
    driver: str,
    members: list[int],
    service: str,
    setting: Setting,
    drawn: Floats,
    uplift: Uplift,
    prediction: Prediction,
    past_campaigns: int,
) -> Effect:
    starts, ends = setting.grid.starts.astype(np.float64), setting.grid.ends.astype(np.float64)
    terms = [setting.features.terms[i] for i in members]
    shapes = np.array([kernel_of(t, starts, ends, setting.season, median_decay(t, uplift)) for t in terms])
    shapes = shapes * np.array([added_scale(setting, uplift, t.manner == "share") for t in terms])
    top = int((np.median(drawn[:, members], axis=0) @ shapes).argmax())
    level = np.exp(prediction.draws.level[:, _position(service, prediction)])
    p10, p50, p90 = (float(q) for q in np.quantile(level * (drawn[:, members] @ shapes[:, top]), [0.1, 0.5, 0.9]))
    quantiles = EffectQuantiles(p10=p10, p50=p50, p90=p90)
    at = max(float(starts[top]), float(terms[0].starts))
    return Effect(
        driver=driver,
        at_utc=moment_of(at),
        service=service,
        added_requests_per_second=quantiles,
        course=_course(terms[0], setting.grid, np.median(drawn[:, members], axis=0) @ shapes),
        past_campaigns=past_campaigns,
    )


def _course(term: Term, grid: Grid, added: Floats) -> Course | None:
    """Of a send, as long as intervals stay as long and a hundredth of its top is left; None of what is no send."""
    if term.kernel != "pulse" or added.max() <= 0:
        return None
    first = int(np.searchsorted(grid.ends, term.starts, side="right"))
    if first == len(added):
        return None
    seconds = int(grid.seconds[first])
    gone = np.flatnonzero((grid.seconds[first:] != seconds) | (added[first:] < GONE_RATIO * added.max()))
    rising = int(added[first:].argmax())
    last = first + int(next((at for at in gone if at > rising), len(added) - first))
    ratios = tuple(float(f"{ratio:.3g}") for ratio in added[first:last] / added.max())
    return Course(sent_at_utc=moment_of(float(grid.starts[first])), ratios=ratios, seconds=seconds) if ratios else None


def _past_with(terms: Sequence[Term], learned: Learned) -> int:
    """How many past campaigns had one of these terms' like."""
    alike = {term.amplitude for term in terms}
    return len(
        {term.campaign for term in learned.terms if term.amplitude in alike} & {plan.id for plan in learned.past}
    )


def _position(service: str, prediction: Prediction) -> int:
    return prediction.services.index(service)


def second_profiles(learned: Learned, grid: Grid) -> tuple[SecondProfile, ...]:
    """For every moment of the target and service: how two minutes before to five after share their requests."""
    first, last = PROFILE_SECONDS
    profiles = []
    for moment in sorted({m.at for m in learned.target.moments}):
        starts = epoch(moment) + np.arange(first, last, dtype=np.int64)
        fine = Grid(starts, np.ones(len(starts), dtype=np.int64))
        for service, setting in zip(learned.baseline.services, target_settings(learned, fine), strict=True):
            rate = middle_rate(setting, learned.uplift)
            profiles.append(
                SecondProfile(
                    service=service,
                    moment=moment,
                    from_seconds=first,
                    shares=tuple(float(f"{share:.5g}") for share in rate / rate.sum()),
                )
            )
    return tuple(profiles)
