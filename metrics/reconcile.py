"""Totals of different sources that must move together: ads' clicks, landing sessions, the gateway's requests.

Where a pair has no bounds of its own, the median day is the measure: a site's sessions are never its clicks, but their
ratio does not change overnight unless a tag broke, a robot came or a source lost rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

from campaign.errors import Problem
from campaign.language import say
from metrics.dictionary import Dictionary, Pair
from metrics.file_checks import instant_text
from metrics.manifests import Manifest
from metrics.sql import quoted
from metrics.tables import duckdb_session

DAYS_LEAST = 5
Totals = dict[date, float]
Bound = Sequence[tuple[Path, Manifest]]


def disagreements(files: Bound, dictionary: Dictionary) -> list[Problem]:
    """Every day on which two files' totals are further apart than their pair allows."""
    totals: dict[str, tuple[Path, Totals]] = {}
    for file, manifest in files:
        for column, bound in manifest.columns.items():
            metric = bound.metric.partition("@")[0]
            if any(metric in (pair.of, pair.to) for pair in dictionary.bindings.reconcile):
                totals[metric] = (file, _per_day(file, manifest, column))
    return [
        problem
        for pair in dictionary.bindings.reconcile
        if pair.of in totals and pair.to in totals
        for problem in _apart(pair, totals)
    ]


def _apart(pair: Pair, totals: dict[str, tuple[Path, Totals]]) -> list[Problem]:
    (file, above), (other, below) = totals[pair.of], totals[pair.to]
    ratios = {day: above[day] / below[day] for day in sorted(above) if below.get(day)}
    low, high = pair.low, pair.high
    if low is None and high is None:
        if len(ratios) < DAYS_LEAST:
            return []
        usual = median(ratios.values())
        low, high = usual * (1 - pair.tolerance_ratio), usual * (1 + pair.tolerance_ratio)
    return [
        Problem(
            say("{day}: {of} / {to} is {ratio}, expected {low} to {high} ({other})", day=day, of=pair.of, to=pair.to,
                ratio=f"{ratio:.3g}", low=f"{low or 0:.3g}", high="∞" if high is None else f"{high:.3g}",
                other=other.name),
            say("find which source lost or doubled rows that day; or widen the pair under reconcile: in metrics.yaml"),
            file=str(file),
            key=f"E_TOTALS {pair.of}",
        )
        for day, ratio in ratios.items()
        if (low is not None and ratio < low) or (high is not None and ratio > high)
    ]  # fmt: skip


def _per_day(file: Path, manifest: Manifest, column: str) -> Totals:
    reader = "read_parquet(?)" if file.suffix == ".parquet" else "read_csv(?, all_varchar = true, header = true)"
    day = f"CAST(timezone('{manifest.time_zone}', CAST({instant_text(manifest)} AS TIMESTAMPTZ)) AS DATE)"
    with duckdb_session() as connection:
        rows = connection.execute(
            f"SELECT {day}, sum(TRY_CAST({quoted(column)} AS DOUBLE)) FROM {reader} GROUP BY 1", [str(file)]
        ).fetchall()
    return {row[0]: row[1] for row in rows if row[1] is not None}
