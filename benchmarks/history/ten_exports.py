"""`surgeplan init DIR --from FOLDER` on ten exports: wall time and largest resident size.

    python benchmarks/history/ten_exports.py

Four Grafana panels (two services, five days of minutes; two services, a year of hours), a year of an hourly report and
of orders as workbooks, half-hours of contacts for a year in GBK, a schedule, kubectl's objects, and an access log of a
million lines: all made by this script in a temporary folder.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "metrics"))
sys.path.insert(0, str(Path(__file__).parent))

import exports
from access_logs import make_log

NOW = datetime(2026, 10, 20, tzinfo=ZoneInfo("Asia/Shanghai"))


def panel(path: Path, services: tuple[str, ...], minutes: int, count: int) -> None:
    start = NOW - timedelta(minutes=minutes * count)
    rows: list[list[object]] = [["Time", *services]]
    for t in exports.times(count, minutes, start):
        rows.append([f"{t:%Y-%m-%d %H:%M:%S}", *(f"{exports.level(t) * 10 / 1000:.3f}K req/s" for _ in services)])
    exports.text_file(path, exports.csv_text(rows, quote=True))


def make_exports(folder: Path) -> None:
    for name in ("a", "b"):
        panel(folder / f"grafana-minutes-{name}.csv", (f"{name}1", f"{name}2"), 1, 7_200)
        panel(folder / f"grafana-hours-{name}.csv", (f"{name}1", f"{name}2"), 60, 8_760)
    start = NOW - timedelta(days=365)
    visits = exports.hourly_report(8_760, start)
    exports.sheet_file(
        folder / "流量日报.xlsx", {"数据": [["流量", None, None], *([d, h, v] for d, h, v, _ in visits)]}
    )
    exports.sheet_file(folder / "订单.xlsx", {"数据": [[d, h, o] for d, h, _, o in visits]})
    asked: list[list[object]] = [["日期", "时段", "技能组", "会话量"]]
    for t in exports.times(17_520, 30, start):
        asked.append([f"{t:%Y-%m-%d}", f"{t:%H:%M}-{t + timedelta(minutes=30):%H:%M}", "在线客服", 40])
    exports.text_file(folder / "会话报表.csv", exports.csv_text(asked), "gbk")
    plan = ["双11", "大促", "2026-11-10 20:00", "2026-11-11 23:59", "180万"]
    exports.sheet_file(
        folder / "排期.xlsx", {"排期": [["活动名称", "活动类型", "开始时间", "结束时间", "触达人数"], plan]}
    )
    exports.kubectl_yaml(folder / "cluster.yaml")
    make_log(folder / "access.log", 1_000_000)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_exports(Path(folder) / "exports")
        begun = time.perf_counter()
        options = ["--time-zone", "Asia/Shanghai", "--requests-per-session", "12", "--service", "web", "--json"]
        command = [sys.executable, "-m", "surgeplan", "init", str(Path(folder) / "shop"), "--from"]
        done = subprocess.run([*command, str(Path(folder) / "exports"), *options], capture_output=True, text=True)
        seconds = time.perf_counter() - begun
        if done.returncode:
            sys.exit(done.stderr)
        found = json.loads(done.stdout)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(json.dumps({"files": len(found["files"]), "services": len(found["services"]), "unknown": found["unknown"],
                          "seconds": round(seconds, 1), "largest_resident_gib": round(largest, 2)}))  # fmt: skip


if __name__ == "__main__":
    main()
