"""A plan as the YAML that a marketer would write: comments, no keys left empty."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from campaign.documents import FileRecord
from campaign.plan import Plan
from surgeplan.examples.double11.truth import HISTORY_STARTS_AT, ZONE

COMMENTS = {
    "kind": "同类大促之间才可比",
    "part_of": "同一大促的几个波次共用群组事项",
    "drivers": "D-3 时已知、可能解释规模的数字",
    "channels": "怎么触达用户：推送按时刻，直播按时段，投放按金额",
    "moments": "流量会跳变的时刻，精确到秒",
    "offers": "用户会问客服和机器人的优惠",
    "expected": "市场部自己的预期；事后打分，不会被直接采信",
    "observed": "实际发生的数字（分钟级数据已过期）",
}
SECTIONS = ("channels", "moments", "offers")


def plan_text(plan: Plan) -> str:
    """The plan as YAML text; reading it gives the same plan."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield "# 合成示例数据：由 surgeplan init --example double11 生成，不是真实店铺。"
    if plan.starts_at < HISTORY_STARTS_AT:
        yield "# 这场大促早于 history/ 里的流量，只知道复盘里的几个数字。"
    content = {k: v for k, v in dumped(plan).items() if k != "schema_version"}
    yield "schema_version: 1"
    for key, value in content.items():
        comment = f"   # {COMMENTS[key]}" if key in COMMENTS else ""
        if key in SECTIONS:
            yield f"{key}:{comment}"
            yield from (f"  - {flow(item)}" for item in value)
        elif isinstance(value, dict) and key != "owner":
            yield f"{key}:{comment}"
            yield from (f"  {name}: {flow(part)}" for name, part in value.items())
        else:
            yield f"{key}: {flow(value)}{comment}"


def dumped(record: FileRecord) -> dict[str, Any]:
    """What a record says beyond its defaults, in the record's order."""
    defaults = type(record).model_fields
    return {
        name: _plain(getattr(record, name))
        for name, field in defaults.items()
        if getattr(record, name) is not None and getattr(record, name) != field.default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, FileRecord):
        return dumped(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value


def flow(value: Any) -> str:
    """A value in YAML's one-line form; texts that YAML could misread are quoted."""
    if isinstance(value, datetime):
        local = value.astimezone(ZONE)
        return local.isoformat(timespec="seconds" if local.second else "minutes")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(part) for part in value) + "]"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, str):
        plain = value.replace("-", "").replace("_", "").replace(" ", "")
        return value if plain.isalnum() and not plain.isdigit() else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
