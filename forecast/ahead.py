"""Whether one more send would fit is asked dozens of times: the paths without it are made once, and it is laid on top.

What a send adds does not depend on what else is there (terms add up), so the answers are those of the whole model
asked again with the send in the plan, except that the send does not count towards what is typical of its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Send
from forecast.epochs import MINUTE, epoch
from forecast.ground import ground_of, laid_on
from forecast.learning import Learned, target_settings
from forecast.paths.grid import Grid
from forecast.paths.joint import Draws, amplitudes, decay_nodes
from forecast.uplift.episodes import Standing, standing
from forecast.uplift.pooled import features, typical_volumes
from forecast.uplift.shapes import KnownKernels, kernel_of
from forecast.uplift.terms import Term, send_term

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Ahead:
    """A learned plan's joint paths over a stretch of minutes.

    starts: of its first minute, seconds since 1970. rates: requests per second without another send
    [path, service, minute]; weight: what one request per second that a send brings becomes there. draws: what the
    paths have in common with the send. volumes: typical of each amplitude; standings: of each service over these
    days.
    """

    learned: Learned
    starts: int
    rates: Singles
    weight: Singles
    draws: Draws
    volumes: dict[str, float]
    standings: tuple[Standing, ...]

    @property
    def services(self) -> tuple[str, ...]:
        return self.learned.baseline.services

    def minutes(self, at: datetime, count: int, channel: str = "", send: Send | None = None) -> Singles:
        """Requests per second [path, service, minute] from a minute on, with one more send where one is given.

        All of them must lie in the stretch.
        """
        first = (epoch(at) - self.starts) // MINUTE
        window = slice(first, first + count)
        rates = self.rates[:, :, window]
        assert first >= 0
        assert rates.shape[2] == count
        if send is None:
            return rates
        term = send_term(self.learned.target, channel, send)
        added = self._amplitudes(term)[:, :, None] * self._course(term, window)[:, None, :]
        added *= self.weight[:, :, window]
        added += rates
        return added

    def _amplitudes(self, term: Term) -> Singles:
        """Requests that a send brings in all [path, service], none to services that the campaign does not touch."""
        learned = self.learned
        volumes = {term.amplitude: term.volume or 1.0} | self.volumes
        found = np.zeros((len(self.draws), len(self.services)), dtype=np.float32)
        for s, name in enumerate(self.services):
            if learned.target.touches(name):
                known = (learned.uplift.layout, learned.numbers, volumes, name, self.standings[s])
                found[:, s] = amplitudes(features((term,), learned.plans, *known), self.draws)[:, 0]
        return found

    def _course(self, term: Term, window: slice) -> Singles:
        """When they come, per second [path, minute]."""
        begins = self.starts + MINUTE * np.arange(window.start, window.stop, dtype=np.float64)
        log_decays, node = decay_nodes(term, self.learned.uplift, self.draws)
        none = np.zeros(len(begins))
        kernels = [kernel_of(term, begins, begins + MINUTE, none, float(np.exp(decay))) for decay in log_decays]
        return np.array(kernels, dtype=np.float32)[node]


def ahead_of(learned: Learned, starts: int, minutes: int, paths: int, seed: int) -> Ahead:
    """Paths of `minutes` from `starts` (seconds since 1970, a full minute) on."""
    grid = Grid(starts + MINUTE * np.arange(minutes, dtype=np.int64), np.full(minutes, MINUTE, dtype=np.int64))
    baseline, middles = learned.baseline, (grid.starts + grid.ends) / 2
    ground = ground_of(learned, target_settings(learned, grid), paths, seed)
    kernels, rates = KnownKernels(grid.starts.astype(np.float64), grid.ends.astype(np.float64)), ground.staying
    for s, made in enumerate(ground.settings):
        rates[:, s] += ground.rates(s, laid_on(made, ground.draws).values(), kernels)
    standings = tuple(standing(baseline, s, middles) for s in range(len(baseline.services)))
    return Ahead(learned, starts, rates, ground.pulled, ground.draws, typical_volumes(learned.terms), standings)
