"""Export files as they come, in Chinese and English, each with the table, the question or the refusal that it gives."""

from __future__ import annotations

import gzip
from dataclasses import replace

import exports
from exports import level, text_file, times
from wild_parts import (
    BERLIN,
    GA4,
    GAPS,
    IN_TEN_THOUSANDS,
    LONG_LOG,
    MARKED,
    NOTHING_SAID,
    NOW,
    PLAN,
    SERVICE,
    STACKED,
    TITLE,
    WEB,
    WIDE,
    ZONE,
    Asks,
    Export,
    Gives,
    Refuses,
    autumn,
    bytes_of,
    kubectl_json,
    panel,
    report,
    sheets,
    support,
    text,
)

from metrics.intake.records import Answers

GRAFANA = (
    Export(
        "panel.csv",
        exports.grafana_wide,
        ZONE,
        Gives("grafana", WIDE, {("requests", "checkout"): NOW, ("requests", "gateway"): round(NOW / 10, 1) * 1000}),
    ),
    Export(
        "browser-time.csv",
        exports.grafana_wide,
        NOTHING_SAID,
        Asks("--time-zone", "its times have no offset (first: 2026-10-05 00:00)"),
    ),
    Export(
        "epoch.csv",
        exports.grafana_epoch,
        NOTHING_SAID,
        Asks("--rates|--counts", "rates per second or counts per bucket?"),
    ),
    Export(
        "epoch-counts.csv",
        exports.grafana_epoch,
        Answers(values="counts"),
        Gives("grafana", {"requests": (60, 200)}, {("requests", "checkout"): NOW / 60}),
    ),
    Export(
        "expression.csv",
        lambda path: exports.grafana_epoch(path, 'sum(rate(http_requests_total{service="checkout"}[1m]))'),
        NOTHING_SAID,
        Gives("grafana", figures={("requests", "checkout"): NOW}),
    ),
    Export(
        "请求数.csv",
        lambda path: exports.grafana_epoch(path, "checkout 请求数", lambda n: n / 313),
        NOTHING_SAID,
        Asks("--rates|--counts", "is called a count, but has fractions (peak 0.3"),
    ),
    Export(
        "series.csv",
        exports.grafana_long,
        Answers(values="rates"),
        Gives("grafana", {"requests": (60, 240)}, {("requests", "gateway"): NOW + 0.5}),
    ),
    Export(
        "for-excel.csv",
        text(panel(), ";", "utf-8-sig", "sep=;\n"),
        ZONE,
        Gives("grafana", {"requests": (60, 60)}),
    ),
    Export(
        "gaps.csv",
        text(GAPS),
        ZONE,
        Gives("grafana", {"requests": (60, 56)}, notes=("4 empty cells are missing, not zero",)),
    ),
    Export(
        "时间.csv",
        text(panel(" 次/秒", "时间(北京时间)")),
        NOTHING_SAID,
        Gives("grafana", {"requests": (60, 60)}, {("requests", "checkout"): NOW}),
    ),
    Export(
        "utc.csv",
        text(panel(heading="Time (UTC+8)")),
        NOTHING_SAID,
        Gives("grafana", {"requests": (60, 60)}, {("requests", "checkout"): NOW}),
    ),
    Export("per-minute.csv", text(panel(" rpm")), ZONE, Gives("grafana", figures={("requests", "checkout"): NOW / 60})),
    Export("marked.csv", text(MARKED), ZONE, Gives("grafana", {"requests": (60, 9), "load_test": (60, 2)})),
    Export(
        "latency.csv",
        text(panel(" ms")),
        NOTHING_SAID,
        Gives("grafana", notes=("its unit is ms, not requests: not used",)),
    ),
    Export(
        "two-hours.csv",
        text(panel(step=120)),
        ZONE,
        Gives("grafana", notes=("one figure per 120 minutes is too coarse: not used",)),
    ),
    Export(
        "autumn.csv",
        text(autumn()),
        replace(ZONE, time_zone=BERLIN),
        Gives("grafana", {"requests": (1800, 10)}, notes=("2 times of the repeated hour are told apart by order",)),
    ),
    Export(
        "spring.csv",
        text([["Time", "web"], ["2026-03-29 02:30:00", "5 req/s"], ["2026-03-29 03:30:00", "5 req/s"]]),
        replace(ZONE, time_zone=BERLIN),
        Refuses("clocks never showed the time in row 2", 2),
    ),
    Export(
        "broken-cell.csv",
        text([*panel()[:3], ["2026-10-05 00:02:00", "many"]]),
        ZONE,
        Refuses("checkout: row 4 holds no figure", 4),
    ),
    Export(
        "negative.csv",
        text([*panel()[:3], ["2026-10-05 00:02:00", "-3 req/s"]]),
        ZONE,
        Refuses("checkout: row 4 is negative", 4),
    ),
    Export(
        "twice.csv",
        text([*panel()[:3], ["2026-10-05 00:01:00", "9 req/s"]]),
        ZONE,
        Refuses("rows 3 and 4 give two figures of checkout at 2026-10-04T16:01Z", 4),
    ),
)

