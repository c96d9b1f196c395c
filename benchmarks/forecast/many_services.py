"""A thousand services by the hour through the command itself: reading, findings, baselines, paths, files.

    .venv/bin/python benchmarks/forecast/many_services.py [SERVICES] [DAYS] [WORKERS]

Prints wall-clock seconds and the largest resident memory of the process and of its largest child.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from surgeplan.cli import main as surgeplan

BEGINS = datetime(2024, 11, 1, tzinfo=UTC)
PLAN = """\
schema_version: 1
id: {id}
kind: sale
starts_at: {starts}
ends_at: {ends}
moments: [{{at: {starts}, kind: opening}}]
"""


def make_workspace(folder: Path, services: int, days: int) -> str:
    """Hourly requests with a rhythm, noise and a campaign every three weeks; returns the campaign to come."""
    (folder / "campaigns").mkdir(parents=True)
    (folder / "history").mkdir()
    names = [f"service-{i:04d}" for i in range(services)]
    listed = "".join(f"  - name: {name}\n" for name in names)
    (folder / "surgeplan.yaml").write_text(f"schema_version: 1\ntime_zone: Asia/Shanghai\nservices:\n{listed}", "utf-8")
    rng = np.random.default_rng(0)
    hours = np.arange(days * 24)
    lift = np.zeros(len(hours))
    starts = [*range(20, days - 3, 21), days + 1]
    for day in starts:
        at = BEGINS + timedelta(days=day, hours=12)
        text = PLAN.format(id=f"sale-{day}", starts=at.isoformat(), ends=(at + timedelta(hours=8)).isoformat())
        (folder / "campaigns" / f"sale-{day}.yaml").write_text(text, "utf-8")
        lift[day * 24 + 12 : day * 24 + 20] = 1.0
    levels = np.exp(rng.normal(3.0, 1.0, services))
    logs = 0.6 * np.sin(2 * np.pi * (hours - 3) / 24)[:, None] + lift[:, None] * rng.uniform(0.3, 1.2, services)
    rates = rng.poisson(levels * np.exp(logs + rng.normal(0, 0.05, logs.shape)) * 3600)
    times = pd.date_range(BEGINS, periods=len(hours), freq="h")
    frame = pd.DataFrame(
        {
            "starts_at": np.repeat(times, services),
            "service": pd.Categorical.from_codes(np.tile(np.arange(services), len(hours)), names),
            "requests": rates.ravel(),
        }
    )
    write_parquet(frame, folder / "history" / "traffic.parquet")
    return f"sale-{starts[-1]}"


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    import duckdb

    made = frame.assign(service=frame["service"].astype(str), starts_at=frame["starts_at"].dt.tz_localize(None))
    connection = duckdb.connect()
    connection.register("made", made)
    columns = "starts_at::TIMESTAMP AT TIME ZONE 'UTC' AS starts_at, service, requests"
    connection.execute(f"COPY (SELECT {columns} FROM made) TO '{path}' (FORMAT parquet)")


def main(services: int, days: int, workers: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "many"
        campaign = make_workspace(folder, services, days)
        now = (BEGINS + timedelta(days=days)).isoformat()
        began = time.perf_counter()
        code = surgeplan(["forecast", campaign, "--workspace", str(folder), "--now", now, "--workers", workers])
        took = time.perf_counter() - began
    mine, child = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"exit {code}: {services} services x {days} days by the hour: {took:.0f} s with {workers} workers; "
          f"memory {mine:,.0f} MB, largest worker {child:,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 1000, int(given[1]) if len(given) > 1 else 60, given[2] if len(given) > 2 else "2")
