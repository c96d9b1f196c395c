"""Exports whose tables have more than times and figures: markers, names as rows, tables under one another."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import exports
import pytest

from campaign.errors import UserError
from campaign.language import use_language
from metrics.intake.folder import read_folder
from metrics.intake.moments import read_moment
from metrics.intake.quantities import read_quantity
from metrics.intake.records import Answers, Recognised, Unanswered

FULL = Answers(exports.SHANGHAI, requests_per_session=2.0, service="shop")
FIRST = int(exports.START.timestamp())


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def read(folder: Path, answers: Answers = FULL) -> list[Recognised]:
    return list(read_folder(folder, answers).recognised)


def values(found: Recognised, measure: str) -> dict[tuple[str, int], float]:
    return next((buckets.values for buckets in found.buckets if buckets.measure == measure), {})


def panel_with_marker(folder: Path, heading: str, cell: object) -> None:
    rows: list[list[object]] = [["Time", "gateway", heading]]
    rows += [
        [f"{t:%Y-%m-%d %H:%M}", f"{exports.level(t)} req/s", cell if i in (2, 3) else 0]
        for i, t in enumerate(exports.times(8, 1))
    ]
    exports.text_file(folder / "panel.csv", exports.csv_text(rows))


@pytest.mark.parametrize(("heading", "cell"), [("load_test", 1), ("压测", "是"), ("Load test", "TRUE")])
def test_a_marker_beside_a_panel_is_no_service_but_marks_its_minutes(
    tmp_path: Path, heading: str, cell: object
) -> None:
    panel_with_marker(tmp_path, heading, cell)
    (found,) = read(tmp_path)
    assert {service for service, _ in values(found, "requests")} == {"gateway"}
    assert sorted(values(found, "load_test")) == [("gateway", FIRST + 120), ("gateway", FIRST + 180)]


def test_the_load_tests_own_traffic_stays_a_series(tmp_path: Path) -> None:
    panel_with_marker(tmp_path, "压测流量", "530 req/s")
    (found,) = read(tmp_path)
    assert len({service for service, _ in values(found, "requests")}) == 2
    assert values(found, "load_test") == {}


def test_a_marker_in_a_report_marks_its_own_service_only(tmp_path: Path) -> None:
    rows: list[list[object]] = [["时间", "服务", "请求数", "是否压测"]]
    for i, t in enumerate(exports.times(4, 5)):
        rows += [[f"{t:%Y-%m-%d %H:%M}", name, 600, "是" if (i, name) == (1, "b") else "否"] for name in "ab"]
    exports.text_file(tmp_path / "report.csv", exports.csv_text(rows))
    (found,) = read(tmp_path)
    assert list(values(found, "load_test")) == [("b", FIRST + 300)]


def test_names_as_rows_are_services_and_a_count_is_a_count(tmp_path: Path) -> None:
    rows: list[list[object]] = [["sensor", "ts_local", "count"]]
    rows += [[name, f"{t:%Y-%m-%d %H:%M:%S}", 7200] for name in ("North Gate", "South") for t in exports.times(3, 60)]
    exports.text_file(tmp_path / "sensors.csv", exports.csv_text(rows))
    (found,) = read(tmp_path)
    assert values(found, "requests")["North-Gate", FIRST] == 2.0
    assert len(values(found, "requests")) == 6


def test_times_beside_words_alone_are_no_panel(tmp_path: Path) -> None:
    rows: list[list[object]] = [["ts_local_edt", "event"], ["2026-10-05 10:00:00", "launch"]]
    exports.text_file(tmp_path / "calendar.csv", exports.csv_text(rows))
    assert [place.file for place in read_folder(tmp_path, Answers()).unknown] == ["calendar.csv"]


def test_a_heading_of_local_time_is_asked_for_its_zone_whatever_it_is_called(tmp_path: Path) -> None:
    rows: list[list[object]] = [["ts_local_edt", "requests"], ["1995-07-01 00:00:00", 42], ["1995-07-01 00:01:00", 6]]
    exports.text_file(tmp_path / "counts.csv", exports.csv_text(rows))
    with pytest.raises(Unanswered) as caught:
        read_folder(tmp_path, Answers())
    assert {question.option for question in caught.value.questions} == {"--time-zone", "--service"}


def test_tables_under_one_another_are_read_each_by_itself(tmp_path: Path) -> None:
    hours = "".join(f"{t:%Y%m%d%H},{exports.level(t)}\n" for t in exports.times(48, 60))
    days = "# Start date: 20261005\nNth day,Active users\n0000,120\n0001,130\n"
    report = (
        f"{days}\n# Start date: 20261005\nDate + hour (YYYYMMDDHH),Sessions\n{hours}\n\nDevice,Sessions\nmobile,3\n"
    )
    exports.text_file(tmp_path / "ga4.csv", report)
    intake = read_folder(tmp_path, FULL)
    assert [found.place.row for found in intake.recognised] == [7]
    assert values(intake.recognised[0], "requests")["shop", FIRST] == exports.level(exports.START) * 2 / 3600
    assert [place.row for place in intake.unknown] == [None, 58]


def test_a_title_and_an_empty_row_begin_no_second_table(tmp_path: Path) -> None:
    rows: list[list[object]] = [["访客日报", "负责人"], [], *exports.hourly_report(24)]
    exports.sheet_file(tmp_path / "日报.xlsx", {"数据": rows})
    (found,) = read(tmp_path)
    assert len(values(found, "requests")) == 24


def test_a_packed_log_cut_short_is_named(tmp_path: Path) -> None:
    line = '1.2.3.4 - - [05/Oct/2026:00:00:00 +0800] "GET /{} HTTP/1.1" 200 12\n'
    packed = gzip.compress("".join(line.format(i * 7919) for i in range(20_000)).encode())
    (tmp_path / "gateway-access.log.gz").write_bytes(packed[:-400])
    with pytest.raises(UserError) as caught:
        read_folder(tmp_path, FULL)
    (problem,) = caught.value.problems
    assert problem.file == "gateway-access.log.gz"
    assert str(problem.what).startswith("cannot be read to its end: ")
    assert str(tmp_path) not in str(problem.what)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    exports.text_file(tmp_path / "bi.csv", exports.csv_text(exports.hourly_report(24), "\t"), encoding)
    (found,) = read(tmp_path)
    assert "read as UTF-16" in map(str, found.notes)


def test_the_old_kind_of_workbook_is_told_from_a_locked_one(tmp_path: Path) -> None:
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))
    with pytest.raises(UserError, match="is of the old"):
        read_folder(tmp_path, FULL)


def test_cut_lines_are_named_by_row_and_empty_ones_are_nothing(tmp_path: Path) -> None:
    line = '1.2.3.4 - - [05/Oct/2026:00:00:00 +0800] "GET / HTTP/1.1" 200 12'
    lines = [line, "", line[30:], *[line] * 20, line[:20], line[:25], line[:30], "", ""]
    exports.text_file(tmp_path / "gateway-access.log", "\n".join(lines))
    (found,) = read(tmp_path)
    assert values(found, "requests") == {("gateway", FIRST): 21 / 60}
    assert "4 lines are cut or of another form: not counted (row 3, 24, 25 …)" in map(str, found.notes)


def test_json_lines_whose_time_is_none_are_said(tmp_path: Path) -> None:
    lines = ['{"time": "2026-10-05T00:00:07+08:00", "host": "a"}'] * 5 + [
        '{"time": "soon", "host": "a"}',
        '{"time": "20',
    ]
    exports.text_file(tmp_path / "app.jsonl", "\n".join(lines))
    (found,) = read(tmp_path)
    assert values(found, "requests") == {("a", FIRST): 5 / 60}
    assert list(map(str, found.notes)) == [
        "1 lines are cut or of another form: not counted (row 7)",
        "1 lines have a time that cannot be read: not counted",
    ]


def test_instances_of_one_service_are_added_up_and_said(tmp_path: Path) -> None:
    legends = [f'{{job=""api"", instance=""10.0.0.{i}:80""}}' for i in (1, 2)]
    rows = [f"{t:%Y-%m-%d %H:%M},5 req/s,6 req/s" for t in exports.times(10, 1)]
    exports.text_file(tmp_path / "panel.csv", "\n".join([f'Time,"{legends[0]}","{legends[1]}"', *rows]))
    (found,) = read(tmp_path)
    assert set(values(found, "requests").values()) == {11.0}
    assert {service for service, _ in values(found, "requests")} == {"api"}
    assert "2 series of api are added up" in map(str, found.notes)


@pytest.mark.parametrize(
    ("written", "day_first", "read"),
    [
        ("10/25/2026 1:00 PM", False, "2026-10-25T13:00:00"),
        ("10/25/2026 12:05:07 AM", False, "2026-10-25T00:05:07"),
        ("Oct 5, 2026, 1:00 PM", None, "2026-10-05T13:00:00"),
        ("Mon, 5 Oct 2026 13:00", None, "2026-10-05T13:00:00"),
        ("05-Oct-2026 13:00:30", None, "2026-10-05T13:00:30"),
        ("2026-10-05 下午1:00", None, "2026-10-05T13:00:00"),
        ("2026/10/5 上午 12:30", None, "2026-10-05T00:30:00"),
        ("2026-10-05 13:00:00 UTC", None, "2026-10-05T13:00:00+00:00"),
        ("5 Foo 2026 13:00", None, None),
        ("2026-10-05 13:00 Uhr", None, None),
    ],
)
def test_times_as_spreadsheets_write_them(written: str, day_first: bool | None, read: str | None) -> None:
    moment = read_moment(written, day_first)
    assert (moment.isoformat() if moment else None) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1,234", 1234.0),
        ("1,234,567.8", 1_234_567.8),
        ("12,34,567", 1_234_567.0),
        ("12 345", 12_345.0),
        ("12,5", None),
        ("0,5", None),
        ("12.345,6", None),
        ("1,2345", None),
        ("1,2万", None),
    ],
)
def test_a_decimal_comma_is_refused_and_never_a_tenfold(written: str, read: float | None) -> None:
    quantity = read_quantity(written)
    assert (quantity.value if quantity else None) == read


COUNTING = """
import re, sys
from pathlib import Path
from metrics.intake.access_logs import recognise
from metrics.intake.moments import read_moment
from metrics.intake.quantities import read_quantity
from metrics.intake.records import Answers, Findings
found = recognise(Path(sys.argv[1]), "access.log", Answers(service="web"), Findings())
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # ru_maxrss would count the parent's
print(round(sum(found.buckets[0].values.values()) * 60), int(peak[1]) // 1024)
"""


@pytest.mark.slow
def test_a_log_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    minutes = 200
    line = '1.2.3.4 - - [05/Oct/2026:{:02d}:{:02d}:00 +0800] "GET /p/1 HTTP/1.1" 200 12 "-" "Mozilla/5.0 (Android)"\n'
    block = "".join(line.format(m // 60, m % 60) * 50 for m in range(minutes)).encode()
    told = {}
    for blocks in (40, 400):
        log = tmp_path / f"{blocks}.log"
        with open(log, "wb") as file:
            file.writelines(block for _ in range(blocks))
        done = subprocess.run([sys.executable, "-c", COUNTING, str(log)], capture_output=True, text=True, check=True)
        requests, mebibytes = map(int, done.stdout.split())
        assert requests == blocks * minutes * 50
        told[blocks] = mebibytes
        log.unlink()
    assert told[400] < told[40] + 150 < 900


def test_an_end_is_no_offset() -> None:
    assert read_moment("2026-11-10 20:00-22:00") is None
    assert read_moment("2026-11-10 20:00-08:00") is not None
