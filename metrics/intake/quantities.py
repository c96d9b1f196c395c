"""Figures as people and tools write them: `12.4K req/s`, `1,234`, `180万`, `180w`, `-`, `180` below `(万)`."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache

MISSING = frozenset(
    {"", "-", "--", "—", "–", "/", "n/a", "na", "#n/a", "null", "none", "nan", "undefined", "无", "暂无"}
)
SUFFIXES = {
    "": 1.0, "百": 1e2, "k": 1e3, "K": 1e3, "千": 1e3, "w": 1e4, "W": 1e4, "万": 1e4, "M": 1e6, "Mil": 1e6, "mil": 1e6,
    "百万": 1e6, "千万": 1e7, "亿": 1e8, "G": 1e9, "B": 1e9, "Bil": 1e9, "bil": 1e9, "Tri": 1e12,
}  # fmt: skip
"""Grafana's short unit writes K, Mil, Bil, Tri; its SI units k, M, G; Chinese sheets 万 and w."""
RATES_PER_SECOND = {
    **dict.fromkeys(
        ("req/s", "reqs/s", "r/s", "reqps", "rps", "qps", "tps", "ops/s", "ops", "cps", "c/s", "/s", "次/秒", "笔/秒"),
        1.0,
    ),
    **dict.fromkeys(("req/min", "reqs/min", "rpm", "ops/min", "opm", "cpm", "c/m", "/min", "次/分", "次/分钟"), 1 / 60),
}
COUNTS = frozenset(
    {
        "req",
        "reqs",
        "requests",
        "次",
        "个",
        "人",
        "单",
        "笔",
        "条",
        "件",
        "张",
        "份",
        "位",
        "名",
        "人次",
        "观众",
        "people",
        "viewers",
        "users",
        "元",
        "¥",
        "￥",
    }
)
# Commas and blanks part groups of three (or two, as India writes); `12,5` is a decimal comma or a slip, never 125.
GROUPS = r"\d{1,3}(?:[,\u00a0 _]\d{2,3})*[,\u00a0 _]\d{3}(?!\d)"
NUMBER = re.compile(rf"^([¥￥$]?)\s*([+-]?(?:(?:{GROUPS}|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(?!,)(.*)$")
# Two-letter suffixes before one-letter ones, so that `Mil` is not `M` of `il`.
LEADING_SUFFIX = re.compile(r"^(Mil|mil|Bil|bil|Tri|百万|千万|[kKwWMGB百千万亿])(?![A-Za-z])\s*(.*)$")

IN_BRACKETS = re.compile(r"[(\[【]\s*(?:单位|unit)?[\s:]*([^\d.,)\]】][^)\]】]*?)\s*[)\]】]\s*$", re.IGNORECASE)
AFTER_SLASH = re.compile(r"(?<=.)/\s*((?:[百千]?万|[百千亿])?(?:人次|[人元张次份])?(?<!/)|%|[kKwW])\s*$")
"""A unit as sheets also write it: `观看人数/万`."""
WORDS = {"thousand": "K", "thousands": "K", "'000": "K", "000": "K", "000s": "K", "million": "M", "millions": "M"}
"""How English headings say them: `(thousands)`, `(in millions)`, `('000)`."""
WORD = re.compile(rf"[(\[]\s*(?:in\s+)?({'|'.join(WORDS)})(?:\s+(?:of\s+)?[a-z]+)?\s*[)\]]\s*$", re.IGNORECASE)
SAYS_A_SIZE = re.compile(r"[百千万亿]|单位|\bunits?\b|thousand|million|\d", re.IGNORECASE)
"""What tells a unit from a remark: `(百单)`, `(单位：场)`, never `(含回放)`."""
CURRENCIES = {
    "CNY": "元 人民币 rmb cny ¥", "USD": "美元 us$ usd $", "HKD": "港币 港元 hk$ hkd", "EUR": "欧元 eur €",
    "GBP": "英镑 gbp £", "JPY": "日元 jpy", "SGD": "新元 s$ sgd", "TWD": "新台币 nt$ twd",
}  # fmt: skip
MONEY = re.compile(r"(百万|千万|[百千万亿kKwWM]?)\s*(\D+)")