REPORTS = (
    Export(
        "流量.csv",
        text(report("日期", "小时", "访客数", "支付订单数"), encoding="gbk"),
        SERVICE,
        Asks("--requests-per-session", "only 访客数 are known, no requests"),
    ),
    Export(
        "流量-已答.csv",
        text(report("日期", "小时", "访客数", "支付订单数"), encoding="gbk"),
        WEB,
        Gives(
            "report",
            {"requests": (3600, 48), "orders": (3600, 48)},
            {("requests", "web"): NOW * 800 / 3600, ("orders", ""): NOW},
            ("read as GB18030 (GBK)",),
        ),
    ),
    Export(
        "日报.xlsx",
        sheets(
            "A1:D1",
            数据=[
                *TITLE,
                ["日期", "时段", "访客数", "支付订单数"],
                *IN_TEN_THOUSANDS,
                ["合计", None, "999万", "1,234,567"],
            ],
        ),
        WEB,
        Gives(
            "report",
            {"requests": (3600, 48), "orders": (3600, 48)},
            {("requests", "web"): NOW * 800 / 3600},
            ("the first 1 rows are a title, not data", "totals in row 51 are left out"),
        ),
    ),
    Export(
        "日报-坏格.xlsx",
        sheets(数据=[["日期", "小时", "请求数"], ["2026-10-05", 0, 60], ["2026-10-05", 1, "六十"]]),
        WEB,
        Refuses("请求数: row 3 holds no figure", 3, "数据"),
    ),
    Export(
        "ga4.csv",
        text(
            [
                ["Date + hour (YYYYMMDDHH)", "Sessions", "Ecommerce purchases"],
                *([f"{t:%Y%m%d%H}", level(t), 3] for t in times(48, 60)),
            ],
            head=GA4,
        ),
        WEB,
        Gives("report", {"requests": (3600, 48)}, {("requests", "web"): NOW * 8 / 3600}),
    ),
    Export(
        "ga4-stacked.csv",
        lambda path: text_file(path, STACKED),
        WEB,
        Gives("report", {"requests": (3600, 48)}, {("requests", "web"): NOW * 8 / 3600}),
    ),
    Export(
        "growingio.csv",
        text(
            [
                ["时间", "访问量", "订单量"],
                *([f"{t:%Y-%m-%d %H:00}", f"{level(t) * 100:,}", level(t)] for t in times(48, 60)),
            ]
        ),
        WEB,
        Gives("report", {"requests": (3600, 48)}, {("requests", "web"): NOW * 800 / 3600}),
    ),
    Export(
        "utf-16.txt",
        text(report("Date", "Hour", "Sessions", "Orders"), "\t", "utf-16"),
        WEB,
        Gives("report", {"requests": (3600, 48)}, notes=("read as UTF-16",)),
    ),
    Export(
        "utf-16-unmarked.csv",
        text(report("日期", "小时", "会话数", "订单数"), "\t", "utf-16-le"),
        WEB,
        Gives("report", {"requests": (3600, 48)}, notes=("read as UTF-16",)),
    ),
    Export(
        "日汇总.csv",
        text([["日期", "访客数", "GMV"], *([f"{t:%Y/%m/%d}", "180w", "¥3,400,000"] for t in times(10, 1440))]),
        WEB,
        Gives("report", notes=("figures per day are too coarse for traffic: not used",)),
    ),
    Export(
        "apm.csv",
        text(
            [
                ["统计时间", "服务", "请求数"],
                *([f"{t:%Y年%m月%d日 %H:%M}", s, level(t) * 300] for t in times(24, 5) for s in ("pay", "web")),
            ]
        ),
        ZONE,
        Gives("report", {"requests": (300, 48)}, {("requests", "pay"): NOW}),
    ),
    Export(
        "us-dates.csv",
        text([["Time", "Requests", "Service"], ["10/05/2026 00:00", 60, "web"], ["10/06/2026 00:00", 60, "web"]]),
        ZONE,
        Asks("--day-first|--month-first", "is the day first or the month?"),
    ),
    Export(
        "no-service.csv",
        text([["Time", "Requests"], *([t.isoformat(), 3600] for t in times(5, 60))]),
        ZONE,
        Asks("--service", "it does not say of which service"),
    ),
)

