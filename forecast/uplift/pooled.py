"""What campaigns add to ordinary traffic: a partially pooled model of all past campaigns at once.

    log y = log( base * exp(rhythm * season) * (staying + shares) + (levels + volumes) * exp(following * season) )
            + before + after + level error + noise

`rhythm` is how much of the day's pattern a campaign of its kind flattens, `staying` the share of ordinary visitors whom
it does not keep away (a holiday empties streets), `following` how much a pull depends on the hour. Shares, levels and
volumes are sums over the plans' terms of exp(log amplitude) * kernel. Log amplitudes and decays have Gaussian priors
(`layout`); the posterior is its Laplace approximation, found by Gauss-Newton steps (Levenberg-Marquardt damping), and
the campaigns' own spread by empirical Bayes. Milliseconds per step, no sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from campaign.plan import Plan
from forecast.baseline.ridge import Baseline
from forecast.baseline.scatter import of_counting, sides
from forecast.uplift.episodes import Block, Standing
from forecast.uplift.layout import (
    AFTER,
    AWAY,
    BEFORE,
    CAMPAIGN_SD,
    FOLLOWING,
    SERVICE_SD,
    SURVIVAL,
    Layout,
    Numbers,
    loadings,
)
from forecast.uplift.shapes import KnownKernels, inside_kinds, inside_window, shoulders
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]

INDEPENDENT_SECONDS, PERSISTENT_SECONDS = 1200.0, 3600.0
NOISE_SD, NOISE_LEAST_SD = 0.12, 0.02
PRIOR_ROWS, OUTLIER = 40.0, 3.0
TAIL_FREEDOM = 5.0
PRIOR_CAMPAIGNS = 4.0
STEPS_FIRST, STEPS_AGAIN, ROUNDS = 25, 6, 3


@dataclass(frozen=True)
class Features:
    """Terms made ready for one block or one forecast grid.

    rows: each term's loading row on the block's service [term, parameter]; offsets: log of typical volumes [term].
    """

    terms: tuple[Term, ...]
    rows: Floats
    offsets: Floats


@dataclass(frozen=True)
class Uplift:
    """The fitted model: posterior mean and covariance of every parameter, and the spreads around it.

    campaign_sd: how much campaigns differ for no reason the plans give; service_sd: the same per service; campaigns:
    how many past ones stand behind that. noise_sd [service]: an interval's deviation, as the fit weighs rows; noise_up,
    noise_down [service]: how far busy intervals lie off on each side, as paths draw it. All on the log scale.
    """

    layout: Layout
    mean: Floats
    covariance: Floats
    campaign_sd: float
    service_sd: float
    campaigns: int
    noise_sd: Floats
    noise_up: Floats
    noise_down: Floats


def with_unlearned(uplift: Uplift, wanted: Layout) -> Uplift:
    """The same fit with room for parameters that nothing past bears on: they are what they are before learning.

    Learning anew with them in the layout would find the same, since no row loads on them, up to how far campaigns
    differ: that spread is shrunk a little by each that has not been yet.
    """
    known = uplift.layout
    new = [name for name in wanted.names if name not in known.index]
    if not new:
        return uplift
    sds = _with_spread(wanted, np.array(wanted.sds), _Spread(uplift.campaign_sd, uplift.service_sd, uplift.noise_sd))
    layout = Layout([*known.names], [*known.means], [*known.sds], {**known.index})
    for name in new:
        layout.add(name, wanted.means[wanted.index[name]], float(sds[wanted.index[name]]))
    first = len(known.names)
    mean = np.concatenate([uplift.mean, layout.means[first:]])
    covariance = np.diag(np.square(layout.sds))
    covariance[:first, :first] = uplift.covariance
    return replace(uplift, layout=layout, mean=mean, covariance=covariance)


def features(
    terms: Sequence[Term],
    plans: Mapping[str, Plan],
    layout: Layout,
    numbers: Numbers,
    volumes: Mapping[str, float],
    service: str,
    stands: Standing,
) -> Features:
    """Loading rows and constant parts of the log amplitudes of `terms` on one service.

    volumes: typical volume per amplitude, so that the exponent turns around it.
    """
    rows = np.zeros((len(terms), len(layout.names)))
    offsets = np.zeros(len(terms))
    for i, term in enumerate(terms):
        typical = volumes.get(term.amplitude, 1.0)
        given = np.log(max(term.volume / typical, 1e-9)) if term.volume is not None else 0.0
        rows[i] = loadings(layout, term, plans[term.campaign], service, numbers, given)
        if term.manner == "volume":
            offsets[i] = np.log(typical) + stands.share
        elif term.manner == "level":
            offsets[i] = stands.level
    return Features(tuple(terms), rows, offsets)


def typical_volumes(terms: Sequence[Term]) -> dict[str, float]:
    """Median volume of each amplitude's terms."""
    given: dict[str, list[float]] = {}
    for term in terms:
        if term.volume:
            given.setdefault(term.amplitude, []).append(term.volume)
    return {name: float(np.median(values)) for name, values in given.items()}


