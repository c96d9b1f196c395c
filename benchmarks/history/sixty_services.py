"""Two years of minutes of sixty services in one Parquet file, asked for one campaign: seconds and memory.

    python benchmarks/history/sixty_services.py

The file (63 million rows, by service and time) is made by this script in a temporary folder. What a campaign asks of
history is timed, in a process of its own each time: open and check it, all hours of every service, the minutes of three
days, the outages and surges. First as the file is new, then as every later command finds it; the answers must agree,
and the outages that the script put in must have been found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

SERVICES, DAYS = 60, 730
DISTURBED = (
    "CASE WHEN s % 6 = 0 AND m % 86400 BETWEEN 40320 AND 40350 THEN 0.05"
    " WHEN m % 172800 BETWEEN 100000 AND 100240 THEN 2 ELSE 1 END"
)
"""Half an hour of outage on ten services every sixty days; four hours of twice the traffic on all every 120 days."""
READ = """
import json, resource, sys, time
from datetime import datetime, UTC
from pathlib import Path
from campaign.workspace import open_workspace
from forecast.history import open_history
workspace = open_workspace(Path(sys.argv[1]))
begun, cpu = time.perf_counter(), time.process_time()
history = open_history(workspace)
opened = time.perf_counter()
hours = len(history.hourly())
span = datetime(2025, 11, 9, tzinfo=UTC), datetime(2025, 11, 12, tzinfo=UTC)
minutes = sum(len(history.buckets(service, *span)) for service in history.services)
asked, asked_cpu = time.perf_counter(), time.process_time()
findings = len(history.findings)
print(json.dumps({
    "open_seconds": round(opened - begun, 2), "query_seconds": round(asked - begun, 2),
    "query_processor_seconds": round(asked_cpu - cpu, 2), "findings_seconds": round(time.perf_counter() - asked, 2),
    "hours": hours, "campaign_minutes": minutes, "findings": findings,
    "sum_of_rates": round(sum(float(history.buckets(s, *span).requests_per_second.sum()) for s in history.services)),
    "largest_resident_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
}))
"""


def make_workspace(folder: Path) -> None:
    """Sixty services with a daily rhythm, rows by service and time."""
    (folder / "history").mkdir()
    names = ", ".join(f"{{name: service-{i}}}" for i in range(SERVICES))
    (folder / "surgeplan.yaml").write_text(f"schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{names}]\n")
    with duckdb.connect(config={"memory_limit": "3GB", "temp_directory": str(folder)}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.execute(
            "COPY (SELECT TIMESTAMPTZ '2024-11-13 00:00:00+00' + INTERVAL (m) MINUTE AS starts_at, 'service-' || s AS"
            f" service, CAST((3000 + 500 * sin(m / 1440.0 * 2 * pi()) + random() * 100) * {DISTURBED} AS INTEGER)"
            " AS requests"
            f" FROM range({SERVICES}) a(s), range({DAYS * 1440}) b(m) ORDER BY s, m)"
            f" TO '{folder}/history/traffic.parquet' (FORMAT parquet)"
        )


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: what it took is not to be counted as the reader's.
        subprocess.run([sys.executable, __file__, folder], check=True, timeout=600)
        command = [sys.executable, "-c", READ, folder]
        asked = [subprocess.run(command, capture_output=True, text=True, check=True, timeout=600) for _ in range(2)]
        first, later = (json.loads(done.stdout) for done in asked)
        assert all(first[key] == later[key] for key in ("hours", "campaign_minutes", "findings", "sum_of_rates"))
        assert first["findings"] >= DAYS // 60 * SERVICES // 6
        return {"rows": SERVICES * DAYS * 1440, "file_is_new": first, "later": later}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make_workspace(Path(sys.argv[1]))
    else:
        print(json.dumps(measure(), indent=2))
