"""The import rule, and commands that start without what they do not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaign.language import ROOT

HEAVY = ("pandas", "duckdb", "prophet", "locust", "matplotlib", "gevent")


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", ["metrics", "forecast", "loadtest", "playbooks", "warroom"])
def test_a_packages_commands_import_nothing_heavy(package: str) -> None:
    assert not modules_after(f"import {package}.cli") & set(HEAVY)


@pytest.mark.parametrize("package", ["forecast", "playbooks", "surgeplan", "warroom"])
def test_only_the_load_generators_process_imports_locust(package: str) -> None:
    every = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / package).glob("**/*.py")
        if path.name not in ("__main__.py", "__init__.py")
    )
    assert not modules_after("; ".join(f"import {name}" for name in every)) & {"locust", "gevent"}
