"""Start-up and checking: processor time and memory of the commands people type most, beside a bare typer program.

.venv/bin/python benchmarks/commands.py
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef main(name: str = 'x') -> None: ...\napp(['--help'])\n"
REPEATS = 5


@dataclass(frozen=True)
class Cost:
    """Processor seconds (user and system) and peak resident memory of one finished process."""

    cpu_seconds: float
    peak_mib: float


def cost(arguments: list[str]) -> Cost:
    """Run a command to its end and return what it took, its children included."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(arguments: list[str]) -> Cost:
    costs = [cost(arguments) for _ in range(REPEATS)]
    return Cost(statistics.median(c.cpu_seconds for c in costs), max(c.peak_mib for c in costs))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop, plans = Path(folder) / "shop", Path(folder) / "plans"
        made = cost(["-m", "surgeplan", "init", str(shop), "--example", "double11"])
        shutil.copytree(shop, plans, ignore=shutil.ignore_patterns("history"))
        bare = median(["-c", BARE])
        rows = {
            "bare typer program, `--help`": bare,
            "`surgeplan --help`": median(["-m", "surgeplan", "--help"]),
            "`surgeplan check`, plans and settings of double11": median(
                ["-m", "surgeplan", "check", "--workspace", str(plans)]
            ),
            "`surgeplan check`, with 14 months of minutes": median(
                ["-m", "surgeplan", "check", "--workspace", str(shop)]
            ),
            "`surgeplan init DIR --example double11`": made,
        }
    print("| command | CPU seconds | × bare typer | peak MiB |\n|---|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {row.cpu_seconds:.2f} | {row.cpu_seconds / bare.cpu_seconds:.1f} | {row.peak_mib:.0f} |")


if __name__ == "__main__":
    main()
