"""Export files made after the documented formats, in the states the wild has them in."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import Workbook

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 10, 5, tzinfo=SHANGHAI)


def level(at: datetime) -> int:
    """A day's rhythm, in whole requests per second."""
    return round(200 + 150 * math.sin((at.astimezone(SHANGHAI).hour - 9) / 24 * 2 * math.pi))


def times(count: int, minutes: int, start: datetime = START) -> Iterator[datetime]:
    return (start + timedelta(minutes=minutes * i) for i in range(count))


def text_file(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def sheet_file(path: Path, sheets: dict[str, list[list[object]]], merged: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = Workbook()
    for number, (title, rows) in enumerate(sheets.items()):
        sheet = workbook.active if number == 0 else workbook.create_sheet()
        assert sheet is not None
        sheet.title = title
        for row in rows:
            sheet.append(row)
        if merged and number == 0:
            sheet.merge_cells(merged)
    workbook.save(path)
    return path


def csv_text(rows: list[list[object]], separator: str = ",", quote: bool = False) -> str:
    def cell(value: object) -> str:
        return f'"{value}"' if quote or separator in str(value) else str(value)

    return "\n".join(separator.join(map(cell, row)) for row in rows) + "\n"


def grafana_wide(path: Path, count: int = 200) -> Path:
    rows = [["Time", "gateway", "checkout"]]
    rows += [[f"{t:%Y-%m-%d %H:%M:%S}", f"{level(t) / 10:.1f}K req/s", f"{level(t)} req/s"] for t in times(count, 1)]
    return text_file(path, csv_text(rows, quote=True))


def grafana_epoch(path: Path, legend: str = '{service="checkout"}', values: Callable[[int], float] = float) -> Path:
    rows: list[list[object]] = [["Time", legend]]
    rows += [[int(t.timestamp() * 1000), values(level(t))] for t in times(200, 1)]
    return text_file(path, csv_text(rows, quote=True).replace(f'"{legend}"', '"' + legend.replace('"', '""') + '"'))


def grafana_long(path: Path) -> Path:
    rows = [["Series", "Time", "Value"]]
    rows += [[name, t.isoformat(), level(t) + 0.5] for t in times(120, 1) for name in ("gateway", "checkout")]
    return text_file(path, csv_text(rows, ";"))


def hourly_report(count: int = 24 * 14, start: datetime = START) -> list[list[object]]:
    rows: list[list[object]] = [["日期", "小时", "访客数", "支付订单数"]]
    rows += [[f"{t:%Y-%m-%d}", t.hour, level(t) * 100, level(t)] for t in times(count, 60, start)]
    return rows


def combined_line(at: datetime, path: str = "/p/1", host: str = "") -> str:
    stamp = at.astimezone(SHANGHAI).strftime("%d/%b/%Y:%H:%M:%S %z")
    return f'{host}203.0.113.9 - - [{stamp}] "GET {path} HTTP/1.1" 200 1234 "-" "Mozilla/5.0"'


def access_log(path: Path, count: int = 600, host: str = "", cut: bool = False) -> Path:
    lines = [combined_line(START + timedelta(seconds=i), host=host) for i in range(count)]
    text = "\n".join(lines) + "\n"
    if cut:
        text = text[:-40] + "\n" + lines[-1][20:50] + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
    return path


def json_log(path: Path, key: str = "@timestamp", epoch: bool = False, naive: bool = False) -> Path:
    lines = []
    for i in range(300):
        at = (START + timedelta(seconds=i)).astimezone(UTC)
        stamp: object = at.timestamp() if epoch else f"{at:%Y-%m-%dT%H:%M:%S}" + ("" if naive else ".000Z")
        lines.append(json.dumps({key: stamp, "service": "coupon", "status": 200, "path": "/领券"}))
    return text_file(path, "\n".join(lines) + "\n")


def kubectl_yaml(path: Path) -> Path:
    return text_file(path, KUBECTL)


def encrypted_workbook(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2048) + "EncryptedPackage".encode("utf-16-le"))
    return path


def broken_workbook(path: Path) -> Path:
    stream = io.BytesIO()
    Workbook().save(stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream.getvalue()[:500])
    return path


KUBECTL = """\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: checkout, namespace: shop}
  spec:
    replicas: 8
    template:
      spec:
        containers:
        - name: app
          resources: {requests: {cpu: 1500m, memory: 3Gi}, limits: {memory: 4Gi}}
        - name: sidecar
          resources: {requests: {cpu: 500m, memory: 512Mi}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: coredns, namespace: kube-system}
  spec: {replicas: 2, template: {spec: {containers: [{name: coredns}]}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: mailer, namespace: shop}
  spec: {replicas: 1, template: {spec: {containers: [{name: mailer}]}}}
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: checkout-hpa, namespace: shop}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: checkout}
    minReplicas: 4
    maxReplicas: 60
"""
