"""Joint paths taken apart: what chance and ordinary days make of them, and what the plans' terms lay on top.

    rate = ordinary * (1 + shares) + pulled * (levels and volumes)

Versions of one plan share the ground and differ in few terms, so that what another version does is found by laying on
what it has otherwise: the same, up to rounding, as drawing all of it anew with the same chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from forecast.learning import Learned, joint_draws
from forecast.paths.grid import Grid
from forecast.paths.joint import (
    Days,
    Draws,
    Setting,
    amplitudes,
    decay_nodes,
    held,
    hour_factors,
    level_factors,
    noise_factors,
    ordinary_paths,
    staying_paths,
)
from forecast.uplift.pooled import Uplift
from forecast.uplift.shapes import KnownKernels, form_of
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

Laid = Mapping[Hashable, tuple[Term, Floats]]
"""What terms of each form in time bring to one service, together: one of them, and their amplitudes [path]."""


@dataclass(frozen=True)
class Ground:
    """The part of joint paths that no amplitude is in.

    ordinary: requests per second of ordinary days; staying: of them, without the visitors whom campaigns keep away;
    pulled: what one request per second that a term brings becomes there [path, service, interval]. uplift: whose
    parameters were drawn; settings: the intervals and the windows.
    """

    uplift: Uplift
    settings: tuple[Setting, ...]
    draws: Draws
    ordinary: Singles
    staying: Singles
    pulled: Singles
    decays: dict[str | None, tuple[Floats, NDArray[np.int64]]] = field(default_factory=dict)

    def days(self, learned: Learned, grid: Grid) -> tuple[Days, ...] | None:
        """Ordinary traffic over a grid, if it is this one's; None where something else was learned, too."""
        mine = self.settings[0].grid
        same = np.array_equal(mine.starts, grid.starts) and np.array_equal(mine.seconds, grid.seconds)
        fitted_together = self.uplift.noise_sd is learned.uplift.noise_sd
        return tuple(made.days for made in self.settings) if same and fitted_together else None

    def holds(self, settings: Sequence[Setting]) -> bool:
        """Whether another version, over the same days, has the same windows."""
        return all(
            np.array_equal(mine.inside, its.inside)
            and [kind for kind, _ in mine.kinds] == [kind for kind, _ in its.kinds]
            and all(np.array_equal(a, b) for (_, a), (_, b) in zip(mine.kinds, its.kinds, strict=True))
            and np.array_equal(mine.before, its.before)
            and np.array_equal(mine.after, its.after)
            for mine, its in zip(self.settings, settings, strict=True)
        )

    def known_of(self, learned: Learned) -> Ground:
        """The same ground for a version with other parameters without a past: each is drawn by itself, by its name."""
        uplift, mine = learned.uplift, self.uplift.layout.index
        if uplift is self.uplift:
            return self
        theta = np.empty((len(self.draws), len(uplift.mean)))
        for i, name in enumerate(uplift.layout.names):
            theta[:, i] = self.draws.theta[:, mine[name]] if name in mine else self._drawn(uplift, i, name)
        draws = Draws(held(uplift.layout, theta), self.draws.level)
        return replace(self, uplift=uplift, draws=draws, decays=dict(self.decays))

    def _drawn(self, uplift: Uplift, position: int, name: str) -> Floats:
        luck = np.random.default_rng([0, crc32(name.encode())]).standard_normal(len(self.draws))
        drawn: Floats = uplift.mean[position] + np.sqrt(uplift.covariance[position, position]) * luck
        return drawn

    def rates(self, service: int, laid: Iterable[tuple[Term, Floats]], kernels: KnownKernels) -> Singles:
        """Requests per second that terms add to a service [path, interval]."""
        shares, others = _Sum(), _Sum()
        season = self.settings[service].season
        for term, amplitude in laid:
            log_decays, node = self._decays(term)
            for i, log_decay in enumerate(log_decays):
                column = np.where(node == i, amplitude, 0.0)
                (shares if term.manner == "share" else others).add(
                    column, kernels.of(term, season, float(np.exp(log_decay)))
                )
        added: Singles = np.zeros(self.ordinary[:, service].shape, dtype=np.float32)
        for part, of_one in ((shares, self.ordinary), (others, self.pulled)):
            if part.columns:
                added += of_one[:, service] * part.paths()
        return added

    def _decays(self, term: Term) -> tuple[Floats, NDArray[np.int64]]:
        found = self.decays.get(term.decay)
        if found is None:
            found = self.decays[term.decay] = decay_nodes(term, self.uplift, self.draws)
        return found


@dataclass
class _Sum:
    """Amplitudes [path] and kernels [interval] that are multiplied and added up."""

    columns: list[Floats] = field(default_factory=list)
    kernels: list[Floats] = field(default_factory=list)

    def add(self, column: Floats, kernel: Floats) -> None:
        self.columns.append(column)
        self.kernels.append(kernel)

    def paths(self) -> Singles:
        left = np.column_stack(self.columns).astype(np.float32)
        paths: Singles = left @ np.array(self.kernels, dtype=np.float32)
        return paths


def ground_of(learned: Learned, settings: tuple[Setting, ...], paths: int, seed: int) -> Ground:
    """The same for the same seed, with the draws and the noise of a prediction."""
    draws, rng = joint_draws(learned, paths, seed)
    uplift = learned.uplift
    pulled = noise_factors(settings, uplift, learned.baseline, paths, learned.minute_sd, rng)
    ordinary, staying = np.empty_like(pulled), np.empty_like(pulled)
    for s, made in enumerate(settings):
        pulled[:, s] *= level_factors(made, uplift, draws, s)
        ordinary[:, s] = pulled[:, s] * ordinary_paths(made, uplift, draws)
        staying[:, s] = ordinary[:, s] * staying_paths(made, uplift, draws)
        pulled[:, s] *= hour_factors(made, uplift, draws)
    return Ground(uplift, settings, draws, ordinary, staying, pulled)


def laid_on(setting: Setting, draws: Draws) -> Laid:
    """What the terms bring to a service, those of one form in time together."""
    found = amplitudes(setting.features, draws)
    laid: dict[Hashable, tuple[Term, Floats]] = {}
    for j, term in enumerate(setting.features.terms):
        form = form_of(term)
        before = laid.get(form)
        laid[form] = (term, found[:, j] if before is None else before[1] + found[:, j])
    return laid


def otherwise(laid: Laid, before: Laid) -> list[tuple[Term, Floats]]:
    """What has to be laid on where `before` lies already."""
    none = np.zeros(1)
    changed = []
    for form, (term, _) in {**before, **laid}.items():
        new, old = (lying[form][1] if form in lying else none for lying in (laid, before))
        if not np.array_equal(new, old):
            changed.append((term, new - old))
    return changed
