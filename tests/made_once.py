"""What takes minutes to make is made once for all workers of a test run."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SHOP = "shop"
# As the README shows them; tests/test_docs.py holds them to it.
PACK_LINES = (
    f"surgeplan init {SHOP} --example double11",
    f"surgeplan run double11-2026-opening --workspace {SHOP} --now 2026-11-07T20:00+08:00",
)
# Forecasts of two processes agree to the last bit only with one order of sets: that of names is in a sum.
ONE_ORDER = {"PYTHONHASHSEED": "0"}


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that the first worker to ask has made; whoever asks meanwhile waits. To be read or copied only."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = factory.mktemp(name)
            make(making)
            making.rename(folder)
    return folder


def make_pack(folder: Path) -> None:
    """The shipped example with the whole pack of its next campaign, by the README's own commands."""
    for line in PACK_LINES:
        done = command_line(line, folder, ONE_ORDER)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def command_line(line: str, folder: Path, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell in that folder would, by the installed script; `more`: environment."""
    words = shlex.split(line.partition(" #")[0])
    return subprocess.run(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]],
        cwd=folder,
        env=os.environ | (more or {}),
        capture_output=True,
        text=True,
        timeout=900,  # two at a time on two cores
        check=False,
    )
