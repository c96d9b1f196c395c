"""Ten million rows of history stay within two gibibytes of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "history" / "ten_million_rows.py"


@pytest.mark.slow
def test_ten_million_rows_fit_into_two_gibibytes() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True, timeout=300)
    measured = json.loads(done.stdout)
    assert measured["hours"] == 41_667
    assert measured["largest_resident_gib"] < 2.0
