"""A system whose traffic and readings are in a real Prometheus: two days, with what is hidden in them said here."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.warroom.live_event import LEVEL, START
from warroom.live.due import HOUR

MINUTE = timedelta(minutes=1)
DAYS = timedelta(hours=48)
JUMP = START + timedelta(minutes=90)
BACK = JUMP + timedelta(minutes=40)
RISE, FALL = START + 30 * HOUR, START + 34 * HOUR
DEAD = "http://127.0.0.1:9"
PLAN = """\
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T20:00+08:00
channels:
  - {name: app-push, sends: [{at: 2026-11-11T20:00+08:00, reach: 900000, open_ratio: 0.04}]}
moments:
  - {at: 2026-11-10T20:00:00+08:00, kind: opening}
"""
SYSTEM = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 40, min: 2, max: 40}
    slo: {p99_ms: 300, error_ratio: 0.001}
roles: {lin: marketing, wang: "sre, ops"}
sources:
  - name: prom
    kind: prometheus
    url: "%(url)s"
    since: 2026-11-10T06:00Z
    query: "sum by (service) (increase(requests_total[2m])) / 2"
  - {name: errors, kind: prometheus-reading, reading: error_ratio, url: "%(url)s", query: errors}
  - {name: p99, kind: prometheus-reading, reading: p99_ms, url: "%(url)s", query: p99}
  - {name: ready, kind: prometheus-reading, reading: ready_replicas, url: "%(url)s", query: ready}
"""


def rate_at(at: datetime) -> float:
    """What comes: as forecast, but for forty minutes of half as much again, and four hours of 45 % more a day later."""
    return LEVEL * (1.5 if JUMP <= at < BACK else 1.45 if RISE <= at < FALL else 1.0)


def exposition() -> str:
    moments = [START - timedelta(hours=7) + n * MINUTE for n in range(int((DAYS + timedelta(hours=10)) / MINUTE))]
    total, counts = 0.0, ["# TYPE requests counter"]
    for at in moments:
        counts.append(f'requests_total{{service="storefront"}} {total:.0f} {at.timestamp():.0f}')
        total += 60 * rate_at(at)
    gauges = {"errors": 0.0004, "p99": 180.0, "ready": 38.0}
    for name, value in gauges.items():
        counts.append(f"# TYPE {name} gauge")
        counts += [f'{name}{{service="storefront"}} {value} {at.timestamp():.0f}' for at in moments]
    return "\n".join(counts) + "\n# EOF\n"


def reads_from(folder: Path, url: str) -> None:
    (folder / "surgeplan.yaml").write_text(SYSTEM % {"url": url}, "utf-8")
