"""A built wheel carries everything it needs: catalogs, templates, policies, examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.language import ROOT


def python(arguments: list[str], folder: Path, path: Path | None = None) -> str:
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_wheel_does_the_main_job_from_any_folder(tmp_path: Path) -> None:
    built, installed, elsewhere = tmp_path / "built", tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    python(["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(built), str(ROOT)], tmp_path)
    (wheel,) = built.glob("surgeplan-*.whl")
    python(["-m", "pip", "install", "--no-deps", "-q", "--target", str(installed), str(wheel)], tmp_path)
    where = python(["-c", "import surgeplan.cli; print(surgeplan.cli.__file__)"], elsewhere, installed)
    assert where.startswith(str(installed))
    run = ["-m", "surgeplan"]
    python([*run, "init", "shop", "--example", "double11"], elsewhere, installed)
    at = ["--workspace", "shop", "--now", "2026-11-07T20:00+08:00"]
    said = python([*run, "run", "double11-2026-opening", *at], elsewhere, installed)
    assert "峰值副本数" in said
    assert (elsewhere / "shop/out/double11-2026-opening/index.html").is_file()
    assert not [p for p in elsewhere.iterdir() if p.name != "shop"]
