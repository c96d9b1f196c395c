"""Submitted files against the dictionary: every seeded fault is found, with its line, and a clean file passes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from campaign.errors import UserError
from campaign.files import sha256
from campaign.settings import Service, Settings
from metrics.dictionary import Dictionary, read_dictionary
from metrics.faults import Fault
from metrics.file_checks import check_file
from metrics.manifests import Manifest
from surgeplan.cli import main

SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)
UNITS = {"ad_cost": "CNY", "new_users": "users", "cac": "CNY_per_user", "clicks": "clicks"}
HEAD = "starts_at,channel,ad_cost,new_users,cac\n"
ROWS = (
    "2026-11-01T00:00+08:00,push,1000,20,50\n"
    "2026-11-01T00:00+08:00,feed,900,30,30\n"
    "2026-11-02T00:00+08:00,push,1100,20,55\n"
)
SUMMED = "2026-11-01T00:00+08:00,kol,400,10,40\n2026-11-01T00:00+08:00,all,2300,60,120\n"


def manifest(**given: Any) -> Manifest:
    columns = {
        name: {"metric": f"{name}@{SHIPPED.ids[name]}", "unit": UNITS[name]} for name in ("ad_cost", "new_users", "cac")
    }
    base = {"time_zone": "Asia/Shanghai", "grain": "day", "by": ["channel"], "columns": columns}
    return Manifest.model_validate(base | given)


def bound(**changes: tuple[str, str]) -> dict[str, Any]:
    """The columns' bindings with some of them changed to (metric, unit)."""
    columns = manifest().model_dump()["columns"]
    return {"columns": columns | {name: {"metric": metric, "unit": unit} for name, (metric, unit) in changes.items()}}


def faults(folder: Path, text: str = HEAD + ROWS, dictionary: Dictionary = SHIPPED, **given: Any) -> list[Fault]:
    file = folder / "daily.csv"
    file.write_text(text, "utf-8")
    return check_file(file, manifest(**given), dictionary)


def codes(found: list[Fault]) -> list[str]:
    return sorted({fault.code for fault in found})


def test_a_clean_file_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


