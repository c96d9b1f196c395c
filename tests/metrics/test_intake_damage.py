"""Whatever happens to an export on its way, reading it ends in a table, a question or a refusal."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import exports

from campaign.errors import UserError
from metrics.intake.folder import read_folder
from metrics.intake.records import Answers

ANSWERS = (
    Answers(),
    Answers(ZoneInfo("Asia/Shanghai"), "rates", 8.0, "web", True),
    Answers(ZoneInfo("Europe/Berlin"), "counts", 8.0, "web", False),
)
PIECES = [
    b"", b"-5", b"NaN", b"inf", b"1e400", b"99999999999999999999", b"2026-13-45", b"11/10/2026", b'"', b",", b"\x00",
    b"Time", b"9999-12-31 23:59", b"0001-01-01", b"{}", b"400%", b"\xff\xfe", b"\n", "合计".encode(), "小时".encode(),
]  # fmt: skip
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    exports.grafana_wide(folder / "wide.csv", 30)
    exports.grafana_long(folder / "long.csv")
    exports.text_file(folder / "report.csv", exports.csv_text(exports.hourly_report(30)), "gbk")
    exports.sheet_file(folder / "report.xlsx", {"x": exports.hourly_report(20)})
    exports.access_log(folder / "web-access.log", 30)
    exports.json_log(folder / "app.jsonl")
    exports.kubectl_yaml(folder / "cluster.yaml")
    headings = ["活动名称", "活动类型", "开始时间", "结束时间", "触达人数", "推送时间", "打开率"]
    plan = ["双11", "大促", "2026-11-10 20:00", "2026-11-11", "180万", "2026-11-10 19:55", "4%"]
    exports.text_file(folder / "schedule.csv", exports.csv_text([[*headings], [*plan]]))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        "wide.csv",
        "long.csv",
        "report.csv",
        "report.xlsx",
        "web-access.log",
        "app.jsonl",
        "cluster.yaml",
        "schedule.csv",
    ],
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE, answers=st.sampled_from(ANSWERS))
def test_damaged_exports_are_never_our_bug(
    name: str,
    whole: dict[str, bytes],
    tmp_path: Path,
    damage: list[tuple[float, int, bytes]],
    answers: Answers,
) -> None:
    content = bytearray(whole[name])
    for place, cut, piece in damage:
        at = int(place * len(content))
        content[at : at + cut] = piece
    (tmp_path / name).write_bytes(content)
    with suppress(UserError):
        read_folder(tmp_path, answers)
