"""Readings and findings that are kept: the same as without them, and never of a file as it was before."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from campaign.workspace import open_workspace
from forecast.history import TrafficHistory, open_history
from forecast.history.buckets import Series
from forecast.history.readings import FOLDER, expanded, runs_of

SERVICES = ("gateway", "checkout", "pay")
MINUTES = 40_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(month: int = 0) -> list[str]:
    """Minutes of three services with a gap, an outage and an hour of marked load test."""
    times = [START + timedelta(minutes=month * MINUTES + m) for m in range(MINUTES) if not 9000 <= m < 9100]
    rows = []
    for m, at in enumerate(times):
        level = 60 * (200 + 100 * np.sin(at.hour / 24 * 2 * np.pi))
        test = "1" if 5000 <= m < 5060 else ""
        rows += [f"{at:%Y-%m-%dT%H:%MZ},{s},{0 if 20_000 <= m < 20_030 else int(level)},{test}" for s in SERVICES]
    return rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "history").mkdir()
    services = ", ".join(f"{{name: {name}}}" for name in SERVICES)
    (folder / "surgeplan.yaml").write_text(f"time_zone: Asia/Shanghai\nservices: [{services}]\n")
    for month in (0, 1):
        text = "\n".join(["starts_at,service,requests,load_test", *rows_of(month)]) + "\n"
        (folder / "history" / f"traffic-{month}.csv").write_text(text)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "shop"))


def opened(folder: Path, before: datetime | None = None) -> TrafficHistory:
    return open_history(open_workspace(folder), before)


def kept(folder: Path, ending: str = "reading") -> list[Path]:
    return sorted((folder / FOLDER).glob(f"*.{ending}"))


def same(one: TrafficHistory, other: TrafficHistory) -> bool:
    pairs = [(one.series[name], other.series[name]) for name in SERVICES]
    arrays = [(a.starts, b.starts) for a, b in pairs] + [(a.rates, b.rates) for a, b in pairs]
    arrays += [(a.lengths, b.lengths) for a, b in pairs]
    return all((a == b).all() for a, b in arrays) and one.findings == other.findings and one.notes == other.notes


@pytest.mark.parametrize("before", [None, START + timedelta(days=40, minutes=7)])
def test_kept_readings_give_what_the_files_give(folder: Path, before: datetime | None) -> None:
    first, again = opened(folder, before), opened(folder, before)
    assert {f.kind for f in first.findings} >= {"gap", "outage", "test-window"}
    assert len(kept(folder)) == 2
    assert len(kept(folder, "findings")) == 1
    assert same(first, again)
    shutil.rmtree(folder / ".cache")
    assert same(opened(folder, before), again)


def test_a_kept_reading_is_what_is_used(folder: Path) -> None:
    rate = opened(folder).series["pay"].rates[0]
    for path in kept(folder):
        content = bytearray(path.read_bytes())
        at = content.index(np.float64(rate).tobytes())
        content[at : at + 8] = np.float64(7.0).tobytes()
        path.write_bytes(content)
    assert 7.0 in {float(series.rates[0]) for series in opened(folder).series.values()}


def test_one_figure_changed_at_the_same_size_and_time_is_seen(folder: Path) -> None:
    opened(folder)
    path = folder / "history" / "traffic-0.csv"
    times, text = (path.stat().st_atime_ns, path.stat().st_mtime_ns), path.read_text()
    line = text.splitlines()[1]
    changed = line.replace(line.split(",")[2], "9" * len(line.split(",")[2]))
    path.write_text(text.replace(line, changed, 1))
    os.utime(path, ns=times)
    now = opened(folder)
    assert now.series["gateway"].rates[0] == pytest.approx(99_999 / 60)
    assert len(kept(folder)) == 2


def test_what_settings_and_plans_say_of_history_is_heeded(folder: Path) -> None:
    outages = sum(f.kind == "outage" for f in opened(folder).findings)
    settings = folder / "surgeplan.yaml"
    ordinary = "history: {ordinary: [{starts_at: 2026-01-01T00:00Z, ends_at: 2026-03-01T00:00Z}]}\n"
    settings.write_text(settings.read_text() + ordinary)
    assert outages > 0
    assert not [f for f in opened(folder).findings if f.kind == "outage"]
    settings.write_text(
        settings.read_text().replace("{name: pay}", "{name: till, was: [{name: pay, until: 2027-01-01T00:00Z}]}")
    )
    assert opened(folder).services == ("gateway", "checkout", "till")


def test_a_kept_reading_cut_short_is_read_anew(folder: Path) -> None:
    first = opened(folder)
    for path in kept(folder) + kept(folder, "findings"):
        path.write_bytes(path.read_bytes()[:-9])
    assert same(first, opened(folder))


def test_without_a_place_to_keep_them_everything_is_read(folder: Path) -> None:
    (folder / ".cache").write_text("in the way")
    assert same(opened(folder), opened(folder))


@pytest.mark.parametrize("lengths", [[60] * 5, [60, 60, 300, 300, 3600], [3600], []])
def test_runs_stand_for_the_same_buckets(lengths: list[int]) -> None:
    ends = 1_700_000_000 // 3600 * 3600 + np.cumsum(np.array(lengths, np.int64))
    starts = ends - np.array(lengths, np.int64)
    starts[3:] += 7200
    series = Series(starts, np.array(lengths, np.int64), np.ones(len(lengths)))
    again = expanded(runs_of(series))
    assert [a.tolist() for a in again] == [series.starts.tolist(), series.lengths.tolist()]
