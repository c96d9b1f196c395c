"""Past events of real series, each forecast three days before it, beside the peers, in one run.

    .venv/bin/python benchmarks/forecast/run.py ../shared/data [LEAD_DAYS]

Prints the table that README.md shows: mean over events; WAPE by hour, error of the busiest hour, share of busiest hours
inside p90 and p99, head-room paid (median quantile over actual), seconds for each event.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))

from sets import DataSet, data_sets

from forecast.backtest.again import Tested, forecast_again, testable
from forecast.backtest.judged import judged_in_order
from forecast.backtest.peers import OURS, PROPHET, PROPHET_EVENTS, PeerForecast, peers_of
from forecast.backtest.scores_file import BackTestFile, backtest_file

FAR = datetime(2100, 1, 1, tzinfo=UTC)
NEEDED = 3


def scored(data: DataSet, lead_days: float) -> tuple[BackTestFile, float]:
    """Scores over the events that have at least three earlier ones, and seconds for each of our forecasts."""
    chosen = testable(data.evidence, data.plans, lead_days, FAR)
    tested: list[Tested] = []
    began = time.monotonic()
    for plan in chosen:
        made = forecast_again(data.evidence, plan, data.plans, data.settings, lead_days)
        if made is not None:
            tested.append(made)
    seconds = (time.monotonic() - began) / max(len(tested), 1)
    judged = judged_in_order(tested)[NEEDED:]
    by_id = {plan.id: plan for plan in chosen}
    peers: dict[str, tuple[PeerForecast, ...]] = {
        one.score.campaign: peers_of(data.evidence, one, by_id[one.score.campaign], data.plans, data.settings)
        for one in judged
    }
    return backtest_file(judged, peers, lead_days, {}), seconds


def rows(data: DataSet, made: BackTestFile, seconds: float) -> Iterator[str]:
    for method, found in sorted(made.over_all.items(), key=lambda item: item[1].wape_ratio):
        inside = ["–", "–"]
        if found.peaks_within_p90 is not None and found.peaks_within_p99 is not None:
            inside = [f"{found.peaks_within_p90}/{found.campaigns}", f"{found.peaks_within_p99}/{found.campaigns}"]
        paid = [found.p90_to_peak_median_ratio, found.p99_to_peak_median_ratio]
        head = ["–" if ratio is None else f"{ratio:.2f}" for ratio in paid]
        took = f"{seconds:.1f}" if method == OURS else "–"
        figures = [f"{100 * found.wape_ratio:.1f} %", f"{100 * found.peak_error_ratio:.1f} %", *inside, *head, took]
        yield f"| {data.name} | {method} | " + " | ".join(figures) + " |"


def main() -> None:
    folder, lead = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    print("| set | method | WAPE | peak error | in p90 | in p99 | p90/peak | p99/peak | s |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    ratios: dict[bool, dict[str, list[float]]] = {True: {}, False: {}}
    inside = np.zeros(3)
    with threadpool_limits(1):
        for data in data_sets(folder):
            made, seconds = scored(data, lead)
            if not made.campaigns:
                continue
            print("\n".join(rows(data, made, seconds)), flush=True)
            default = made.over_all[PROPHET].wape_ratio
            for method in (OURS, PROPHET_EVENTS):
                ratios[data.surge].setdefault(method, []).append(made.over_all[method].wape_ratio / default)
            ours = made.over_all[OURS]
            inside += [ours.peaks_within_p90 or 0, ours.peaks_within_p99 or 0, ours.campaigns]
    for surge, words in ((True, "surge"), (False, "mild")):
        for method, found in ratios[surge].items():
            print(f"\n{words} sets, {method}: WAPE {np.exp(np.mean(np.log(found))):.2f} × Prophet as it comes")
    print(f"\nall events: {inside[0]:.0f} of {inside[2]:.0f} peaks inside p90, {inside[1]:.0f} inside p99")


if __name__ == "__main__":
    main()