def edit(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("code", "change", "given", "line", "column"),
    [
        ("E_DEF", None, bound(cac=("cac@000000000000", "CNY_per_user")), None, "cac"),
        ("E_DEF", None, bound(cac=("cac", "CNY_per_user")), None, "cac"),
        ("E_UNIT", None, bound(ad_cost=(f"ad_cost@{SHIPPED.ids['ad_cost']}", "USD")), None, "ad_cost"),
        ("E_GRAIN", None, {"grain": "hour"}, None, "ad_cost"),
        ("E_GRAIN", edit("2026-11-02T00:00", "2026-11-02T13:00"), {}, 4, "starts_at"),
        ("E_GRAIN", edit("2026-11-02T00:00+08:00", "2026-11-02T00:00Z"), {}, 4, "starts_at"),
        ("E_ZONE", None, {"time_zone": "Asia/Tokyo"}, None, "ad_cost"),
        ("E_TZ", edit("2026-11-02T00:00+08:00", "2026-11-02T00:00"), {}, 4, "starts_at"),
        ("E_TZ", edit("2026-11-02T00:00+08:00", "2026-11-02"), {}, 4, "starts_at"),
        ("E_RATIO", edit("20,55", "20,52"), {}, 4, "cac"),
        ("E_RATIO", edit("900,30,30", "900,0,30"), {}, None, ""),
        ("E_DUP", edit("2026-11-02T00:00+08:00,push", "2026-11-01T00:00+08:00,push"), {}, 4, "starts_at"),
        ("E_DUP", edit("2026-11-02T00:00+08:00,push", "2026-10-31T16:00Z,push"), {}, 4, "starts_at"),
        ("E_UNKNOWN", None, bound(cac=("cacc@000000000000", "CNY_per_user")), None, "cac"),
        ("E_UNKNOWN", edit("cac\n", "cac,memo\n"), {}, None, "memo"),
        ("E_COLUMN", edit("new_users", "newusers"), {}, None, ""),
        ("E_NUMBER", edit("1100", "1,100".replace(",", " ")), {}, 4, "ad_cost"),
        ("E_NUMBER", edit("1100", "-"), {}, 4, "ad_cost"),
        ("E_NEGATIVE", edit("900,30,30", "-900,30,-30"), {}, 3, "ad_cost"),
        ("E_HASH", None, {"sha256": "0" * 64}, None, ""),
        ("E_EMPTY", lambda text: HEAD, {}, None, ""),
        ("W_PRELIMINARY", None, {"watermark": "2026-11-03T00:00+08:00"}, 2, "ad_cost"),
        ("E_TZ", edit("2026-11-02T00:00+08:00", "2026-11-02 00:00:00"), {}, 4, "starts_at"),
        ("E_TZ", edit("2026-11-02T00:00+08:00", "02/11/2026"), {}, 4, "starts_at"),
        ("E_TIME", edit("2026-11-02T00:00+08:00", ""), {}, 4, "starts_at"),
        ("E_TIME", edit("2026-11-02T00:00+08:00", "2026-13-02T00:00+08:00"), {}, 4, "starts_at"),
        ("E_NUMBER", edit("1100", "nan"), {}, 4, "ad_cost"),
        ("E_NUMBER", edit("1100", "inf"), {}, 4, "ad_cost"),
        ("E_NUMBER", edit("1100", '"1,100"'), {}, 4, "ad_cost"),
        ("E_NUMBER", edit("1100", "¥1100"), {}, 4, "ad_cost"),
        ("E_NEGATIVE", edit("900,30,30", "900,-30,-30"), {}, 3, "new_users"),
        ("E_DUP", lambda text: text + ROWS.splitlines()[0] + "\n", {}, 5, "starts_at"),
        ("E_SUMMED", lambda text: text + SUMMED, {}, 6, "cac"),
        ("E_RATIO", edit("20,55", "20,0.055"), {}, 4, "cac"),
        ("E_UNIT", None, bound(cac=(f"cac@{SHIPPED.ids['cac']}", "CNY")), None, "cac"),
        ("E_UNIT", None, bound(new_users=(f"new_users@{SHIPPED.ids['new_users']}", "percent")), None, "new_users"),
        ("E_DEF", None, bound(cac=(f"cac@{SHIPPED.ids['roi']}", "CNY_per_user")), None, "cac"),
        ("E_UNKNOWN", None, bound(cac=(f"CAC@{SHIPPED.ids['cac']}", "CNY_per_user")), None, "cac"),
        ("E_ZONE", None, {"time_zone": "UTC"}, None, "ad_cost"),
        ("E_GRAIN", None, {"grain": "minute"}, None, "ad_cost"),
        ("E_COLUMN", None, {"time_column": "day"}, None, ""),
        ("E_CURRENCY", lambda text: text.replace("channel", "currency").replace("feed", "USD").replace("push", "CNY"),
         {"by": ["currency"]}, 3, "ad_cost"),
    ],
)  # fmt: skip
def test_every_seeded_fault_is_found(
    tmp_path: Path, code: str, change: Callable[[str], str] | None, given: dict[str, Any], line: int | None, column: str
) -> None:
    text = HEAD + ROWS
    if change:
        text = change(text)
        text = text.replace("+08:00,push,1000,20,50\n", "+08:00,push,1000,20,50,x\n") if "memo" in text else text
        text = text.replace("30,30\n", "30,30,x\n").replace("20,55\n", "20,55,x\n") if "memo" in text else text
    found = faults(tmp_path, text, **given)
    if code == "E_RATIO" and line is None:  # nothing to divide by: the row proves nothing, and is not called wrong
        assert "E_RATIO" not in codes(found)
        return
    hit = next(fault for fault in found if fault.code == code)
    assert (hit.line, hit.column) == (line, column)


