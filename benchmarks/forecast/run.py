"""Past events of real series, each forecast some days before it, beside the peers, in one run.

    .venv/bin/python benchmarks/forecast/run.py ../shared/data [--leads 3 7 21] [--quick] [--unseen] [--kept-in FOLDER]

Prints the tables that README.md shows: mean over events; WAPE by hour, error of the busiest hour, share of busiest
hours inside p90 and p99, head-room paid (median quantile over actual), seconds for each event. The peers are run at the
first lead; further ones are scored on their own. `--quick` takes the last twelve events of each set, for work on the
model; `--unseen` takes made shops that no choice was made by; forecasts are kept in FOLDER until the model or the data
changes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from events import Event, events_of
from sets import SEEN, UNSEEN, DataSet, data_sets

from forecast.backtest.again import Tested, wape
from forecast.backtest.judged import judged_in_order
from forecast.backtest.peers import OURS, PROPHET, PeerForecast
from forecast.backtest.scores_file import BackTestFile, MethodScore, backtest_file, interval
from forecast.epochs import epoch

NEEDED = 3
QUICK = 12
VOLUME_KNOWN = f"{OURS} told each event's volume"
KEPT_IN = Path(tempfile.gettempdir()) / "surgeplan-forecast-benchmark"


@dataclass(frozen=True)
class Result:
    """One set's scores, by how many earlier events there were; volume_known: WAPE of each event's middle brought to the
    volume that came, which leaves the error of its shape."""

    data: DataSet
    made: BackTestFile
    earlier: dict[str, int]
    volume_known: dict[str, float]
    seconds: float

    def methods(self, cold: bool) -> dict[str, list[MethodScore]]:
        """Scores by method: of the events with at least three earlier ones, or of those with fewer."""
        found: dict[str, list[MethodScore]] = defaultdict(list)
        for test in self.made.campaigns:
            if (self.earlier[test.campaign] < NEEDED) == cold:
                for method, score in test.methods.items():
                    found[method].append(score)
        return found

    def mean_wapes(self) -> dict[str, float]:
        """Mean WAPE by method of the events with at least three earlier ones."""
        found = {
            method: float(np.mean([s.wape_ratio for s in scores])) for method, scores in self.methods(False).items()
        }
        known = [one for name, one in self.volume_known.items() if self.earlier[name] >= NEEDED]
        return found | {VOLUME_KNOWN: float(np.mean(known))} if found else {}


def wape_with_volume(tested: Tested) -> float:
    """WAPE of the middle brought to the volume that came."""
    known = ~np.isnan(tested.actual)
    actual, middle = tested.actual[known], tested.middle[known]
    return wape(actual, middle * actual.sum() / middle.sum())


def result(data: DataSet, events: Sequence[Event], lead_days: float) -> Result:
    """Every event stacked and calibrated by those that were over before it."""
    judged = judged_in_order([event.tested for event in events])
    peers: dict[str, tuple[PeerForecast, ...]] = {e.tested.score.campaign: e.peers for e in events}
    seconds = float(np.mean([event.seconds for event in events])) if events else 0.0
    earlier = {
        one.score.campaign: sum(epoch(plan.ends_at) <= epoch(one.as_of) for plan in data.plans) for one in judged
    }
    volume_known = {one.score.campaign: wape_with_volume(one) for one in judged}
    return Result(data, backtest_file(judged, peers, lead_days, {}), earlier, volume_known, seconds)


def line(name: str, method: str, scores: Sequence[MethodScore], seconds: float | None) -> str:
    drawn = [score for score in scores if score.within_p90 is not None]
    cells = [f"{100 * float(np.mean([s.wape_ratio for s in scores])):.1f} %"]
    cells.append(f"{100 * float(np.mean([s.peak_error_ratio for s in scores])):.1f} %")
    if drawn:
        cells += [f"{sum(bool(s.within_p90) for s in drawn)}/{len(drawn)}"]
        cells += [f"{sum(bool(s.within_p99) for s in drawn)}/{len(drawn)}"]
        cells += [f"{np.median([s.p90_to_peak_ratio or 0.0 for s in drawn]):.2f}"]
        cells += [f"{np.median([s.p99_to_peak_ratio or 0.0 for s in drawn]):.2f}"]
    else:
        cells += ["–"] * 4
    cells.append("–" if seconds is None else f"{seconds:.1f}")
    return f"| {name} | {method} | " + " | ".join(cells) + " |"


def rows(name: str, methods: dict[str, list[MethodScore]], seconds: float) -> Iterator[str]:
    for method, scores in sorted(methods.items(), key=lambda item: float(np.mean([s.wape_ratio for s in item[1]]))):
        yield line(name, method, scores, seconds if method == OURS else None)


def over_all(results: Sequence[Result]) -> Iterator[str]:
    """WAPE over Prophet as it comes by method, geometric mean over the sets of a class; then all peaks together."""
    for surge, words in ((True, "surge"), (False, "mild")):
        ratios: dict[str, list[float]] = defaultdict(list)
        for one in (r for r in results if r.data.surge == surge):
            means = one.mean_wapes()
            for method, mean in means.items():
                ratios[method].append(mean / means[PROPHET])
        found = {method: float(np.exp(np.mean(np.log(values)))) for method, values in ratios.items()}
        ordered = sorted(found.items(), key=lambda item: item[1])
        if ordered:
            yield f"{words} sets, WAPE over Prophet as it comes: " + ", ".join(f"{m} {v:.2f}" for m, v in ordered)
    pools = [("all events", results)]
    pools += [
        (f"{words} events", [r for r in results if r.data.surge == s])
        for s, words in ((True, "surge"), (False, "mild"))
    ]
    for words, pool in pools:
        scores = [score for one in pool for score in one.methods(False).get(OURS, [])]
        if scores:
            yield f"{words}: " + _inside(scores)


def at_lead(lead_days: float, results: Sequence[Result]) -> Iterator[str]:
    """Peaks and WAPE at one lead, over all sets and by set."""
    every = [score for one in results for score in one.methods(False).get(OURS, [])]
    yield f"\n{lead_days:g} days before, all events: {_inside(every)}"
    yield from (line(one.data.name, OURS, scores, None) for one in results if (scores := one.methods(False).get(OURS)))


def _inside(scores: Sequence[MethodScore]) -> str:
    said = []
    for level, inside, paid in (
        ("p90", [s.within_p90 for s in scores], [s.p90_to_peak_ratio for s in scores]),
        ("p99", [s.within_p99 for s in scores], [s.p99_to_peak_ratio for s in scores]),
    ):
        count = sum(bool(one) for one in inside)
        low, high = interval(count, len(inside))
        head = float(np.median([ratio or 0.0 for ratio in paid]))
        said.append(
            f"{count} of {len(inside)} peaks in {level} ({100 * low:.0f} to {100 * high:.0f} %) at {head:.2f} x"
        )
    return ", ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leads", type=float, nargs="+", default=[3.0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--kept-in", type=Path, default=KEPT_IN)
    asked = parser.parse_args()
    head = "| set | method | WAPE | peak error | in p90 | in p99 | p90/peak | p99/peak | s |\n|---|---|" + "---:|" * 7
    print(head)
    most, (first, *further) = QUICK if asked.quick else None, asked.leads
    sets = partial(data_sets, asked.folder, UNSEEN if asked.unseen else SEEN)
    results = []
    for data in sets():
        events = events_of(data, asked.folder, first, asked.kept_in, most)
        results.append(result(data, events, first))
        for row in rows(data.name, results[-1].methods(False), results[-1].seconds):
            print(row, flush=True)
    print("\nFewer than three earlier events:\n\n" + head)
    for one in results:
        for row in rows(one.data.name, one.methods(True), one.seconds):
            print(row)
    print("\n" + "\n".join(over_all(results)), flush=True)
    for lead in further:
        events_at = [(data, events_of(data, asked.folder, lead, asked.kept_in, most, False)) for data in sets()]
        print("\n".join(at_lead(lead, [result(data, events, lead) for data, events in events_at])), flush=True)


if __name__ == "__main__":
    main()