@dataclass(frozen=True)
class Parts:
    """A block's prediction at some parameters, with what its derivatives need.

    staying [row]: ordinary visitors, flatter and without those who stay away; added [row, term]: each term's own part.
    """

    log_rate: Floats
    rate: Floats
    staying: Floats
    added: Floats


def decay_of(term: Term, layout: Layout, theta: Floats) -> float:
    return float(np.exp(theta[layout.index[f"decay:{term.decay}"]])) if term.decay is not None else 0.0


@dataclass(frozen=True)
class _Rows:
    """A block with everything that does not change while parameters do.

    grid: which of the blocks' different grids is its own; away, survival: the parameters of its kinds; kinds:
    how far each row lies inside a campaign of each [row, kind]; fixed: kernels without a learned decay; used: the
    parameters that the columns of its `_jacobian` load on; mapping: how [column, used].
    """

    block: Block
    grid: tuple[bytes, bytes]
    features: Features
    inside: Floats
    before: Floats
    after: Floats
    level: int
    away: NDArray[np.int64]
    survival: NDArray[np.int64]
    kinds: Floats
    fixed: Mapping[int, Floats]
    used: NDArray[np.int64]
    mapping: Floats


def fit_uplift(
    blocks: Sequence[Block],
    terms: Sequence[Term],
    plans: Mapping[str, Plan],
    layout: Layout,
    numbers: Numbers,
    baseline: Baseline,
) -> Uplift:
    """Posterior of all parameters given the past campaigns' rows; without any row it is the prior."""
    volumes = typical_volumes(terms)
    for block in blocks:
        layout.add(f"level:{block.key}", 0.0, block.level_sd or float(baseline.past_level_sd[block.service]))
    grids = {_grid_of(block): KnownKernels(block.starts, block.ends) for block in blocks}
    ready = []
    for block in blocks:
        of_service = (baseline.services[block.service], block.standing)
        made = features([terms[i] for i in block.terms], plans, layout, numbers, volumes, *of_service)
        ready.append(_rows(block, made, plans, layout, grids[_grid_of(block)]))
    means, sds = np.array(layout.means), np.array(layout.sds)
    theta = means.copy()
    spread = _Spread(CAMPAIGN_SD, SERVICE_SD, np.full(len(baseline.services), NOISE_SD))
    covariance = np.diag(sds**2)
    for turn in range(ROUNDS if ready else 0):
        sds = _with_spread(layout, sds, spread)
        steps = STEPS_FIRST if turn == 0 else STEPS_AGAIN
        theta, covariance = _climb(ready, layout, theta, means, sds, spread.noise, steps)
        spread = _respread(ready, layout, theta, covariance, spread, baseline.scatter.counted)
    learned = {plans[terms[i].campaign].id for block in blocks for i in block.terms}
    busy = _busy_noise(ready, layout, theta, spread.noise, baseline.scatter.counted)
    return Uplift(layout, theta, covariance, spread.campaign, spread.service, len(learned), spread.noise, *busy)