def test_a_ratio_without_its_parts_is_only_unverifiable(tmp_path: Path) -> None:
    columns = {"cac": {"metric": f"cac@{SHIPPED.ids['cac']}", "unit": "CNY_per_user"}}
    text = "starts_at,channel,cac\n2026-11-01T00:00+08:00,push,50\n"
    (fault,) = faults(tmp_path, text, columns=columns)
    assert (fault.code, fault.refused) == ("W_UNVERIFIABLE", False)
    assert str(fault.what) == "cannot be recomputed: the file has no ad_cost, new_users"


def test_a_share_written_as_percent_is_out_of_range(tmp_path: Path) -> None:
    columns = {"retention_d1": {"metric": f"retention_d1@{SHIPPED.ids['retention_d1']}", "unit": "ratio"}}
    text = "starts_at,channel,retention_d1\n2026-11-01T00:00+08:00,push,25\n"
    assert "E_RANGE" in codes(faults(tmp_path, text, columns=columns))


def test_a_scaled_ratio_is_recomputed_with_its_scale(tmp_path: Path) -> None:
    units = {"nps": "points", "nps_balance": "answers", "nps_answers": "answers"}
    columns = {name: {"metric": f"{name}@{SHIPPED.ids[name]}", "unit": unit} for name, unit in units.items()}
    text = "starts_at,nps,nps_balance,nps_answers\n2026-11-01T00:00+08:00,{nps},40,100\n"
    assert faults(tmp_path, text.format(nps=40), columns=columns, by=[]) == []
    assert codes(faults(tmp_path, text.format(nps=0.4), columns=columns, by=[])) == ["E_RATIO"]


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = (HEAD + ROWS).replace("20,55", "20,52").replace("T00:00+08:00,feed", "T00:00,feed").replace("1000", "abc")
    assert codes(faults(tmp_path, text)) == ["E_NUMBER", "E_RATIO", "E_TZ"]


def test_a_day_of_another_dictionary_is_another_definition(tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text("metrics: {new_users: {dedupe: per_day}}\n")
    changed = read_dictionary(tmp_path, SETTINGS)
    found = [fault.column for fault in faults(tmp_path, dictionary=changed) if fault.code == "E_DEF"]
    assert found == ["new_users", "cac"]


def test_parquet_is_checked_alike(tmp_path: Path) -> None:
    import duckdb

    (tmp_path / "daily.csv").write_text(HEAD + ROWS)
    file = tmp_path / "daily.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true)", [str(tmp_path / "daily.csv")]
        )
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet)")
    assert check_file(file, manifest(), SHIPPED) == []


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "daily.parquet").write_text("nonsense")
    with pytest.raises(UserError) as caught:
        check_file(tmp_path / "daily.parquet", manifest(), SHIPPED)
    assert "daily.parquet: cannot be read: " in str(caught.value)


def test_a_million_rows_are_checked_within_three_seconds(tmp_path: Path) -> None:
    """The wall-clock bound is generous where other work runs; alone it takes about one second."""
    import duckdb

    file = tmp_path / "daily.csv"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT strftime(TIMESTAMP '2026-01-01' + INTERVAL (i % 100) DAY, '%Y-%m-%dT00:00+08:00') "
            "AS starts_at, "
            "'c' || (i // 100) AS channel, i + 10 AS ad_cost, 10 AS new_users, (i + 10) / 10 AS cac "
            f"FROM range(1000000) t(i)) TO '{file}' (HEADER)"
        )
    began = time.process_time()
    assert check_file(file, manifest(), SHIPPED) == []
    assert time.process_time() - began < 2 * 3  # CPU seconds on two cores


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    (tmp_path / "daily.csv").write_text(HEAD + ROWS)
    document = manifest(sha256=sha256(tmp_path / "daily.csv"), watermark=datetime(2026, 12, 1, tzinfo=UTC))
    (tmp_path / "daily.csv.manifest.json").write_text(document.model_dump_json())
    return tmp_path