BARE = re.compile(r"[\d.,+\-\s_eE]+")


@dataclass(frozen=True)
class Quantity:
    """A figure: None where the cell says that there is none.

    rate: the figure times this is per second, None where the cell does not call it a rate. unit: any other unit.
    """

    value: float | None
    rate: float | None = None
    unit: str = ""


def read_quantity(cell: object) -> Quantity | None:
    """The figure in a cell; None where it is no figure at all."""
    if cell is None or isinstance(cell, bool | datetime):
        return Quantity(None) if cell is None else None
    if isinstance(cell, int | float):
        return Quantity(float(cell)) if math.isfinite(cell) else Quantity(None)
    text = unicodedata.normalize("NFKC", str(cell)).strip()
    if text.lower() in MISSING:
        return Quantity(None)
    found = NUMBER.match(text)
    if found is None:
        return None
    number = float(re.sub(r"[,\u00a0 _]", "", found[2]))
    return _with_unit(number, found[3].strip())


def _with_unit(number: float, rest: str) -> Quantity | None:
    if not math.isfinite(number):
        return None
    if rest in RATES_PER_SECOND:
        return Quantity(number, RATES_PER_SECOND[rest])
    suffix = LEADING_SUFFIX.match(rest)
    if suffix:
        number, rest = number * SUFFIXES[suffix[1]], suffix[2].strip()
    if not rest or rest in COUNTS:
        return Quantity(number)
    if rest.lower() in RATES_PER_SECOND:
        return Quantity(number, RATES_PER_SECOND[rest.lower()])
    if len(rest) > 8 or re.search(r"\d", rest):
        return None
    return Quantity(number, unit=rest)


def quantity_below(heading: str, cell: object) -> Quantity | None:
    """The figure in a cell whose heading may name its unit: `1000` below `触达人数(万)` is `1000万`."""
    read, unit = read_quantity(cell), unit_in(heading)
    if read is None or read.value is None or unit == Quantity(1.0) or not is_bare(cell):
        return read
    return Quantity(read.value * (unit.value or 1), unit=unit.unit)


def is_bare(cell: object) -> bool:
    """Whether a cell says a number and nothing of its unit."""
    return BARE.fullmatch(unicodedata.normalize("NFKC", str(cell))) is not None


@cache
def unit_in(heading: str) -> Quantity:
    """One of what the heading's end says: ten thousand of `(万元)` or `/万`, `%` of `(%)`; 1 of anything else."""
    found = _unit_text(heading)
    one = read_quantity(f"1{found}") if found else None
    return one if one is not None and one.rate is None and one.unit in ("", "%") else Quantity(1.0)


def currency_in(heading: str) -> str:
    """The currency that the brackets at a heading's end name, `USD` of `(万美元)`; empty where they name none."""
    return _money(heading)[1]


def _money(heading: str) -> tuple[str, str]:
    found = IN_BRACKETS.search(unicodedata.normalize("NFKC", heading))
    for size, name in MONEY.findall(found[1].strip()) if found else ():
        for code, names in CURRENCIES.items():
            if name.strip().lower() in names.split():
                return size, code
    return "", ""


def unknown_unit(heading: str) -> str:
    """The brackets at a heading's end where they name a unit that nobody here can read; empty where they do not."""
    found = IN_BRACKETS.search(unicodedata.normalize("NFKC", heading))
    if found is None or currency_in(heading) or not SAYS_A_SIZE.search(found[0]):
        return ""
    one = read_quantity(f"1{_unit_text(heading)}")
    return "" if one is not None and one.rate is None and one.unit in ("", "%") else found[0].strip()


def _unit_text(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading)
    size, currency = _money(text)
    if currency:
        return f"{size}元"
    word = WORD.search(text)
    if word:
        return WORDS[word[1].lower()]
    found = IN_BRACKETS.search(text) or AFTER_SLASH.search(text)
    return found[1].strip() if found else ""
