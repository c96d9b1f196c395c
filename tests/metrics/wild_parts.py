"""What exports of the wild are made of, and what may come of one: a table, a question, a refusal.

The formats are those that tools document (Grafana's "Download CSV", GA4's and BI reports, those of Udesk and Zendesk,
combined and JSON logs, kubectl's lists); the damage is what happens to such files on their way through spreadsheets.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exports
from exports import START, csv_text, level, sheet_file, text_file, times

from metrics.intake.records import Answers

BERLIN = ZoneInfo("Europe/Berlin")
NOTHING_SAID = Answers()
ZONE = Answers(time_zone=exports.SHANGHAI)
SERVICE = replace(ZONE, service="web")
WEB = replace(ZONE, service="web", requests_per_session=8.0)
FIRST = int(START.timestamp())
NOW = level(START)


@dataclass(frozen=True)
class Gives:
    """A table: its reader, and per measure bucket length in seconds, number of figures and some of them.

    figures: (measure, key) to the figure at START. notes: what must be said about it.
    """

    reader: str
    buckets: dict[str, tuple[int, int]] = field(default_factory=dict)
    figures: dict[tuple[str, str], float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asks:
    """A question: the option that answers it, and words of it."""

    option: str
    words: str


@dataclass(frozen=True)
class Refuses:
    """A refusal: words of it, and the sheet and row that it names."""

    words: str
    row: int | None = None
    sheet: str = ""


@dataclass(frozen=True)
class Export:
    """A file, how it is made, what people said beforehand, and what must come of it."""

    file: str
    make: Callable[[Path], object]
    answers: Answers
    gives: Gives | Asks | Refuses


def text(
    rows: list[list[object]], separator: str = ",", encoding: str = "utf-8", head: str = ""
) -> Callable[[Path], object]:
    return lambda path: text_file(path, head + csv_text(rows, separator), encoding)


def sheets(merged: str = "", **named: list[list[object]]) -> Callable[[Path], object]:
    return lambda path: sheet_file(path, named, merged)


def bytes_of(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def panel(unit: str = " req/s", heading: str = "Time", step: int = 1, count: int = 60) -> list[list[object]]:
    return [[heading, "checkout"], *([f"{t:%Y-%m-%d %H:%M:%S}", f"{level(t)}{unit}"] for t in times(count, step))]


def report(*headings: str, count: int = 48) -> list[list[object]]:
    """Date and hour, then a hundred visitors for each request per second, orders and the like."""
    rows = ([f"{t:%Y-%m-%d}", t.hour, level(t) * 100, level(t)] for t in times(count, 60))
    return [list(headings), *rows]


def support(count: int = 4) -> list[list[object]]:
    rows: list[list[object]] = [["日期", "时段", "技能组", "问题分类", "会话量", "机器人解决量"]]
    for t in times(count, 30):
        span = f"{t:%H:%M}-{t + timedelta(minutes=30):%H:%M}"
        rows += [
            [f"{t:%Y-%m-%d}", span, "在线一组", "退款", 40, 12],
            [f"{t:%Y-%m-%d}", span, "在线二组", "退款", 10, 2],
        ]
        rows += [[f"{t:%Y-%m-%d}", span, "热线", "物流", 7, 0]]
    return rows


def autumn() -> list[list[object]]:
    """Half-hours around the hour that Berlin's clocks show twice."""
    first = datetime(2026, 10, 25, tzinfo=UTC) - timedelta(hours=1)
    instants = [first + timedelta(minutes=30 * i) for i in range(10)]
    return [["Time", "web"], *([f"{t.astimezone(BERLIN):%Y-%m-%d %H:%M:%S}", "5 req/s"] for t in instants)]


def kubectl_json(path: Path) -> object:
    from ruamel.yaml import YAML

    return text_file(path, json.dumps(YAML(typ="safe").load(exports.KUBECTL), indent=2))


GAPS = [
    *panel()[:20],
    *([f"2026-10-05 00:{m}:00", cell] for m, cell in zip(range(19, 23), ("-", "N/A", "null", ""), strict=True)),
    *panel()[24:],
]
TITLE: list[list[object]] = [["核心数据日报（自动导出）", None, None, None]]
IN_TEN_THOUSANDS = [[d, f"{h}:00-{h + 1}:00", f"{v / 10000}万", f"{o:,}"] for d, h, v, o in report("", "", "", "")[1:]]  # type: ignore[operator]
PLAN: list[list[object]] = [
    ["活动名称", "活动类型", "开始时间", "结束时间", "渠道", "触达人数"],
    ["双11 开门红", "大促", "2026-11-10 20:00", "2026-11-11", "app-push", "180万"],
    [None, None, None, None, "sms", "30w"],
]
RULE = "# " + "-" * 40 + "\n"
GA4 = f"{RULE}# Traffic acquisition\n# Start date: 20261005\n{RULE}"
STACKED = "# Start date: 20261005\nNth day,Active users\n0000,120\n0001,130\n\n# Start date: 20261005\n" + csv_text(
    [["Date + hour (YYYYMMDDHH)", "Sessions"], *([f"{t:%Y%m%d%H}", level(t)] for t in times(48, 60))]
)
MARKED = [
    ["Time", "checkout", "是否压测"],
    *([f"{t:%Y-%m-%d %H:%M}", f"{level(t)} req/s", "是" if t.minute in (2, 3) else "否"] for t in times(9, 1)),
]
LINE = '1.2.3.4 - - [05/Oct/2026:00:00:00 +0800] "GET /{} HTTP/1.1" 200 12\n'
LONG_LOG = "".join(LINE.format(i * 7919) for i in range(20_000)).encode()
WIDE = {"requests": (60, 400)}