def _rows(block: Block, made: Features, plans: Mapping[str, Plan], layout: Layout, known: KnownKernels) -> _Rows:
    """Made ready; what stands alone is mapped in the order of `_jacobian`'s columns."""
    level = layout.index[f"level:{block.key}"]
    decays = [layout.index[f"decay:{term.decay}"] for term in made.terms if term.decay is not None]
    alone = [*(layout.index[name] for name in (SURVIVAL, FOLLOWING, BEFORE, AFTER)), level, *decays]
    kinds, insides = zip(*inside_kinds(made.terms, plans, block.starts, block.ends), strict=True)
    away, survival = (
        np.array([layout.index[f"{name}:{k}"] for k in kinds], dtype=np.int64) for name in (AWAY, SURVIVAL)
    )
    each = np.eye(len(layout.names))
    mapping = np.vstack([made.rows, each[alone], each[away] + each[layout.index[AWAY]], each[survival]])
    used = np.flatnonzero(mapping.any(axis=0))
    return _Rows(
        block,
        _grid_of(block),
        made,
        inside_window(made.terms, block.starts, block.ends),
        *shoulders(made.terms, block.starts, block.ends),
        level,
        away,
        survival,
        np.column_stack(insides),
        {j: known.of(term, block.season, 0.0) for j, term in enumerate(made.terms) if term.decay is None},
        used,
        mapping[:, used],
    )


def _grid_of(block: Block) -> tuple[bytes, bytes]:
    return block.starts.tobytes(), block.ends.tobytes()


def _kernels(ready: Sequence[_Rows]) -> dict[tuple[bytes, bytes], KnownKernels]:
    """Room for the kernels at one set of parameters: services that saw the same intervals share them."""
    return {rows.grid: KnownKernels(rows.block.starts, rows.block.ends) for rows in ready}


@dataclass(frozen=True)
class _Spread:
    campaign: float
    service: float
    noise: Floats


def _with_spread(layout: Layout, sds: Floats, spread: _Spread) -> Floats:
    changed = sds.copy()
    changed[layout.named("campaign:")] = spread.campaign
    changed[layout.named("own:")] = spread.service
    return changed


def _climb(
    ready: Sequence[_Rows], layout: Layout, theta: Floats, means: Floats, sds: Floats, noise: Floats, steps: int
) -> tuple[Floats, Floats]:
    precision = 1.0 / sds**2
    damping = 1e-2
    place = _place(ready, layout, theta, means, precision, noise)
    gradient, curvature = _slopes(ready, layout, place, means, precision, noise)
    for _ in range(steps):
        move = cho_solve(cho_factor(curvature + damping * np.diag(np.diag(curvature))), gradient)
        tried = _held(layout, place.theta + np.clip(move, -1.0, 1.0))
        there = _place(ready, layout, tried, means, precision, noise)
        if there.cost < place.cost:
            gain = place.cost - there.cost
            place = there
            gradient, curvature = _slopes(ready, layout, place, means, precision, noise)
            damping = max(damping / 4.0, 1e-6)
            if gain < 1e-3:
                break
        else:
            damping *= 8.0
            if damping > 1e4:
                break
    return place.theta, _covariance(curvature, precision)


def _covariance(curvature: Floats, precision: Floats) -> Floats:
    """Posterior covariance with rows counted as they depend on each other.

    Rows are weighed as independent after twenty minutes, which finds the middle well; deviations really last as long as
    the paths' own noise does, so for the spread the same information counts less (composite likelihood with magnitude
    adjustment, Ribatet et al. 2012).
    """
    prior = np.diag(precision)
    adjusted = prior + (curvature - prior) * (INDEPENDENT_SECONDS / PERSISTENT_SECONDS)
    covariance: Floats = cho_solve(cho_factor(adjusted), np.eye(len(precision)))
    return covariance


def _held(layout: Layout, theta: Floats) -> Floats:
    """Exponents stay at zero or above: more reach never means less traffic."""
    held = theta.copy()
    positions = layout.named("exponent:")
    held[positions] = np.maximum(held[positions], 0.0)
    return held


def parts_of(rows: _Rows, layout: Layout, theta: Floats, known: KnownKernels) -> tuple[Parts, Floats]:
    """The block's prediction, and each term's kernel at it [row, term]; known: kernels of the block's grid."""
    shapes = np.column_stack(
        [
            rows.fixed[j] if j in rows.fixed else known.of(term, rows.block.season, decay_of(term, layout, theta))
            for j, term in enumerate(rows.features.terms)
        ]
    )
    return _predict(rows, layout, theta, shapes), shapes


