"""Joint sample paths: one draw of everything that is not known, shared by all services, through to requests per second.

Every quantile, peak and total is read off these paths; nothing is ever added up from quantiles (sums of per-service p99
buy 1.37 to 1.40 times the real total peak).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from campaign.plan import Plan
from forecast.baseline.ridge import Baseline
from forecast.baseline.scatter import Scatter, count_factors, two_sided
from forecast.paths.grid import Grid
from forecast.uplift.episodes import Standing, standing
from forecast.uplift.layout import AFTER, AWAY, BEFORE, FOLLOWING, SURVIVAL, Layout, Numbers
from forecast.uplift.pooled import PRIOR_CAMPAIGNS, Features, Uplift, decay_of
from forecast.uplift.pooled import features as features_of
from forecast.uplift.shapes import KnownKernels, inside_kinds, inside_window, kernel_of, shoulders
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)

LEVEL_FREEDOM = 6.0
LEVEL_SHARED = 0.7
NOISE_SHARED = 0.5
ORDINARY_SD_MOST = 0.5
DECAY_NODES = (-1.4, -0.6, 0.0, 0.6, 1.4)


@dataclass(frozen=True)
class Draws:
    """One value per path of everything shared: parameters [path, parameter], level errors [path, service]."""

    theta: Floats
    level: Floats

    def __len__(self) -> int:
        return len(self.theta)


def held(layout: Layout, theta: Floats) -> Floats:
    """Exponents stay at zero or above: more reach never means less traffic."""
    positions = layout.named("exponent:")
    theta[:, positions] = np.maximum(theta[:, positions], 0.0)
    return theta


@dataclass(frozen=True)
class Days:
    """Ordinary traffic of a service over a grid, the same for every version of a plan.

    log_base, season: log rate, and how far each hour lies off its day [interval].
    """

    service: str
    grid: Grid
    log_base: Floats
    season: Floats
    standing: Standing


@dataclass(frozen=True)
class Setting:
    """Everything that paths of one service need besides the draws.

    inside: how far each interval lies inside any campaign; kinds: inside one of each kind.
    """

    days: Days
    features: Features
    inside: Floats
    kinds: tuple[tuple[str, Floats], ...]
    before: Floats
    after: Floats

    @property
    def grid(self) -> Grid:
        return self.days.grid

    @property
    def log_base(self) -> Floats:
        return self.days.log_base

    @property
    def season(self) -> Floats:
        return self.days.season


def draw(uplift: Uplift, baseline: Baseline, paths: int, rng: np.random.Generator) -> Draws:
    """Draw parameters from the posterior, Student-t luck for campaigns not yet seen, and the baseline's level error."""
    layout = uplift.layout
    root = cholesky(uplift.covariance + 1e-10 * np.eye(len(uplift.mean)), lower=True)
    away = rng.standard_normal((paths, len(uplift.mean))) @ root.T
    freedom = PRIOR_CAMPAIGNS + uplift.campaigns
    heavy = np.sqrt(freedom / rng.chisquare(freedom, paths))
    away[:, layout.named("campaign:")] *= heavy[:, None]
    theta = held(layout, uplift.mean + away)
    shared, own = rng.standard_normal((paths, 1)), rng.standard_normal((paths, len(baseline.services)))
    level = np.sqrt(LEVEL_SHARED) * shared + np.sqrt(1.0 - LEVEL_SHARED) * own
    level *= np.sqrt(LEVEL_FREEDOM / rng.chisquare(LEVEL_FREEDOM, (paths, 1)))
    return Draws(theta, level * baseline.level_sd)


def days_of(baseline: Baseline, service: int, grid: Grid) -> Days:
    """A service's ordinary traffic over the grid."""
    middles = (grid.starts.astype(np.float64) + grid.ends.astype(np.float64)) / 2
    log_base, season = baseline.log_at(service, middles), baseline.season_at(service, middles)
    return Days(baseline.services[service], grid, log_base, season, standing(baseline, service, middles))


def setting(
    days: Days,
    terms: Sequence[Term],
    touched: Sequence[frozenset[str]],
    plans: Mapping[str, Plan],
    uplift: Uplift,
    numbers: Numbers,
    volumes: Mapping[str, float],
) -> Setting:
    """A service's terms over its days; `volumes`: typical of each amplitude, as in the fit."""
    own = [term for term, services in zip(terms, touched, strict=True) if days.service in services]
    starts, ends = days.grid.starts.astype(np.float64), days.grid.ends.astype(np.float64)
    made = features_of(own, plans, uplift.layout, numbers, volumes, days.service, days.standing)
    kinds = inside_kinds(own, plans, starts, ends)
    return Setting(days, made, inside_window(own, starts, ends), kinds, *shoulders(own, starts, ends))


