"""Files are whole or not there, and the same for the same content."""

from __future__ import annotations

import errno
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from campaign.charts import chart, save_chart
from campaign.errors import UserError
from campaign.files import sha256, to_json, unwritable, write_text, writing
from campaign.spreadsheets import Sheet, write_workbook
from campaign.traffic import Quantiles, TrafficPaths


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")

    def fail_half_way() -> None:
        with writing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_a_full_disk_is_told_from_a_folder_without_permission(tmp_path: Path) -> None:
    for number, todo in ((errno.ENOSPC, "free some room"), (errno.EACCES, "make the folder writable")):
        assert todo in str(unwritable(tmp_path / "a.txt", OSError(number, "no")))


def test_json_has_six_significant_digits_and_no_nan() -> None:
    assert to_json({"a": 1234567.89, "b": [0.123456789, float("nan")], "c": "双"}) == (
        '{\n  "a": 1234570.0,\n  "b": [\n    0.123457,\n    null\n  ],\n  "c": "双"\n}\n'
    )


def test_the_same_workbook_and_chart_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_workbook(tmp_path / f"{name}.xlsx", [Sheet("一", ["x"], [["=1+1"], [datetime(2026, 1, 1)]])])
        with chart() as figure:
            figure.subplots().plot([1, 2])
            save_chart(figure, tmp_path / f"{name}.svg")
    assert sha256(tmp_path / "a.xlsx") == sha256(tmp_path / "b.xlsx")
    assert sha256(tmp_path / "a.svg") == sha256(tmp_path / "b.svg")


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    write_workbook(tmp_path / "a.xlsx", [Sheet("s", ["x"], [["=HYPERLINK(1)"]])])
    cell = load_workbook(tmp_path / "a.xlsx")["s"]["A2"]
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")


def test_paths_survive_their_file(tmp_path: Path) -> None:
    paths = TrafficPaths(
        np.arange(12, dtype=np.float32).reshape(2, 2, 3),
        ("a", "b"),
        np.arange(3).astype("datetime64[m]").astype("datetime64[s]"),
        np.full(3, 60),
    )
    paths.save(tmp_path / "p.npz")
    read = TrafficPaths.load(tmp_path / "p.npz")
    assert read.services == ("a", "b")
    assert np.array_equal(read.requests_per_second, paths.requests_per_second)
    assert np.array_equal(read.quantiles("b")[1], [6, 7, 8])


def test_a_peaks_quantiles_are_in_order() -> None:
    q = Quantiles.of(np.random.default_rng(0).gamma(2, 100, 500))
    assert q.p10 <= q.p50 <= q.p90 <= q.p99
