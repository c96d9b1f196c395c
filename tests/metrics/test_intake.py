"""Exports as they come: each gives the right table, or the right question."""

from __future__ import annotations

import gzip
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import exports

import metrics.intake
from campaign.documents import read_yaml
from campaign.errors import UserError
from campaign.language import use_language
from metrics.intake.folder import Intake, read_folder
from metrics.intake.headings import plain
from metrics.intake.records import Answers, Recognised, Unanswered

ZONE = ZoneInfo("Asia/Shanghai")
FULL = Answers(time_zone=ZONE, values="rates", requests_per_session=8.0, service="web", day_first=True)
HEADINGS = Path(metrics.intake.__file__).parent / "policy" / "headings.yaml"
FIRST = int(exports.START.timestamp())


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def only(folder: Path, answers: Answers = FULL) -> Recognised:
    intake = read_folder(folder, answers)
    assert len(intake.recognised) == 1
    return intake.recognised[0]


def figures(found: Recognised, measure: str = "requests") -> dict[tuple[str, int], float]:
    return next(buckets.values for buckets in found.buckets if buckets.measure == measure)


def seconds(found: Recognised, measure: str = "requests") -> int:
    return next(buckets.seconds for buckets in found.buckets if buckets.measure == measure)


def notes(found: Recognised) -> list[str]:
    return [str(note) for note in found.notes]


def asked(folder: Path, answers: Answers) -> list[tuple[str, str]]:
    with pytest.raises(Unanswered) as caught:
        read_folder(folder, answers)
    return [(question.option, str(question.what)) for question in caught.value.questions]


def refused(folder: Path, answers: Answers = FULL) -> list[tuple[str, str, int | None, str]]:
    with pytest.raises(UserError) as caught:
        read_folder(folder, answers)
    return [(p.file, p.key, p.line, str(p.what)) for p in caught.value.problems]


# --- Grafana -----------------------------------------------------------------------------------------------------


def test_grafana_wide_with_si_suffixes_and_local_times(tmp_path: Path) -> None:
    exports.grafana_wide(tmp_path / "panel.csv")
    found = only(tmp_path, Answers(time_zone=ZONE))
    assert (found.reader, seconds(found)) == ("grafana", 60)
    assert figures(found)["gateway", FIRST] == pytest.approx(round(exports.level(exports.START) / 10, 1) * 1000)
    assert figures(found)["checkout", FIRST] == exports.level(exports.START)
    assert [str(column.meaning) for column in found.columns][1:] == [
        "requests per second of gateway",
        "requests per second of checkout",
    ]


@pytest.mark.parametrize(
    ("heading", "zone"),
    [
        ("ts_utc", "UTC"),
        ("Time (UTC)", "UTC"),
        ("时间(北京时间)", "Asia/Shanghai"),
        ("Time (GMT+8)", "Etc/GMT-8"),
        ("统计时间（UTC+08:00）", "Etc/GMT-8"),
        ("Time (Europe/Berlin)", "Europe/Berlin"),
        ("Time (GMT-03:00)", "Etc/GMT+3"),
    ],
)
def test_a_zone_in_the_heading_is_taken(tmp_path: Path, heading: str, zone: str) -> None:
    rows = [[heading, "checkout"], ["2026-10-05 00:00:00", "5 req/s"], ["2026-10-05 00:01:00", "5 req/s"]]
    exports.text_file(tmp_path / "panel.csv", exports.csv_text(rows))
    first = datetime(2026, 10, 5, tzinfo=ZoneInfo(zone))
    assert min(at for _, at in figures(only(tmp_path, Answers()))) == int(first.timestamp())


def test_a_local_time_is_asked_for_its_zone(tmp_path: Path) -> None:
    rows = [["ts_local", "checkout"], ["2026-10-05 00:00:00", "5 req/s"], ["2026-10-05 00:01:00", "5 req/s"]]
    exports.text_file(tmp_path / "panel.csv", exports.csv_text(rows))
    assert asked(tmp_path, Answers())[0][0] == "--time-zone"