def _predict(rows: _Rows, layout: Layout, theta: Floats, shapes: Floats) -> Parts:
    block, made = rows.block, rows.features
    rhythm = theta[layout.index[SURVIVAL]] * rows.inside + rows.kinds @ theta[rows.survival]
    ordinary = np.exp(block.log_base + rhythm * block.season)
    staying = ordinary * np.exp(-_away(rows, layout, theta).sum(axis=1))
    amplitudes = np.exp(np.clip(made.rows @ theta + made.offsets, -40.0, 40.0))
    share = np.array([t.manner == "share" for t in made.terms])
    hour = np.exp(theta[layout.index[FOLLOWING]] * block.season)
    added = shapes * amplitudes * np.where(share, ordinary[:, None], hour[:, None])
    rate = staying + added.sum(axis=1)
    log_rate = np.log(rate) + theta[rows.level]
    log_rate = log_rate + theta[layout.index[BEFORE]] * rows.before + theta[layout.index[AFTER]] * rows.after
    return Parts(log_rate, rate, staying, added)


def _away(rows: _Rows, layout: Layout, theta: Floats) -> Floats:
    """How many ordinary visitors each kind keeps away, minus the log of the share that stays [row, kind]."""
    found: Floats = rows.kinds * np.exp(theta[layout.index[AWAY]] + theta[rows.away])
    return found


@dataclass(frozen=True)
class _Place:
    """Some parameters, their penalised cost, and each block's prediction there with its terms' kernels."""

    theta: Floats
    cost: float
    predicted: tuple[tuple[Parts, Floats], ...]
    kernels: Mapping[tuple[bytes, bytes], KnownKernels]


def _place(
    ready: Sequence[_Rows], layout: Layout, theta: Floats, means: Floats, precision: Floats, noise: Floats
) -> _Place:
    cost = 0.5 * float(np.sum(precision * (theta - means) ** 2))
    kernels = _kernels(ready)
    predicted = tuple(parts_of(rows, layout, theta, kernels[rows.grid]) for rows in ready)
    for rows, (parts, _) in zip(ready, predicted, strict=True):
        unlikely = _unlikely(rows.block, parts, noise)
        cost += float(np.sum(_effective(rows.block) * 0.5 * (TAIL_FREEDOM + 1.0) * np.log(unlikely)))
    return _Place(theta, cost, predicted, kernels)


def _slopes(
    ready: Sequence[_Rows], layout: Layout, place: _Place, means: Floats, precision: Floats, noise: Floats
) -> tuple[Floats, Floats]:
    """The cost's negative gradient and Gauss-Newton curvature."""
    gradient, curvature = -precision * (place.theta - means), np.diag(precision)
    for rows, (parts, shapes) in zip(ready, place.predicted, strict=True):
        residual, unlikely = rows.block.log_rates - parts.log_rate, _unlikely(rows.block, parts, noise)
        weight = _effective(rows.block) * (TAIL_FREEDOM + 1.0) / (TAIL_FREEDOM * unlikely)
        weight /= _variance(rows.block, noise)
        columns = _jacobian(rows, layout, place.theta, parts, shapes, place.kernels[rows.grid])
        gradient[rows.used] += rows.mapping.T @ (columns.T @ (weight * residual))
        curvature[np.ix_(rows.used, rows.used)] += rows.mapping.T @ ((columns.T * weight) @ columns) @ rows.mapping
    return gradient, curvature


def _unlikely(block: Block, parts: Parts, noise: Floats) -> Floats:
    """How unlikely each row is: one where it is met, growing with the square of the miss (Student t)."""
    unlikely: Floats = 1.0 + (block.log_rates - parts.log_rate) ** 2 / (TAIL_FREEDOM * _variance(block, noise))
    return unlikely


def _effective(block: Block) -> Floats:
    """How many independent rows each row counts as."""
    effective: Floats = np.minimum((block.ends - block.starts) / INDEPENDENT_SECONDS, 1.0)
    return effective


def _variance(block: Block, noise: Floats) -> Floats:
    """Of a row's log rate: the interval's own deviation and the counting of single requests."""
    variance: Floats = noise[block.service] ** 2 + 1.0 / np.maximum(block.counts, 1.0)
    return variance


