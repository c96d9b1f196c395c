"""Ten million rows of history/traffic.csv, opened as `surgeplan forecast` opens them: seconds and memory.

    python benchmarks/history/ten_million_rows.py [ROWS]

Rows are made by this script (four services, minutes, five years) in a temporary folder. The reading runs in a process
of its own, whose largest resident size is what is reported; the target is 2 GiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

SERVICES = ("gateway", "storefront", "checkout", "coupon")
READ = """
import json, resource, sys, time
from pathlib import Path
from campaign.workspace import open_workspace
from forecast.history import open_history
begun, cpu = time.perf_counter(), time.process_time()
history = open_history(open_workspace(Path(sys.argv[1])))
opened, opened_cpu = time.perf_counter(), time.process_time()
hours = len(history.hourly())
findings = len(history.findings)
done = time.perf_counter()
print(json.dumps({
    "open_seconds": round(opened - begun, 2), "open_processor_seconds": round(opened_cpu - cpu, 2),
    "hourly_and_findings_seconds": round(done - opened, 2),
    "hours": hours, "findings": findings,
    "largest_resident_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
}))
"""


def make_workspace(folder: Path, rows: int) -> None:
    """A workspace of `rows` rows, spread over four services."""
    (folder / "history").mkdir()
    names = ", ".join(f"{{name: {name}}}" for name in SERVICES)
    (folder / "surgeplan.yaml").write_text(f"schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{names}]\n")
    count = rows // len(SERVICES)
    times = pd.date_range("2021-01-01", periods=count, freq="min").strftime("%Y-%m-%dT%H:%MZ")
    rng = np.random.default_rng(0)
    day = 1 + 0.7 * np.sin(np.arange(count) / 1440 * 2 * np.pi)
    with open(folder / "history" / "traffic.csv", "w", encoding="utf-8") as file:
        file.write("starts_at,service,requests\n")
        for name in SERVICES:
            requests = rng.poisson(3000 * day)
            file.write("".join(f"{t},{name},{r}\n" for t, r in zip(times, requests, strict=True)))


def measure(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        make_workspace(Path(folder), rows)
        command = [sys.executable, "-c", READ, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
        size = (Path(folder) / "history" / "traffic.csv").stat().st_size
        return {"rows": rows, "file_mib": round(size / 2**20), **json.loads(done.stdout)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000), indent=2))