OTHERS = (
    Export(
        "us-schedule.csv",
        text([["Campaign", "Start", "End"], ["Black Friday", "11/27/2026 8:00 PM", "11/28/2026"]]),
        ZONE,
        Gives("schedule", plans=("black-friday-2026-11-27",)),
    ),
    Export(
        "either-schedule.csv",
        text([["Campaign", "Start", "End"], ["Launch", "11/10/2026 8:00 PM", "11/12/2026"]]),
        ZONE,
        Asks("--day-first|--month-first", "11/10/2026 8:00 PM: is the day first or the month?"),
    ),
    Export(
        "会话明细.csv",
        text(
            [
                ["会话ID", "会话开始时间", "技能组", "问题分类", "客服"],
                ["a1", "2026-10-05 00:01:09", "在线", "退款", "小王"],
                ["a2", "2026-10-05 00:29:59", "在线", "退款", "小李"],
                ["a2", "2026-10-05 00:29:59", "在线", "退款", "小李"],
                ["a3", "2026-10-05 01:30:00", "在线", "物流", "小李"],
            ]
        ),
        ZONE,
        Gives("support", {"contacts": (1800, 4)}, {("contacts", "chat/退款"): 2}),
    ),
    Export(
        "zendesk-tickets.csv",
        text(
            [
                ["Ticket ID", "Created at", "Group"],
                *([i, f"{t:%b %d, %Y, %I:%M %p}", "Email"] for i, t in enumerate(times(5, 10))),
            ]
        ),
        ZONE,
        Gives("support", {"contacts": (1800, 2)}, {("contacts", "ticket"): 3}),
    ),
    Export(
        "会话报表.csv",
        text(support(), encoding="gb18030"),
        ZONE,
        Gives(
            "support",
            {"contacts": (1800, 8), "bot_resolved": (1800, 8)},
            {("contacts", "chat/退款"): 50, ("contacts", "phone/物流"): 7, ("bot_resolved", "chat/退款"): 14},
        ),
    ),
    Export(
        "zendesk.csv",
        text(
            [
                ["Date", "Hour", "Ticket channel", "Tickets created"],
                *([f"{t:%Y-%m-%d}", t.hour, "Email", 12] for t in times(24, 60)),
            ]
        ),
        ZONE,
        Gives("support", {"contacts": (3600, 24)}, {("contacts", "ticket"): 12}),
    ),
    Export("排期.xlsx", sheets(排期=PLAN), ZONE, Gives("schedule", plans=("double11-2026-11-10",))),
    Export(
        "schedule.csv",
        text([["Campaign", "Start", "End"], ["Launch", "2026-11-10 20:00", "2026-11-10 09:00"]]),
        ZONE,
        Refuses("is not after starts_at", 2),
    ),
    Export(
        "cluster.yaml",
        exports.kubectl_yaml,
        NOTHING_SAID,
        Gives(
            "kubectl",
            services=("checkout", "mailer"),
            notes=("1 workloads of the cluster's own namespaces are left out",),
        ),
    ),
    Export("cluster.json", kubectl_json, NOTHING_SAID, Gives("kubectl", services=("checkout", "mailer"))),
    Export(
        "checkout-access.log.gz",
        exports.access_log,
        NOTHING_SAID,
        Gives("access-log", {"requests": (60, 10)}, {("requests", "checkout"): 1.0}),
    ),
    Export("access.log", exports.access_log, NOTHING_SAID, Asks("--service", "it does not say of which service")),
    Export(
        "vhost-access.log",
        lambda path: exports.access_log(path, host="shop.example.com:443 ", cut=True),
        NOTHING_SAID,
        Gives(
            "access-log",
            {"requests": (60, 10)},
            {("requests", "shop.example.com"): 1.0},
            ("1 lines are cut or of another form: not counted (row 601)",),
        ),
    ),
    Export(
        "app.jsonl",
        exports.json_log,
        NOTHING_SAID,
        Gives("access-log", {"requests": (60, 5)}, {("requests", "coupon"): 1.0}),
    ),
    Export(
        "app-naive.jsonl",
        lambda path: exports.json_log(path, naive=True),
        NOTHING_SAID,
        Asks("--time-zone", "its times have no offset"),
    ),
    Export("cut-access.log.gz", bytes_of(gzip.compress(LONG_LOG)[:-400]), WEB, Refuses("cannot be read to its end")),
    Export("locked.xlsx", exports.encrypted_workbook, ZONE, Refuses("is protected by a password")),
    Export("half.xlsx", exports.broken_workbook, ZONE, Refuses("is no readable workbook")),
    Export(
        "old.xls", bytes_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)), ZONE, Refuses("is of the old .xls kind")
    ),
    Export("empty.csv", bytes_of(b""), ZONE, Refuses("is empty")),
    Export("picture.csv", bytes_of(b"\x00\x01\x02" * 100), ZONE, Refuses("is not text in UTF-8, UTF-16 or GB18030")),
)

EXPORTS = (*GRAFANA, *REPORTS, *OTHERS)
