"""The shape within the hour: minutes of World Cup matches given their true hourly totals.

    python benchmarks/forecast/minutes.py FOLDER [LEAD_DAYS]

Every kick-off time with at least three earlier ones. What is known ends LEAD_DAYS (0) before the window opens, an hour
before kick-off; the window is four hours. Every method gets the true total of each hour, so that only the shape within
hours is judged:

- flat: every minute the hour's mean; linear: straight between the middles of hours
- pooled: the mean of earlier slots' minutes, aligned at kick-off; drawn: one earlier slot's minutes on each path
- surgeplan: the paths of the forecast

Bias and error are of the peak minute (the median of the paths' peaks), WAPE is of the median path's minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))

from sets import DataSet, world_cup

from campaign.plan import Plan
from forecast.epochs import HOUR, epoch
from forecast.evidence import known_before
from forecast.learning import learn, predict
from forecast.paths.grid import Grid

Floats = NDArray[np.float64]

MINUTE, WINDOW_SECONDS, NEEDED, PATHS = 60, 4 * HOUR, 3, 400


@dataclass(frozen=True)
class Slot:
    """One kick-off time: its minutes over whole hours (seconds since 1970), what came in each, and which are inside."""

    plan: Plan
    starts: NDArray[np.int64]
    actual: Floats
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """One method on one slot; ratios to the real peak minute."""

    peak_ratio: float
    p90_ratio: float
    wape: float


def slots_of(data: DataSet) -> list[Slot]:
    """The kick-off times whose minutes are all known, in order."""
    (stretch,) = data.evidence.stretches
    rates = dict(zip(stretch.starts.tolist(), stretch.rates.tolist(), strict=True))
    first_plan = {plan.starts_at: plan for plan in reversed(data.plans)}
    slots = []
    for opens, plan in sorted(first_plan.items()):
        at = epoch(opens)
        starts = np.arange(at // HOUR * HOUR, -(-(at + WINDOW_SECONDS) // HOUR) * HOUR, MINUTE)
        actual = np.array([rates.get(int(start), np.nan) for start in starts])
        if not np.isnan(actual).any():
            slots.append(Slot(plan, starts, actual, (starts >= at) & (starts < at + WINDOW_SECONDS)))
    return slots


def with_true_hours(paths: Floats, actual: Floats) -> Floats:
    """Paths [path, minute] scaled so that every hour of every path has the true total."""
    hours, shapes = actual.reshape(-1, 60).mean(axis=1), paths.reshape(len(paths), -1, 60)
    scaled: Floats = (shapes * (hours / shapes.mean(axis=2))[:, :, None]).reshape(paths.shape)
    return scaled


def flat(slot: Slot, earlier: Floats) -> Floats:
    return np.ones((1, len(slot.starts)))


def linear(slot: Slot, earlier: Floats) -> Floats:
    hours = slot.actual.reshape(-1, 60).mean(axis=1)
    return np.interp(slot.starts + MINUTE / 2, slot.starts[::60] + HOUR / 2, hours)[None]


def pooled(slot: Slot, earlier: Floats) -> Floats:
    return with_true_hours(earlier, slot.actual).mean(axis=0)[None]


def drawn(slot: Slot, earlier: Floats) -> Floats:
    return earlier


PEERS: Mapping[str, Callable[[Slot, Floats], Floats]] = {
    "flat": flat, "linear": linear, "pooled": pooled, "drawn": drawn,
}  # fmt: skip


def ours(data: DataSet, slot: Slot, lead: timedelta) -> Floats:
    """The forecast's paths by minute, learned from what was known `lead` before the window opens."""
    as_of = slot.plan.starts_at - lead
    evidence = known_before(data.evidence, epoch(as_of))
    learned = learn(evidence, slot.plan, data.plans, data.settings, as_of)
    grid = Grid(slot.starts, np.full(len(slot.starts), MINUTE))
    return predict(learned, grid, PATHS, 0).rates[:, 0].astype(np.float64)


def earlier_minutes(data: DataSet, slot: Slot, before: int) -> Floats:
    """Minutes of slots that were over by `before` [slot, minute], at the same distance from their kick-off."""
    (stretch,) = data.evidence.stretches
    rates = dict(zip(stretch.starts.tolist(), stretch.rates.tolist(), strict=True))
    opens = epoch(slot.plan.starts_at)
    known = sorted({epoch(plan.starts_at) for plan in data.plans if epoch(plan.starts_at) + WINDOW_SECONDS <= before})
    rows = [[rates.get(int(start) - opens + at, np.nan) for start in slot.starts] for at in known]
    found = np.array(rows, dtype=np.float64).reshape(len(rows), len(slot.starts))
    return found[~np.isnan(found).any(axis=1)]


def score(paths: Floats, slot: Slot) -> Score:
    inside = slot.inside
    given = with_true_hours(paths, slot.actual)[:, inside]
    real, peaks = float(slot.actual[inside].max()), given.max(axis=1)
    off = np.abs(np.median(given, axis=0) - slot.actual[inside]).sum() / slot.actual[inside].sum()
    return Score(float(np.median(peaks)) / real, float(np.quantile(peaks, 0.9)) / real, float(off))


def line(name: str, scores: list[Score]) -> str:
    ratios = np.array([one.peak_ratio for one in scores])
    p90 = np.array([one.p90_ratio for one in scores])
    spread = name in ("drawn", "surgeplan")
    cells = [f"{100 * (ratios.mean() - 1):+.1f} %", f"{100 * np.abs(ratios - 1).mean():.1f} %"]
    cells.append(f"{100 * np.mean([one.wape for one in scores]):.1f} %")
    cells += [f"{(p90 >= 1).sum()}/{len(p90)}", f"{np.median(p90):.2f}"] if spread else ["–", "–"]
    return f"| {name} | " + " | ".join(cells) + " |"


def main(folder: Path, lead: timedelta) -> None:
    data = world_cup(folder / "wc98_web_minute")
    scores: dict[str, list[Score]] = {}
    with threadpool_limits(1):
        for slot in slots_of(data):
            earlier = earlier_minutes(data, slot, epoch(slot.plan.starts_at - lead))
            if len(earlier) < NEEDED:
                continue
            made = {name: peer(slot, earlier) for name, peer in PEERS.items()}
            for name, paths in {**made, "surgeplan": ours(data, slot, lead)}.items():
                scores.setdefault(name, []).append(score(paths, slot))
    print("| method | peak minute: bias | absolute error | WAPE of minutes | in p90 | p90/peak |")
    print("|---|---:|---:|---:|---:|---:|")
    print("\n".join(line(name, found) for name, found in scores.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), timedelta(days=float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