def amplitudes(features: Features, draws: Draws) -> Floats:
    """Each term's amplitude on each path [path, term]."""
    found: Floats = np.exp(np.clip(draws.theta @ features.rows.T + features.offsets, -40.0, 40.0))
    return found


def spread_over_decays(setting: Setting, uplift: Uplift, draws: Draws) -> tuple[Singles, Singles, NDArray[np.bool_]]:
    """Amplitudes [path, column], kernels [column, interval] and whether a column is a share of ordinary traffic.

    A term whose decay is uncertain has one column per decay node; each path uses the node nearest to its own decay.
    """
    found = amplitudes(setting.features, draws)
    starts, ends = setting.grid.starts.astype(np.float64), setting.grid.ends.astype(np.float64)
    known = KnownKernels(starts, ends)
    columns, kernels, shares = [], [], []
    for j, term in enumerate(setting.features.terms):
        log_decays, node = decay_nodes(term, uplift, draws)
        for i, log_decay in enumerate(log_decays):
            columns.append(np.where(node == i, found[:, j], 0.0))
            kernels.append(known.of(term, setting.season, float(np.exp(log_decay))))
            shares.append(term.manner == "share")
    if not columns:
        empty = np.zeros((len(draws), 0), dtype=np.float32)
        return empty, np.zeros((0, len(starts)), dtype=np.float32), np.zeros(0, dtype=bool)
    return np.column_stack(columns).astype(np.float32), np.array(kernels, dtype=np.float32), np.array(shares)


def decay_nodes(term: Term, uplift: Uplift, draws: Draws) -> tuple[Floats, NDArray[np.int64]]:
    """Log decays in seconds that stand for all [node], and which of them each path uses [path]."""
    if term.decay is None:
        return np.zeros(1), np.zeros(len(draws), dtype=np.int64)
    logs = draws.theta[:, uplift.layout.index[f"decay:{term.decay}"]]
    places = float(np.mean(logs)) + float(np.std(logs)) * np.array(DECAY_NODES)
    return places, np.abs(logs[:, None] - places).argmin(axis=1)


def expected_paths(setting: Setting, uplift: Uplift, draws: Draws, service: int) -> Singles:
    """Requests per second on each path without the intervals' own noise [path, interval]."""
    columns, kernels, shares = spread_over_decays(setting, uplift, draws)
    factors = staying_paths(setting, uplift, draws)
    if shares.any():
        factors += columns[:, shares] @ kernels[shares]
    rates = ordinary_paths(setting, uplift, draws)
    rates *= factors
    if (~shares).any():
        rates += hour_factors(setting, uplift, draws) * (columns[:, ~shares] @ kernels[~shares])
    rates *= level_factors(setting, uplift, draws, service)
    return rates


def ordinary_paths(setting: Setting, uplift: Uplift, draws: Draws) -> Singles:
    """Requests per second of ordinary days, their pattern flattened as far as a campaign does that [path, interval]."""
    return ordinary_at(setting, uplift.layout, draws.theta.astype(np.float32))


def staying_paths(setting: Setting, uplift: Uplift, draws: Draws) -> Singles:
    """The share of ordinary visitors whom campaigns do not keep away [path, interval]."""
    return staying_at(setting, uplift.layout, draws.theta.astype(np.float32))


def ordinary_at(setting: Setting, layout: Layout, theta: NDArray[Real]) -> NDArray[Real]:
    """`ordinary_paths` at parameters [..., parameter], in their precision [..., interval]."""
    log_rate = setting.log_base.astype(theta.dtype)
    for name, inside in ((SURVIVAL, setting.inside), *((f"{SURVIVAL}:{kind}", own) for kind, own in setting.kinds)):
        log_rate = log_rate + theta[..., layout.index[name], None] * (setting.season * inside).astype(theta.dtype)
    return np.exp(log_rate)


def staying_at(setting: Setting, layout: Layout, theta: NDArray[Real]) -> NDArray[Real]:
    """`staying_paths` at parameters [..., parameter], in their precision [..., interval]."""
    away = np.zeros((*theta.shape[:-1], len(setting.log_base)), dtype=theta.dtype)
    for kind, inside in setting.kinds:
        log_away = theta[..., layout.index[AWAY]] + theta[..., layout.index[f"{AWAY}:{kind}"]]
        away += np.exp(log_away)[..., None] * inside.astype(theta.dtype)
    return np.exp(-away)


def hour_factors(setting: Setting, uplift: Uplift, draws: Draws) -> Singles:
    """How much more or less what is added brings at an hour than at the day's usual one [path, interval]."""
    following = draws.theta[:, uplift.layout.index[FOLLOWING]].astype(np.float32)
    factors: Singles = np.exp(following[:, None] * setting.season.astype(np.float32))
    return factors