def test_the_command_checks_files_too(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["metrics", "check", str(workspace / "daily.csv"), "--workspace", str(workspace), "--lang", "en"]
    assert main(command) == 0
    assert "0 plans, 1 files: no problems" in capsys.readouterr().out
    (workspace / "daily.csv").write_text((HEAD + ROWS).replace("20,55", "20,52"))
    assert main([*command, "--json"]) == 2
    keys = {p["key"]: p["line"] for p in json.loads(capsys.readouterr().out)["problems"]}
    assert keys == {"E_HASH": None, "E_RATIO cac": 4}


def test_a_file_without_its_manifest_is_refused(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "daily.csv.manifest.json").unlink()
    assert main(["metrics", "check", str(workspace / "daily.csv"), "--workspace", str(workspace)]) == 2
    assert "daily.csv.manifest.json: does not exist" in capsys.readouterr().err


# --- totals between sources ----------------------------------------------------------------------------------------


def sources(folder: Path, lost: float = 1.0, extra: str = "") -> Path:
    """Ads, landing and gateway of eight days; on the sixth the landing page loses sessions."""
    (folder / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    binding = "time_zone: Asia/Shanghai, grain: day, dates: local, time_column: day"
    lines = [
        f"  - {{name: {name}, files: '{name}*.csv', {binding}, "
        f"columns: {{{name}: {{metric: {name}@{SHIPPED.ids[name]}, unit: {name}}}}}}}\n"
        for name in ("clicks", "sessions", "requests")
    ]
    (folder / "metrics.yaml").write_text("metrics: {}\n" + extra + "sources:\n" + "".join(lines))
    days = [f"2026-11-{d:02d}" for d in range(1, 9)]
    for name, value in (("clicks", 1000), ("sessions", 800), ("requests", 24000)):
        rows = [f"{day},{value * (lost if name == 'sessions' and day.endswith('06') else 1):g}" for day in days]
        (folder / f"{name}.csv").write_text(f"day,{name}\n" + "\n".join(rows) + "\n")
    return folder


def check_all(folder: Path, *more: str) -> int:
    files = [str(folder / f"{name}.csv") for name in ("clicks", "sessions", "requests")]
    return main(["metrics", "check", *files, "--workspace", str(folder), *more])


def test_sources_bound_once_need_no_manifest_and_agree(tmp_path: Path) -> None:
    assert check_all(sources(tmp_path)) == 0
    assert check_all(sources(tmp_path, lost=0.85)) == 0  # within 30 %


def test_a_day_on_which_sources_disagree_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_all(sources(tmp_path, lost=0.4), "--json") == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [(p["key"], p["what"]) for p in problems] == [
        ("E_TOTALS sessions", "2026-11-06: sessions / clicks is 0.32, expected 0.56 to 1.04 (clicks.csv)"),
        ("E_TOTALS requests", "2026-11-06: requests / sessions is 75, expected 15 to 45 (sessions.csv)"),
    ]


def test_without_names_every_bound_file_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sources(tmp_path, lost=0.4)
    assert main(["metrics", "check", "--workspace", str(folder), "--lang", "en"]) == 2
    assert "sessions / clicks is 0.32" in capsys.readouterr().err
    assert main(["metrics", "check", "--workspace", str(sources(tmp_path)), "--lang", "en"]) == 0
    assert "3 files: no problems" in capsys.readouterr().out


def test_a_pair_may_have_bounds_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "reconcile: [{of: sessions, to: clicks, low: 0.82}]\n"
    assert check_all(sources(tmp_path, extra=own), "--lang", "en") == 2
    assert "sessions / clicks is 0.8, expected 0.82 to ∞" in capsys.readouterr().err
    typo = "reconcile: [{of: session, to: clicks}]\n"
    assert check_all(sources(tmp_path, extra=typo), "--lang", "en") == 2
    assert "reconcile[0].of: there is no metric session\n  did you mean sessions?" in capsys.readouterr().err
