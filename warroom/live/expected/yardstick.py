"""What everything is compared with: the frozen forecast, and its sample paths kept where no newer forecast reaches.

The bundle has quantiles only. `out/<id>/live/<model>.npz` has what needs paths: the bands of hours and of all services
together, and enough paths to forecast the rest of the event. It is made while `out/<id>/` still holds that very model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from campaign.demand import DemandPaths
from campaign.files import sha256, write_bytes
from campaign.plan import Plan
from campaign.store.events import Event
from campaign.traffic import QUANTILES, TrafficPaths
from campaign.workspace import Workspace
from forecast.epochs import HOUR, epochs
from playbooks.readiness.standing import standing
from warroom.handed import Handed, handed_over, seconds_of, table_of
from warroom.live.records import Yardstick
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets, Floats, Ints, mean_over
from warroom.service.kept import stamp_of
from warroom.whole import LEVELS, kept_file, stored_total, total_of

PATHS_MOST = 500
BYTES_MOST = 64 * 1024 * 1024
TOTAL = "total"
MINUTE = 60


@dataclass(frozen=True)
class Expected:
    """The yardstick's figures. bands: by service and interval, `total` among them; hours: by metric and hour.

    paths_file: where its sample paths are kept, None where they are gone. replaced: see `Yardstick`.
    """

    handed: Handed
    bands: dict[str, Band]
    hours: dict[str, Band]
    paths_file: Path | None
    replaced: bool

    def record(self) -> Yardstick:
        return Yardstick(
            self.handed.bundle,
            self.handed.model_hash,
            self.handed.model.as_of_utc,
            self.handed.bundle is not None,
            self.replaced,
            self.paths_file is not None,
        )

    def paths(self) -> TrafficPaths | None:
        """Joint sample paths of the whole campaign; None where they are gone."""
        return _kept_paths(str(self.paths_file), stamp_of(self.paths_file)) if self.paths_file else None


NO_YARDSTICK = Yardstick(None, None, None, False, False, False)


def expected_of(workspace: Workspace, plan: Plan, events: Sequence[Event], *, keeping: bool = False) -> Expected | None:
    """The frozen forecast (the newest before a freeze); None where nothing was ever forecast.

    keeping: whether what needs paths may be made and kept now; a page only reads what a sync kept.

    Raises:
        UserError: a file of it is gone or cannot be read.
    """
    out = workspace.out(plan.id)
    freeze = standing(events, plan.id).freeze
    if freeze is None and not (out / "traffic.json").is_file():
        return None
    folder = out / "frozen" / str(freeze.body["bundle"]) / "out" / plan.id if freeze else out
    files = [folder / name for name in ("traffic.json", "traffic.csv", "demand.csv")]
    stamps = tuple(map(stamp_of, (*files, out / "traffic.json", *sorted((out / "live").glob("*.npz")))))
    kept = _REMEMBERED.get((str(workspace.folder), plan.id))
    if kept is not None and kept[0] == stamps and (kept[1].paths_file is not None or not keeping):
        return kept[1]
    made = _read(workspace, plan, events, keeping)
    _REMEMBERED[str(workspace.folder), plan.id] = (stamps, made)
    return made


_REMEMBERED: dict[tuple[str, str], tuple[object, Expected]] = {}


def _read(workspace: Workspace, plan: Plan, events: Sequence[Event], keeping: bool) -> Expected:
    handed = handed_over(workspace, plan, events)
    newest = workspace.out(plan.id) / "traffic.json"
    replaced = newest.is_file() and sha256(newest) != handed.model_hash
    kept = _kept_beside(workspace, plan, handed, may_make=keeping and not replaced)
    if kept is None:
        hours = _hours_of_files(workspace, handed)
        return Expected(handed, handed.bands | {TOTAL: _summed(handed.bands)}, hours, None, replaced)
    with np.load(kept, allow_pickle=False) as stored:
        total = stored_total(stored)
        hours = {str(name): _known(stored["hours"], stored[f"hours_{name}"]) for name in stored["measures"]}
    return Expected(handed, handed.bands | {TOTAL: total}, hours, kept, replaced)


def _known(hours: Ints, quantiles: Floats) -> Band:
    known = np.isfinite(quantiles).all(axis=0)
    return Band(hours[known], np.full(int(known.sum()), HOUR), quantiles[:, known])


def _kept_beside(workspace: Workspace, plan: Plan, handed: Handed, *, may_make: bool) -> Path | None:
    """The kept paths of this model, made now if they may and can be."""
    out = workspace.out(plan.id)
    kept = kept_file(out, handed)
    if kept.is_file():
        return kept
    if not may_make or not (out / "traffic_paths.npz").is_file():
        return None
    paths = TrafficPaths.load(out / "traffic_paths.npz")
    demand_file = out / "demand_paths.npz"
    demand = DemandPaths.load(demand_file) if demand_file.is_file() else None
    _keep(kept, paths, hours_of_paths(paths, demand))
    return kept


def _keep(file: Path, paths: TrafficPaths, hours: dict[str, Band]) -> None:
    rates = paths.requests_per_second
    count = max(1, min(PATHS_MOST, BYTES_MOST // max(rates[0].nbytes, 1), len(rates)))
    chosen = rates[np.linspace(0, len(rates) - 1, count).astype(int)]
    total = total_of(paths).quantiles
    grid = hours["requests"].starts
    write_bytes(
        file,
        lambda stream: np.savez(
            stream,
            requests_per_second=chosen,
            services=np.array(paths.services),
            starts_at_utc=paths.starts_at_utc.astype("datetime64[s]"),
            seconds=paths.seconds.astype(np.int64),
            total=total,
            hours=grid,
            measures=np.array(list(hours)),
            **{f"hours_{name}": _on(grid, band) for name, band in hours.items()},  # type: ignore[arg-type]
        ),
    )


def _on(grid: Ints, band: Band) -> Floats:
    """A band's quantiles [quantile, hour] on the grid's hours, NaN where it has none."""
    found = np.full((len(LEVELS), len(grid)), np.nan)
    common, ours, theirs = np.intersect1d(grid, band.starts, return_indices=True)
    if len(common):
        found[:, ours] = band.quantiles[:, theirs]
    return found


@lru_cache(maxsize=4)
def _kept_paths(file: str, _stamp: object) -> TrafficPaths:
    return TrafficPaths.load(Path(file))


def hours_of_paths(paths: TrafficPaths, demand: DemandPaths | None) -> dict[str, Band]:
    """Bands of whole hours by metric, each quantile of that very figure over the paths.

    `peak` only in hours that the forecast knows by the minute.
    """
    starts = epochs(paths.starts_at_utc)
    numbers = starts // HOUR
    at = np.flatnonzero(np.concatenate([[True], np.diff(numbers) != 0]))
    lengths = np.add.reduceat(paths.seconds, at)
    total = paths.requests_per_second.sum(axis=1, dtype=np.float64)
    means = np.add.reduceat(total * paths.seconds, at, axis=1) / lengths
    peaks = np.maximum.reduceat(total, at, axis=1)
    whole = lengths == HOUR
    fine = whole & (np.maximum.reduceat(paths.seconds, at) <= MINUTE)
    hours = numbers[at] * HOUR
    found = {"requests": _band(hours[whole], means[:, whole]), "peak": _band(hours[fine], peaks[:, fine])}
    if demand is not None:
        contacts = demand.contacts.sum(axis=1, dtype=np.float64).reshape(len(demand.contacts), -1, 2).sum(axis=2)
        found["orders"] = _band(epochs(demand.hours_utc), demand.orders.astype(np.float64))
        found["contacts"] = _band(epochs(demand.half_hours_utc)[::2], contacts)
    return {name: band for name, band in found.items() if len(band.starts) and band.quantiles.max() > 0}


def _band(hours: Ints, draws: Floats) -> Band:
    return Band(hours, np.full(len(hours), HOUR), np.quantile(draws, LEVELS, axis=0))


def _hours_of_files(workspace: Workspace, handed: Handed) -> dict[str, Band]:
    """The same from quantiles alone: means and sums of quantiles lie a little too far out, so alerts come later."""
    total = _summed(handed.bands)
    hours = np.unique(total.starts // HOUR) * HOUR
    length = np.full(len(hours), HOUR)
    means = np.array([mean_over(Buckets(total.starts, total.seconds, row), hours, length) for row in total.quantiles])
    whole = np.isfinite(means).all(axis=0)
    found = {"requests": Band(hours[whole], length[whole], means[:, whole])}
    file = handed.folder / "demand.csv"
    if file.is_file():
        frame = table_of(file, workspace, ["seconds", "measure", *QUANTILES])
        for name in ("orders", "contacts"):
            rows = frame[frame["measure"] == name]
            at, inverse = np.unique(seconds_of(rows["starts_at_utc"]) // HOUR * HOUR, return_inverse=True)
            sums = np.zeros((len(LEVELS), len(at)))
            np.add.at(sums.T, inverse, rows[list(QUANTILES)].to_numpy())
            if len(at) and sums.max() > 0:
                found[name] = Band(at, np.full(len(at), HOUR), sums)
    return found


def _summed(bands: dict[str, Band]) -> Band:
    """All services together, quantile by quantile, over the intervals that every one has."""
    first = next(iter(bands.values()))
    same = [band for band in bands.values() if np.array_equal(band.starts, first.starts)]
    return Band(first.starts, first.seconds, np.sum([band.quantiles for band in same], axis=0))
