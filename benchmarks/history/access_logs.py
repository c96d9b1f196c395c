"""Access-log lines to requests per minute and service: this project's reader, pandas and GoAccess on the same file.

    python benchmarks/history/access_logs.py [LINES]

The log (combined with virtual hosts, one day, four services, one line in 100 000 cut in half) is made by this script in
a temporary folder. Each reader runs in a process of its own; its wall time and largest resident size are reported, and
the sums of the first two must agree. GoAccess (it makes its own report of one log) takes part where it is installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HOSTS = ("gateway", "storefront", "checkout", "coupon")
CHUNK = 500_000
OURS = """
import json, sys
from pathlib import Path
from metrics.intake.access_logs import recognise
from metrics.intake.records import Answers, Findings
found = recognise(Path(sys.argv[1]), "access.log", Answers(), Findings())
values = found.buckets[0].values
print(json.dumps({"requests": round(sum(values.values()) * 60), "rows": len(values)}))
"""
PANDAS = r"""
import json, sys
import pandas as pd
pattern = r'^(\S+?):\d+ \S+ \S+ \S+ \[([^ :]+:\d\d:\d\d):\d\d ([+-]\d{4})\] "'
total = {}
for lines in pd.read_csv(sys.argv[1], sep="\x01", header=None, names=["line"], chunksize=500_000, quoting=3):
    parts = lines["line"].str.extract(pattern).dropna()
    for key, count in parts.groupby([1, 2, 0]).size().items():
        total[key] = total.get(key, 0) + count
minutes = pd.Series(total)
pd.to_datetime([f"{minute} {zone}" for minute, zone, _ in total], format="%d/%b/%Y:%H:%M %z", utc=True)
print(json.dumps({"requests": int(minutes.sum()), "rows": len(minutes)}))
"""


def make_log(path: Path, lines: int) -> None:
    """`lines` lines in time order over one day."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, lines, CHUNK):
            count = min(CHUNK, lines - first)
            seconds = np.sort(rng.integers(0, 86_400 * CHUNK // lines + 1, count)) + first * 86_400 // lines
            stamps = pd.to_datetime(1_793_000_000 + seconds, unit="s").strftime("%d/%b/%Y:%H:%M:%S")
            hosts, skus = rng.integers(0, len(HOSTS), count), rng.integers(0, 100_000, count)
            rows = [
                f'{HOSTS[h]}:443 203.0.113.{s % 250} - - [{t} +0000] "GET /p/{s}?from=push HTTP/1.1" 200 {s} "-" '
                '"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile"'
                for h, s, t in zip(hosts, skus, stamps, strict=True)
            ]
            for cut in range(0, count, 100_000):
                rows[cut] = rows[cut][:30]
            file.write("\n".join(rows) + "\n")


def timed(command: list[str]) -> dict[str, object]:
    """A reader's output with its seconds and the largest resident size of any child so far."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    seconds = time.perf_counter() - begun
    said = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    return {"seconds": round(seconds, 1), **said}


def resident(command: list[str]) -> dict[str, object]:
    """`timed` in a process of its own, so that its children's largest size is this command's."""
    code = (
        "import json,sys;sys.path.insert(0,sys.argv[1]);from access_logs import timed;import resource;"
        "r=timed(sys.argv[2:]);r['largest_resident_gib']="
        "round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/2**20,2);print(json.dumps(r))"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, folder, *command], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        make_log(log, lines)
        print(json.dumps({"lines": lines, "gib": round(log.stat().st_size / 2**30, 2)}))
        readers = {
            "surgeplan": [sys.executable, "-c", OURS, str(log)],
            "pandas, half a million lines at a time": [sys.executable, "-c", PANDAS, str(log)],
        }
        if shutil.which("goaccess"):
            report = str(Path(folder) / "report.json")
            form = ["--log-format=VCOMBINED", "--no-global-config", "--no-progress"]
            readers["goaccess"] = ["goaccess", str(log), *form, "-o", report]
        found = {name: resident(command) for name, command in readers.items()}
        for name, figures in found.items():
            print(json.dumps({"reader": name, **figures}))
        ours, pandas = list(found.values())[:2]
        assert (ours["requests"], ours["rows"]) == (pandas["requests"], pandas["rows"])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