def level_factors(setting: Setting, uplift: Uplift, draws: Draws, service: int) -> Singles:
    """The baseline's level error, and the waiting before a campaign and the exhaustion after it [path, interval]."""
    edges = draws.theta[:, [uplift.layout.index[BEFORE], uplift.layout.index[AFTER]]].astype(np.float32)
    log_factor = edges @ np.stack([setting.before, setting.after]).astype(np.float32)
    factors: Singles = np.exp(log_factor + draws.level[:, service, None].astype(np.float32))
    return factors


def interval_noise(scatter: Scatter, seconds: NDArray[np.int64], paths: int, rng: np.random.Generator) -> Singles:
    """Standard normal deviations that last a while [path, service, interval]; half of them shared by all services."""
    services = len(scatter.correlation)
    noise = np.empty((paths, services, len(seconds)), dtype=np.float32)
    own, shared = np.zeros((paths, services)), np.zeros((paths, services))
    for i in range(len(seconds)):
        keep = np.zeros(services) if i == 0 else scatter.kept_ratio(float(seconds[i - 1]))
        fresh = np.sqrt(1.0 - keep**2)
        own = keep * own + fresh * rng.standard_normal((paths, services))
        shared = keep * shared + fresh * rng.standard_normal((paths, 1))
        noise[:, :, i] = np.sqrt(NOISE_SHARED) * shared + np.sqrt(1.0 - NOISE_SHARED) * own
    return noise


def joint_paths(
    settings: Sequence[Setting],
    uplift: Uplift,
    baseline: Baseline,
    draws: Draws,
    minute_sd: Floats,
    rng: np.random.Generator,
) -> Singles:
    """Requests per second [path, service, interval]; `minute_sd` [service] is a single minute's own deviation."""
    rates = noise_factors(settings, uplift, baseline, len(draws), minute_sd, rng)
    for s, made in enumerate(settings):
        rates[:, s] *= expected_paths(made, uplift, draws, s)
    return rates


def noise_factors(
    settings: Sequence[Setting],
    uplift: Uplift,
    baseline: Baseline,
    paths: int,
    minute_sd: Floats,
    rng: np.random.Generator,
) -> Singles:
    """The intervals' own noise, around one [path, service, interval]."""
    seconds = settings[0].grid.seconds
    noise = interval_noise(baseline.scatter, seconds, paths, rng)
    alone = minute_sd[:, None] * np.sqrt(60.0 / np.maximum(seconds, 60))
    for s, made in enumerate(settings):
        up, down = (
            np.minimum(outside[s], ORDINARY_SD_MOST) * (1.0 - made.inside) + within[s] * made.inside
            for outside, within in ((baseline.scatter.up, uplift.noise_up), (baseline.scatter.down, uplift.noise_down))
        )
        noise[:, s] = two_sided(noise[:, s], up, down)
        noise[:, s] += (rng.standard_normal(noise[:, s].shape, dtype=np.float32) * alone[s]).astype(np.float32)
    factors: Singles = np.exp(noise, out=noise)
    for s, counted in enumerate(baseline.scatter.counted):
        if counted > 0.0:
            factors[:, s] *= count_factors(middle_rate(settings[s], uplift) * seconds, float(counted), paths, rng)
    return factors


def median_decay(term: Term, uplift: Uplift) -> float:
    """The term's decay in seconds at the posterior's middle."""
    return decay_of(term, uplift.layout, uplift.mean)


def middle_rate(setting: Setting, uplift: Uplift) -> Floats:
    """Requests per second in the middle of the posterior, without luck or noise [interval]."""
    rate = ordinary_at(setting, uplift.layout, uplift.mean) * staying_at(setting, uplift.layout, uplift.mean)
    for scaled in added_rates(setting, uplift):
        rate = rate + scaled
    return np.asarray(rate)


def added_rates(setting: Setting, uplift: Uplift) -> Iterator[Floats]:
    """What each term adds in the middle of the posterior [interval], in the setting's order."""
    starts, ends = setting.grid.starts.astype(np.float64), setting.grid.ends.astype(np.float64)
    logs = setting.features.rows @ uplift.mean + setting.features.offsets
    for term, log_amplitude in zip(setting.features.terms, np.clip(logs, -40.0, 40.0), strict=True):
        shape = kernel_of(term, starts, ends, setting.season, median_decay(term, uplift))
        yield shape * float(np.exp(log_amplitude)) * added_scale(setting, uplift, term.manner == "share")


def added_scale(setting: Setting, uplift: Uplift, share: bool) -> Floats:
    """What a term's kernel is multiplied by besides its amplitude, in the middle of the posterior."""
    if share:
        return ordinary_at(setting, uplift.layout, uplift.mean)
    return np.asarray(np.exp(uplift.mean[uplift.layout.index[FOLLOWING]] * setting.season))