def _jacobian(rows: _Rows, layout: Layout, theta: Floats, parts: Parts, shapes: Floats, known: KnownKernels) -> Floats:
    """Derivatives of the log rate by the terms' log amplitudes and the parameters that stand alone [row, column]."""
    block, made = rows.block, rows.features
    shared = (parts.staying + parts.added[:, [t.manner == "share" for t in made.terms]].sum(axis=1)) / parts.rate
    pulled = np.exp(theta[layout.index[FOLLOWING]] * block.season) / parts.rate
    columns = [parts.added / parts.rate[:, None], shared * block.season * rows.inside, (1.0 - shared) * block.season]
    columns += [rows.before, rows.after, np.ones(len(block.starts))]
    for j, term in enumerate(made.terms):
        if term.decay is not None:
            decay = decay_of(term, layout, theta)
            slope = (known.of(term, block.season, decay * 1.01) - shapes[:, j]) / np.log(1.01)
            columns.append(slope * np.exp(np.clip(made.rows[j] @ theta + made.offsets[j], -40.0, 40.0)) * pulled)
    columns.append(-(parts.staying / parts.rate)[:, None] * _away(rows, layout, theta))
    columns.append((shared * block.season)[:, None] * rows.kinds)
    return np.column_stack(columns)


def _respread(
    ready: Sequence[_Rows], layout: Layout, theta: Floats, covariance: Floats, spread: _Spread, counted: Floats
) -> _Spread:
    """Empirical Bayes: the campaigns' spread and the noise that the residuals show beside counting, shrunk to the
    prior."""
    variances = np.diag(covariance)
    kernels = _kernels(ready)
    own = [layout.index[f"campaign:{c}"] for c in sorted({t.campaign for r in ready for t in r.features.terms})]
    campaign = _shrunk(CAMPAIGN_SD, theta[own] ** 2 + variances[own])
    per_service = layout.named("own:")
    service = _shrunk(SERVICE_SD, theta[per_service] ** 2 + variances[per_service])
    noise = []
    for s in range(len(counted)):
        total, weight = PRIOR_ROWS * NOISE_SD**2, PRIOR_ROWS
        for rows in ready:
            if rows.block.service == s:
                log_rate = parts_of(rows, layout, theta, kernels[rows.grid])[0].log_rate
                counting = counted[s] * _counting(rows.block, log_rate)
                clipped = _without_outliers(rows.block.log_rates - log_rate, spread.noise[s], counting)
                effective = _effective(rows.block)
                total += float(np.sum(effective * (clipped**2 - counting)))
                weight += float(np.sum(effective))
        noise.append(max(np.sqrt(max(total, 0.0) / weight), NOISE_LEAST_SD))
    return _Spread(campaign, service, np.array(noise))


def _busy_noise(
    ready: Sequence[_Rows], layout: Layout, theta: Floats, noise: Floats, counted: Floats
) -> tuple[Floats, Floats]:
    """How far campaigns' intervals lie off, up and down [service]: each counts by its traffic beside its block's."""
    found, kernels = [], _kernels(ready)
    for s, usual in enumerate(noise):
        left, weights, counting = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
        for rows in (r for r in ready if r.block.service == s):
            log_rate = parts_of(rows, layout, theta, kernels[rows.grid])[0].log_rate
            effective = _effective(rows.block)
            busy = np.exp(log_rate - log_rate.max())
            left.append(rows.block.log_rates - log_rate)
            weights.append(effective * busy / busy.mean())
            counting.append(counted[s] * _counting(rows.block, log_rate))
        beside = np.concatenate(counting)
        clipped = _without_outliers(np.concatenate(left), usual, beside)
        found.append(sides(clipped, np.concatenate(weights), beside, NOISE_SD, PRIOR_ROWS / 2.0))
    up, down = np.array(found).T
    return up, down


def _without_outliers(left: Floats, noise_sd: float, counting: Floats) -> Floats:
    """Deviations [row] cut where they are too far off for an interval's own and for counting."""
    most = OUTLIER * np.sqrt(noise_sd**2 + counting)
    return np.clip(left, -most, most)


def _counting(block: Block, log_rate: Floats) -> Floats:
    """Variance of counting each row's requests where `log_rate` is expected."""
    return of_counting(np.exp(log_rate) * (block.ends - block.starts))


def _shrunk(prior_sd: float, squares: Floats) -> float:
    return float(np.sqrt((PRIOR_CAMPAIGNS * prior_sd**2 + squares.sum()) / (PRIOR_CAMPAIGNS + len(squares))))