def test_no_heading_has_two_meanings() -> None:
    content = read_yaml(HEADINGS, "headings.yaml").content
    meanings = [(plain(alias), role) for role, aliases in content.items() for alias in aliases]
    roles = {alias: {role for other, role in meanings if other == alias} for alias, _ in meanings}
    assert {alias: found for alias, found in roles.items() if len(found) > 1} == {}


def test_readings_every_15_seconds_become_minutes(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Time", "checkout"]]
    rows += [[(exports.START + timedelta(seconds=15 * i)).isoformat(), f"{10 + i % 4} req/s"] for i in range(40)]
    exports.text_file(tmp_path / "panel.csv", exports.csv_text(rows))
    found = only(tmp_path)
    assert seconds(found) == 60
    assert set(figures(found).values()) == {11.5}


def test_the_repeated_hour_of_autumn_is_told_apart_by_order(tmp_path: Path) -> None:
    start = datetime(2026, 10, 25, 0, tzinfo=UTC) - timedelta(hours=1)
    berlin = ZoneInfo("Europe/Berlin")
    instants = [start + timedelta(minutes=30 * i) for i in range(10)]
    rows = [["Time", "web"]] + [[f"{t.astimezone(berlin):%Y-%m-%d %H:%M:%S}", "5 req/s"] for t in instants]
    exports.text_file(tmp_path / "panel.csv", exports.csv_text(rows))
    found = only(tmp_path, replace(FULL, time_zone=berlin))
    assert sorted(at for _, at in figures(found)) == [int(t.timestamp()) for t in instants]
    assert "2 times of the repeated hour are told apart by order" in notes(found)


def test_repeated_rows_count_once(tmp_path: Path) -> None:
    rows = [["Time", "web"], ["2026-10-05T00:00Z", "5 req/s"], ["2026-10-05T00:01Z", "6 req/s"]]
    exports.text_file(tmp_path / "panel.csv", exports.csv_text([*rows, rows[2]]))
    found = only(tmp_path)
    assert len(figures(found)) == 2
    assert "1 repeated rows are left out" in notes(found)


# --- business reports --------------------------------------------------------------------------------------------


def test_chinese_report_in_gbk_asks_how_many_requests_a_visit_makes(tmp_path: Path) -> None:
    exports.text_file(tmp_path / "流量.csv", exports.csv_text(exports.hourly_report()), "gbk")
    questions = asked(tmp_path, Answers(time_zone=ZONE, service="web"))
    assert questions == [("--requests-per-session", "only 访客数 are known, no requests")]
    found = only(tmp_path)
    assert "read as GB18030 (GBK)" in notes(found)
    assert figures(found)["web", FIRST] == pytest.approx(exports.level(exports.START) * 100 * 8 / 3600)
    assert figures(found, "orders")["", FIRST] == exports.level(exports.START)


def test_workbook_with_merged_title_totals_row_and_thousands(tmp_path: Path) -> None:
    rows = exports.hourly_report(48)
    body = [[d, f"{h}:00-{h + 1}:00", f"{visitors / 10000}万", f"{orders:,}"] for d, h, visitors, orders in rows[1:]]
    title: list[list[object]] = [["核心数据日报（自动导出）", None, None, None], rows[0]]
    total: list[list[object]] = [["合计", None, "999万", "1,234,567"]]
    exports.sheet_file(tmp_path / "日报.xlsx", {"数据": [*title, *body, *total]}, merged="A1:D1")
    found = only(tmp_path)
    assert found.place.sheet == "数据"
    assert len(figures(found)) == 48
    assert figures(found)["web", FIRST] == pytest.approx(exports.level(exports.START) * 100 * 8 / 3600)
    assert "the first 1 rows are a title, not data" in notes(found)
    assert "totals in row 51 are left out" in notes(found)


def test_requests_per_service_and_five_minutes(tmp_path: Path) -> None:
    rows = [["统计时间", "服务", "请求数"]]
    rows += [
        [f"{t:%Y年%m月%d日 %H:%M}", s, exports.level(t) * 300] for t in exports.times(24, 5) for s in ("pay", "web")
    ]
    exports.text_file(tmp_path / "apm.csv", exports.csv_text(rows))
    found = only(tmp_path)
    assert seconds(found) == 300
    assert figures(found)["pay", FIRST] == pytest.approx(exports.level(exports.START))


def test_slashed_dates_that_can_only_be_one_are_not(tmp_path: Path) -> None:
    rows = [["Time", "Requests", "Service"]]
    rows += [[f"10/25/2026 0{i}:00", 3600, "web"] for i in range(5)]
    exports.text_file(tmp_path / "report.csv", exports.csv_text(rows))
    found = only(tmp_path, replace(FULL, day_first=None))
    assert figures(found)["web", int(datetime(2026, 10, 25, tzinfo=ZONE).timestamp())] == 1.0


def test_two_sheets_are_two_tables(tmp_path: Path) -> None:
    schedule: list[list[object]] = [
        ["活动名称", "开始时间", "结束时间", "活动类型", "预算"],
        ["双11", "2026-11-10 20:00", "2026-11-11", "大促", "120万"],
    ]
    exports.sheet_file(
        tmp_path / "大促.xlsx", {"流量": exports.hourly_report(24), "排期": schedule, "备注": [["随便写写"]]}
    )
    intake = read_folder(tmp_path, FULL)
    assert [(r.place.sheet, r.kind) for r in intake.recognised] == [("流量", "traffic"), ("排期", "plans")]
    assert [place.sheet for place in intake.unknown] == ["备注"]


# --- support, marketing, cluster ------------------------------------------------------------------------------------


def test_support_report_by_desk_and_half_hour(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["日期", "时段", "技能组", "会话量", "机器人接待量", "机器人解决量", "平均处理时长(秒)"]
    ]
    for t in exports.times(48, 30):
        end = t + timedelta(minutes=30)
        rows.append([f"{t:%Y-%m-%d}", f"{t:%H:%M}-{end:%H:%M}", "在线客服一组", 40, 30, 12, 300])
        rows.append([f"{t:%Y-%m-%d}", f"{t:%H:%M}-{end:%H:%M}", "在线客服二组", 10, 5, 2, 320])
        rows.append([f"{t:%Y-%m-%d}", f"{t:%H:%M}-{end:%H:%M}", "热线", 7, 0, 0, 240])
    exports.text_file(tmp_path / "会话报表.csv", exports.csv_text(rows), "gb18030")
    found = only(tmp_path)
    assert (found.kind, seconds(found, "contacts")) == ("contacts", 1800)
    assert figures(found, "contacts")["chat", FIRST] == 50
    assert figures(found, "contacts")["phone", FIRST] == 7
    assert figures(found, "bot_resolved")["chat", FIRST] == 14


def test_what_contacts_were_about_is_kept(tmp_path: Path) -> None:
    rows: list[list[object]] = [["日期", "小时", "技能组", "问题分类", "会话量", "机器人解决量"]]
    for t in exports.times(4, 60):
        day = f"{t:%Y-%m-%d}"
        rows += [[day, t.hour, "在线一组", "退款", 7, 2], [day, t.hour, "在线二组", "退款", 3, 1]]
        rows += [[day, t.hour, "在线一组", "物流", 5, 4], [day, t.hour, "在线一组", "", 1, 0]]
    exports.text_file(tmp_path / "会话报表.csv", exports.csv_text(rows))
    found = only(tmp_path)
    now = {key: figure for (key, at), figure in figures(found, "contacts").items() if at == FIRST}
    assert now == {"chat/退款": 10, "chat/物流": 5, "chat": 1}
    assert figures(found, "bot_resolved")["chat/退款", FIRST] == 3


def test_schedule_sheet_becomes_plans(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["2026 下半年大促排期", None, None, None, None, None, None, None],
        ["活动名称", "活动类型", "开始时间", "结束时间", "渠道", "触达人数", "推送时间", "预算"],
        ["双11 开门红", "大促", "2026-11-10 20:00", "2026-11-11", "app-push", "180万", "2026-11-10 19:55", "-"],
        [None, None, None, None, "douyin", None, None, "30w"],
        ["会员日", "会员日", "2026/12/01", "2026/12/01", "sms", "5,000", "2026/12/01 10:00", ""],
    ]
    exports.sheet_file(tmp_path / "排期.xlsx", {"排期": rows})
    first, second = only(tmp_path).plans
    assert (first.id, first.kind) == ("double11-2026-11-10", "flagship")
    assert first.starts_at.isoformat() == "2026-11-10T20:00:00+08:00"
    assert first.ends_at.isoformat() == "2026-11-12T00:00:00+08:00"
    assert first.channels[0].sends[0].reach == 1_800_000
    assert first.channels[0].sends[0].at.isoformat() == "2026-11-10T19:55:00+08:00"
    assert (first.channels[1].name, first.channels[1].spend) == ("douyin", 300_000)
    assert (second.kind, second.ends_at.isoformat()) == ("member-day", "2026-12-02T00:00:00+08:00")


def test_a_schedules_livestreams_become_slots(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["活动名称", "开始时间", "结束时间", "直播间", "开播时间", "下播时间", "预计场观（万）"],
        ["双11", "2026-11-10 20:00", "2026-11-11", "官方旗舰店", "2026-11-10 19:00", "2026-11-11 02:00", 120],
        [None, None, None, "达人专场", None, None, 50],
    ]
    exports.sheet_file(tmp_path / "排期.xlsx", {"排期": rows})
    [plan] = only(tmp_path).plans
    slots = {channel.name: channel.slots[0] for channel in plan.channels}
    assert slots["官方旗舰店"].starts_at.isoformat() == "2026-11-10T19:00:00+08:00"
    assert slots["官方旗舰店"].ends_at.isoformat() == "2026-11-11T02:00:00+08:00"
    assert slots["官方旗舰店"].expected_viewers == 1_200_000
    assert (slots["达人专场"].starts_at, slots["达人专场"].ends_at) == (plan.starts_at, plan.ends_at)
    rows[1][4] = "晚上"
    exports.sheet_file(tmp_path / "排期.xlsx", {"排期": rows})
    [(_file, _key, line, what)] = refused(tmp_path)
    assert (line, what) == (2, "开播时间: 晚上 is not a time")


@pytest.mark.parametrize(
    ("headings", "cells"),
    [
        (("直播时间",), ("11月10日 20:00-22:00",)),
        (("直播时段",), ("11月10日（周二）晚8-10点",)),
        (("直播日期", "直播时间"), ("11月10日", "20:00-22:00")),
        (("直播日期", "开播时间", "下播时间"), ("11月10日", "20:00", "22:00")),
    ],
)
def test_a_schedule_writes_a_livestreams_times_as_marketers_do(
    tmp_path: Path, headings: tuple[str, ...], cells: tuple[str, ...]
) -> None:
    rows: list[list[object]] = [
        ["活动名称", "开始时间", "结束时间", "直播间", "预计场观", *headings],
        ["双11", "2026-11-09 20:00", "2026-11-11", "官方旗舰店", "50万", *cells],
    ]
    exports.sheet_file(tmp_path / "排期.xlsx", {"排期": rows})
    [plan] = only(tmp_path).plans
    slot = plan.channels[0].slots[0]
    assert (slot.starts_at.isoformat(), slot.ends_at.isoformat()) == (
        "2026-11-10T20:00:00+08:00",
        "2026-11-10T22:00:00+08:00",
    )


@pytest.mark.parametrize(
    ("heading", "cell", "told"),
    [
        ("推送时间", "11月10日", "推送时间: 11月10日 has no hour"),
        ("推送时间", "待定", "推送时间: 待定 is not a time"),
        ("推送时间", "20:00", "推送时间: 20:00 has no day"),
    ],
)
def test_a_schedules_send_whose_time_is_open_is_not_put_at_the_start(
    tmp_path: Path, heading: str, cell: str, told: str
) -> None:
    rows = [["活动名称", "开始时间", "结束时间", "渠道", "触达人数", heading]]
    rows.append(["双11", "2026-11-10 20:00", "2026-11-11", "短信", "180", cell])
    exports.text_file(tmp_path / "排期.csv", exports.csv_text(rows))
    [(_file, _key, line, what)] = refused(tmp_path)
    assert (line, what) == (2, told)


def test_a_schedules_livestream_without_an_end_is_said(tmp_path: Path) -> None:
    rows = [["活动名称", "开始时间", "结束时间", "直播间", "预计场观", "直播时间"]]
    rows.append(["双11", "2026-11-10 20:00", "2026-11-11", "旗舰店", "5000", "11月10日 21:00"])
    exports.text_file(tmp_path / "排期.csv", exports.csv_text(rows))
    found = only(tmp_path)
    assert found.plans[0].channels[0].slots[0].ends_at == found.plans[0].ends_at
    assert "a livestream without an end is taken to last as long as its campaign" in " ".join(map(str, found.notes))


def test_a_schedules_headings_may_name_units_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    rows = [["活动名称", "开始时间", "结束时间", "渠道", "触达人数(万)", "预算（万元）", "折扣"]]
    rows.append(["双11", "2026-11-10 20:00", "2026-11-11", "短信", "180", "30", "30%"])
    exports.text_file(tmp_path / "排期.csv", exports.csv_text(rows))
    [plan] = only(tmp_path).plans
    assert plan.channels[0].name == "短信"
    assert plan.channels[0].sends[0].reach == 1_800_000
    assert plan.channels[1].spend == 300_000
    assert plan.drivers == {"discount_ratio": 0.3}
    rows[1][-1] = "7折"
    exports.text_file(tmp_path / "排期.csv", exports.csv_text(rows))
    [(_file, _key, line, what)] = refused(tmp_path)
    assert (line, what) == (2, "折扣: 7折 is not a number")


def test_last_years_figures_in_a_sheet_become_observed(tmp_path: Path) -> None:
    rows = [["活动名称", "开始时间", "结束时间", "峰值QPS", "峰值时间", "实际UV", "实际订单"]]
    rows.append(["双11", "2025-11-10 20:00", "2025-11-11", "3.8万", "2025-11-10 20:00", "320万", "18w"])
    exports.text_file(tmp_path / "复盘.csv", exports.csv_text(rows))
    [plan] = only(tmp_path).plans
    assert plan.observed is not None
    assert plan.observed.peak_requests_per_second == 38_000
    assert plan.observed.peak_at == datetime(2025, 11, 10, 12, tzinfo=UTC)
    assert (plan.observed.sessions, plan.observed.orders) == (3_200_000, 180_000)
    assert plan.observed.source == "复盘.csv"


def test_packed_tables_are_read_and_cut_ones_named(tmp_path: Path) -> None:
    exports.grafana_wide(tmp_path / "panel.csv")
    packed = gzip.compress((tmp_path / "panel.csv").read_bytes())
    (tmp_path / "panel.csv").unlink()
    (tmp_path / "panel.csv.gz").write_bytes(packed)
    assert len(figures(only(tmp_path))) == 400
    (tmp_path / "panel.csv.gz").write_bytes(packed[:-10])
    [(file, _key, _line, what)] = refused(tmp_path)
    assert file == "panel.csv.gz"
    assert what.startswith("cannot be unpacked")


def test_a_campaign_that_ends_before_it_starts_is_named_with_its_row(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Campaign", "Start", "End"], ["Launch", "2026-11-10 20:00", "2026-11-10 09:00"]]
    exports.text_file(tmp_path / "plan.csv", exports.csv_text(rows))
    [(file, _key, line, what)] = refused(tmp_path)
    assert (file, line) == ("plan.csv", 2)
    assert "is not after starts_at" in what


def test_kubectl_objects_give_services_and_bounds(tmp_path: Path) -> None:
    exports.kubectl_yaml(tmp_path / "cluster.yaml")
    found = only(tmp_path)
    checkout, mailer = found.services
    assert (checkout.replicas, checkout.min_replicas, checkout.max_replicas) == (8, 4, 60)
    assert (checkout.cpu_cores, checkout.memory_gib) == (2.0, 3.5)
    assert (mailer.name, mailer.cpu_cores) == ("mailer", None)
    assert notes(found) == ["1 workloads of the cluster's own namespaces are left out"]


# --- access logs ----------------------------------------------------------------------------------------------------


def test_combined_log_is_counted_by_minute(tmp_path: Path) -> None:
    exports.access_log(tmp_path / "checkout-access.log.gz")
    found = only(tmp_path, Answers())
    assert figures(found) == {("checkout", FIRST + 60 * i): 1.0 for i in range(10)}


@pytest.mark.parametrize("form", [{}, {"key": "ts", "epoch": True}, {"key": "time_iso8601"}])
def test_json_logs(tmp_path: Path, form: dict[str, object]) -> None:
    exports.json_log(tmp_path / "app.jsonl", **form)  # type: ignore[arg-type]
    found = only(tmp_path, Answers())
    assert figures(found) == {("coupon", FIRST + 60 * i): 1.0 for i in range(5)}


def test_json_log_without_offset_asks_for_the_zone(tmp_path: Path) -> None:
    exports.json_log(tmp_path / "app.jsonl", naive=True)
    assert asked(tmp_path, Answers())[0][0] == "--time-zone"
    found = only(tmp_path, Answers(time_zone=ZoneInfo("UTC")))
    assert figures(found)["coupon", FIRST] == 1.0


# --- files that cannot be used --------------------------------------------------------------------------------------


def test_protected_and_broken_workbooks_and_empty_files_are_all_named(tmp_path: Path) -> None:
    exports.encrypted_workbook(tmp_path / "a.xlsx")
    exports.broken_workbook(tmp_path / "b.xlsx")
    exports.text_file(tmp_path / "c.csv", "")
    problems = refused(tmp_path)
    assert [file for file, *_ in problems] == ["a.xlsx", "b.xlsx", "c.csv"]
    assert problems[0][3] == "is protected by a password"
    assert problems[1][3].startswith("is no readable workbook")
    assert problems[2][3] == "is empty"


def test_binary_files_and_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\x00\x01\x02" * 100)
    assert refused(tmp_path) == [("x.csv", "", None, "is not text in UTF-8, UTF-16 or GB18030")]
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="holds no files"):
        read_folder(tmp_path / "none", FULL)


def test_what_nothing_recognises_is_left_and_said(tmp_path: Path) -> None:
    exports.text_file(tmp_path / "notes.csv", "hello,world\n1,2\n")
    exports.text_file(tmp_path / "slides.pptx", "not read")
    assert read_folder(tmp_path, FULL) == Intake((), tuple(p for p in read_folder(tmp_path, FULL).unknown))
    assert [place.file for place in read_folder(tmp_path, FULL).unknown] == ["notes.csv", "slides.pptx"]


def test_all_questions_of_all_files_come_at_once(tmp_path: Path) -> None:
    exports.grafana_wide(tmp_path / "a.csv")
    exports.text_file(tmp_path / "b.csv", exports.csv_text(exports.hourly_report(24)))
    exports.access_log(tmp_path / "access.log")
    options = {(option) for option, _ in asked(tmp_path, Answers())}
    assert options == {"--time-zone", "--service"}


def test_visits_are_asked_about_only_where_no_file_tells_requests(tmp_path: Path) -> None:
    exports.text_file(tmp_path / "b.csv", exports.csv_text(exports.hourly_report(24)))
    alone = {option for option, _ in asked(tmp_path, Answers(time_zone=ZONE))}
    assert alone == {"--requests-per-session", "--service"}
    exports.grafana_wide(tmp_path / "a.csv")
    panel, report = read_folder(tmp_path, Answers(time_zone=ZONE)).recognised
    assert [buckets.measure for buckets in report.buckets] == ["orders"]
    assert "visits are not used for traffic, other files tell requests; --requests-per-session would use them" in notes(
        report
    )
    assert {key for key, _ in figures(panel)} == {"gateway", "checkout"}
