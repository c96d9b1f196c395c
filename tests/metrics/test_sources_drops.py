"""Folders that exports are dropped into: what becomes history, and what is refused or asked."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from remotes import NOW, pulled, workspace

from campaign.errors import ExitCode
from campaign.language import use_language
from campaign.workspace import open_workspace
from forecast.history.reading import read_orders
from metrics.sources.pull import Pulled, pull
from surgeplan.cli import main


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def test_a_bad_file_in_a_folder_is_named_once_and_is_not_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [f"{{name: {m}, kind: drop, folder: drops, measure: {m}, values: rates}}" for m in ("traffic", "orders")]
    folder = workspace(tmp_path, *entries)
    (folder / "drops").mkdir()
    (folder / "drops" / "panel.csv").write_text("Time,shop\n2026-10-01 08:00:00,5\n2026-10-01 08:01:00,many\n")
    assert (
        main(["history", "pull", "--workspace", str(folder), "--now", NOW.isoformat(), "--lang", "en"]) == ExitCode.NO
    )
    out = capsys.readouterr().out
    assert out.count("drops/panel.csv:3: shop: row 3 holds no figure") == 1
    assert out.count("has a problem") == 2
    assert "does not answer" not in out


def test_what_a_dropped_file_leaves_open_is_asked_where_it_can_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [f"{{name: {m}, kind: drop, folder: drops, measure: {m}}}" for m in ("traffic", "orders")]
    folder = workspace(tmp_path, *entries)
    (folder / "drops").mkdir()
    (folder / "drops" / "panel.csv").write_text("Time,shop\n2026-10-01 08:00:00,5\n2026-10-01 08:01:00,6\n")
    main(["history", "pull", "--workspace", str(folder), "--now", NOW.isoformat(), "--lang", "en"])
    out = capsys.readouterr().out
    assert "drops/panel.csv: shop (peak 6): rates per second or counts per bucket?" in out
    assert "say values: rates in sources.traffic of surgeplan.yaml" in out
    assert "sources.orders" not in out


def test_dropped_exports_and_parquet(tmp_path: Path) -> None:
    folder = workspace(
        tmp_path,
        "{name: panel, kind: drop, folder: drops, values: rates, since: 2026-01-01T00:00Z}",
        "{name: lake, kind: drop, folder: lake, measure: orders, since: 2026-01-01T00:00Z}",
    )
    (folder / "drops").mkdir()
    (folder / "lake").mkdir()
    lines = "".join(
        f"2026-10-01 {h:02d}:{m:02d}:00,1.5K req/s,{int(m == 30)}\n" for h in range(8, 10) for m in range(60)
    )
    (folder / "drops" / "panel.csv").write_text("Time,shop,load_test\n" + lines)
    duckdb.execute(
        "COPY (SELECT TIMESTAMPTZ '2026-10-01 00:00:00+00' + INTERVAL (h) HOUR AS starts_at, 7 AS orders FROM"
        f" range(5) t(h)) TO '{folder}/lake/orders.parquet' (FORMAT parquet)"
    )
    found = {one.source.name: one.changes.added for one in pull(open_workspace(folder), NOW, lambda _: None)}
    assert found == {"panel": 120, "lake": 5}
    rows = (folder / "history" / "traffic-panel-2026-10.csv").read_text().splitlines()
    assert (rows[0], rows[1]) == ("starts_at,service,requests_per_second,load_test", "2026-10-01T00:00Z,shop,1500,0")
    assert [row[11:16] for row in rows if row.endswith(",1")] == ["00:30", "01:30"]


def test_dropped_contacts_keep_desk_intent_and_what_the_bot_took(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "{name: desk, kind: drop, folder: drops, measure: contacts, since: 2026-01-01T00:00Z}")
    (folder / "drops").mkdir()
    rows = "".join(
        f"2026-10-01,{h},在线,{name},{n},3\n" for h in range(8, 10) for name, n in (("退款", 9), ("物流", 4))
    )
    (folder / "drops" / "会话.csv").write_text("日期,小时,技能组,问题分类,会话量,机器人解决量\n" + rows)
    assert pulled(folder).changes.added == 4
    assert (folder / "history" / "contacts-desk-2026-10.csv").read_text().splitlines()[:2] == [
        "starts_at,desk,intent,contacts,bot_handled,bot_resolved",
        "2026-10-01T00:00Z,chat,物流,4,,3",
    ]


def test_dropped_parquet_keeps_its_load_test_marker(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "{name: lake, kind: drop, folder: lake, since: 2026-01-01T00:00Z}")
    (folder / "lake").mkdir()
    duckdb.execute(
        "COPY (SELECT TIMESTAMPTZ '2026-10-01 00:00:00+00' + INTERVAL (m) MINUTE AS starts_at, 'shop' AS service,"
        f" 600 AS requests, m = 3 AS load_test FROM range(5) t(m)) TO '{folder}/lake/t.parquet' (FORMAT parquet)"
    )
    assert pulled(folder).changes.added == 5
    rows = (folder / "history" / "traffic-lake-2026-10.csv").read_text().splitlines()
    assert rows[0] == "starts_at,service,requests,load_test"
    assert [row[11:16] for row in rows if row.endswith(",1")] == ["00:03"]


def test_dropped_orders_by_minute_and_by_hour_are_not_counted_twice(tmp_path: Path) -> None:
    source = "{name: shop, kind: drop, folder: drops, measure: orders, since: 2026-01-01T00:00Z}"
    folder = workspace(tmp_path, source)
    (folder / "drops").mkdir()
    hours = "".join(f"2026-10-01T{h:02d}:00:00Z,30\n" for h in range(8, 11))
    minutes = "".join(f"2026-10-01T08:{m:02d}:00Z,1\n" for m in range(60))
    (folder / "drops" / "hours.csv").write_text("time,orders\n" + hours)
    (folder / "drops" / "minutes.csv").write_text("time,orders\n" + minutes)
    pull(open_workspace(folder), NOW, lambda _: None)
    rows = (folder / "history" / "orders-shop-2026-10.csv").read_text().splitlines()[1:]
    assert sum(float(row.partition(",")[2]) for row in rows) == 60 + 30 + 30


def test_rows_before_what_a_source_was_asked_for_are_said(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "{name: panel, kind: drop, folder: drops, values: rates, since: 2026-10-01T00:30Z}")
    (folder / "drops").mkdir()
    lines = "".join(f"2026-10-01 08:{m:02d}:00,5\n" for m in range(60))
    (folder / "drops" / "panel.csv").write_text("Time,shop\n" + lines)
    one = pulled(folder)
    assert one.changes.added == 30
    assert [str(note) for note in one.notes] == [
        "panel: 30 rows before 2026-10-01T08:30+08:00 are not taken (--since takes them)"
    ]


TWO = """{name: ops, kind: drop, folder: ops, measure: orders, since: 2026-01-01T00:00Z}
  - {name: marketing, kind: drop, folder: marketing, measure: orders, since: 2026-01-01T00:00Z}"""


def both_told(folder: Path, ops: dict[int, int], marketing: dict[int, int]) -> tuple[Pulled, Pulled]:
    """Orders by hour of 1 October as each source tells them, pulled; then all that history says of orders."""
    for name, told in (("ops", ops), ("marketing", marketing)):
        (folder / name).mkdir(exist_ok=True)
        rows = "".join(f"2026-10-01T{hour:02d}:00:00Z,{count}\n" for hour, count in told.items())
        (folder / name / "orders.csv").write_text("time,orders\n" + rows)
    first, second = pull(open_workspace(folder), NOW, lambda _: None)
    return first, second


def orders_in(folder: Path) -> list[float]:
    frame = read_orders(open_workspace(folder))
    assert frame is not None
    return [float(count) for count in frame["orders"]]


def test_two_sources_of_one_hour_are_not_added_up_the_one_named_first_counts_and_what_differs_is_said(
    tmp_path: Path,
) -> None:
    folder = workspace(tmp_path, TWO)
    ops, marketing = both_told(folder, {8: 30, 9: 40}, {8: 30, 9: 44})
    assert orders_in(folder) == [30, 40]
    assert ops.contradicted == {}
    assert [str(each) for each in marketing.contradicted.values()] == [
        "marketing and ops differ in 1 figures; ops, named first, counts: 10-01 17:00 40, not 44"
    ]
    assert both_told(folder, {8: 30, 9: 40}, {8: 30, 9: 40})[1].contradicted == {}


def test_who_is_named_first_counts_also_where_the_other_told_it_earlier(tmp_path: Path) -> None:
    folder = workspace(tmp_path, TWO)
    both_told(folder, {8: 30, 9: 40}, {8: 30, 9: 40, 10: 99})
    assert orders_in(folder) == [30, 40, 99]
    ops, _ = both_told(folder, {8: 30, 9: 40, 10: 50}, {8: 30, 9: 40, 10: 99})
    assert orders_in(folder) == [30, 40, 50]
    assert "10-01 18:00 50, not 99" in str(ops.contradicted["ops", "marketing"])


def test_a_second_source_has_told_what_it_tells_though_another_told_it_before(tmp_path: Path) -> None:
    folder = workspace(tmp_path, TWO.replace(", since: 2026-01-01T00:00Z", ""))
    _, marketing = both_told(folder, {8: 30, 9: 40}, {8: 30, 9: 44})
    assert marketing.watermark_utc is not None
    assert len(marketing.contradicted) == 1


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = workspace(tmp_path, "{name: desk, kind: drop, folder: drops/desk, measure: contacts}")
    [problem] = pulled(folder).problems
    assert str(problem) == (
        "surgeplan.yaml sources.desk.folder: there is no folder drops/desk\n  make it, or correct the entry"
    )
