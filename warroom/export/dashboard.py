"""A Grafana dashboard of one campaign: what comes, the frozen band, the re-forecast, the capacity, moments and sends.

The classic dashboard model that every Grafana imports (schemaVersion 39, Grafana 10.4 and newer). The data source is a
variable, so that the file fits any server. Markers and alerts are annotations read from the war room's gauges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from campaign.language import _
from warroom.chat.messages import TAG
from warroom.export.alert_rules import LONG, SHORT, Subject
from warroom.export.queries import demand_query, error_share_query, reading_query

Json = dict[str, Any]
SCHEMA_VERSION = 39
WIDTH, STAT_HEIGHT, CHART_HEIGHT = 24, 4, 9
UID_LENGTH = 40
SOURCE = {"type": "prometheus", "uid": "${prometheus}"}
BLUE, GREY, AMBER, RED, GREEN = "#1f6feb", "#8a99a8", "#975a16", "#c8322b", "#2f855a"
AROUND = timedelta(hours=2)


def dashboard(subject: Subject) -> Json:
    """The dashboard as JSON."""
    plan = subject.plan
    return {
        "uid": uid_of(plan.id),
        "title": _("War room: {name}").format(name=plan.title),
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": subject.settings.zone_of(plan).key,
        "time": {"from": _instant(plan.starts_at - AROUND), "to": _instant(plan.ends_at + AROUND)},
        "templating": {"list": [_source_variable()]},
        "annotations": {"list": _annotations(subject)},
        "panels": [*_placed([*_stats(subject), *_charts(subject)])],
    }


def uid_of(campaign: str) -> str:
    """At most forty letters, different for every campaign."""
    whole = f"{TAG}-{campaign}"
    return whole if len(whole) <= UID_LENGTH else f"{whole[:31]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _source_variable() -> Json:
    return {"name": "prometheus", "type": "datasource", "query": "prometheus", "label": "Prometheus", "refresh": 1,
            "hide": 0, "multi": False, "includeAll": False, "regex": "", "options": [], "current": {}}  # fmt: skip


def _annotations(subject: Subject) -> list[Json]:
    """Moments and sends at their own time, alerts while they stand, and what the war room posted here."""
    campaign = f'campaign="{subject.plan.id}"'
    markers = f"max by (kind, name) (surgeplan_marker_timestamp_seconds{{{campaign}}}) * 1000"
    alerts = f"max by (rule, subject, direction) (surgeplan_alert_open{{{campaign}}})"
    grafana = {"type": "grafana", "uid": "-- Grafana --"}
    return [
        {"name": "Annotations & Alerts", "builtIn": 1, "datasource": grafana, "enable": True, "hide": True,
         "iconColor": GREY, "type": "dashboard"},
        {"name": _("Moments and sends"), "datasource": SOURCE, "enable": True, "iconColor": BLUE, "expr": markers,
         "step": "60s", "useValueForTime": True, "titleFormat": "{{kind}}", "textFormat": "{{name}}"},
        {"name": _("Alerts"), "datasource": SOURCE, "enable": True, "iconColor": RED, "expr": alerts, "step": "60s",
         "titleFormat": "{{rule}} {{direction}}", "textFormat": "{{subject}}"},
        {"name": _("Messages of the war room"), "datasource": grafana, "enable": True, "iconColor": AMBER,
         "target": {"type": "tags", "tags": [TAG], "matchAny": False, "limit": 200}},
    ]  # fmt: skip


def _stats(subject: Subject) -> Iterator[Json]:
    campaign = f'campaign="{subject.plan.id}"'
    least, near = subject.rules.prometheus.headroom_min_ratio, 60 * subject.rules.capacity.fires_minutes
    calls = {"0": ("GO", GREEN), "1": ("WATCH", AMBER), "2": ("ACT", RED), "3": ("ACT", RED)}
    called = [{"type": "value", "options": {k: {"text": t, "color": c} for k, (t, c) in calls.items()}}]
    status = _stat(_("Status"), f"max(surgeplan_alert_level{{{campaign}}})", "none", [(None, GREEN), (1, RED)])
    status["fieldConfig"]["defaults"]["mappings"] = called
    yield status
    yield _stat(_("Least head-room"), f"min(surgeplan_headroom_ratio{{{campaign}}})", "percentunit",
                [(None, RED), (least, AMBER), (2 * least, GREEN)])  # fmt: skip
    yield _stat(_("Time to capacity"), f"min(surgeplan_time_to_capacity_seconds{{{campaign}}})", "s",
                [(None, RED), (near, AMBER), (4 * near, GREEN)])  # fmt: skip
    yield _stat(_("Oldest watermark"), f"max(surgeplan_oldest_watermark_age_seconds{{{campaign}}})", "s",
                [(None, GREEN), (2 * 3600, AMBER), (4 * 3600, RED)])  # fmt: skip


def _stat(title: str, query: str, unit: str, steps: Sequence[tuple[float | None, str]]) -> Json:
    thresholds = {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}
    return {
        "type": "stat",
        "title": title,
        "datasource": SOURCE,
        "targets": [_target("A", query, title)],
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": thresholds, "mappings": []}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto",
                    "colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto"},
    }  # fmt: skip


def _charts(subject: Subject) -> Iterator[Json]:
    for service in subject.services:
        yield _demand_chart(subject, service)
    burning = list(_burn_lines(subject))
    if burning:
        yield _chart(_("Errors, times what the objective allows"), "none", burning)
    campaign = f'campaign="{subject.plan.id}"'
    yield _chart(_("Head-room by service"), "percentunit",
                 [("{{service}}", f"min by (service) (surgeplan_headroom_ratio{{{campaign}}})", {})])  # fmt: skip
    yield _chart(_("Age of sources"), "s",
                 [("{{source}} {{measure}}", f"max by (source, measure) (surgeplan_source_age_seconds{{{campaign}}})",
                   {})])  # fmt: skip


def _burn_lines(subject: Subject) -> Iterator[tuple[str, str, Json]]:
    """How fast each service uses up its objective's errors: what the alert compares with `burn_rate`."""
    for service in subject.services:
        most = subject.settings.service(service).slo.error_ratio
        for over, width in ((SHORT, 1), (LONG, 2)):
            share = error_share_query(subject.settings, subject.policy, service, over)
            if most is not None and share:
                yield f"{service} {over}", f"({share}) / {most:g}", {"lineWidth": width}


def _demand_chart(subject: Subject, service: str) -> Json:
    def quantile(gauge: str, name: str) -> str:
        chosen = f'campaign="{subject.plan.id}",service="{service}",quantile="{name}"'
        return f"max(surgeplan_{gauge}_requests_per_second{{{chosen}}})"

    low, high = _("frozen p10"), _("frozen p90")
    capacity = f'max(surgeplan_capacity_requests_per_second{{campaign="{subject.plan.id}",service="{service}"}})'
    lines: list[tuple[str, str, Json]] = [
        (low, quantile("forecast", "p10"), {"lineWidth": 0}),
        (high, quantile("forecast", "p90"), {"lineWidth": 0, "fillBelowTo": low, "fillOpacity": 20}),
        (_("frozen p50"), quantile("forecast", "p50"), {"lineWidth": 1}),
        (_("frozen p99"), quantile("forecast", "p99"), {"lineWidth": 1, "lineStyle": {"fill": "dot", "dash": [1, 6]}}),
        (_("re-forecast p50"), quantile("reforecast", "p50"), {"lineStyle": {"fill": "dash", "dash": [8, 6]}}),
        (_("re-forecast p90"), quantile("reforecast", "p90"), {"lineWidth": 1}),
        (_("capacity"), capacity, {"lineWidth": 2}),
        (_("actual"), demand_query(subject.settings, subject.policy, service), {"lineWidth": 2}),
    ]
    colours = (GREY, GREY, GREY, GREY, AMBER, AMBER, RED, BLUE)
    panel = _chart(_("{service}: requests per second").format(service=service), "reqps", lines)
    for override, colour in zip(panel["fieldConfig"]["overrides"], colours, strict=True):
        override["properties"].append({"id": "color", "value": {"mode": "fixed", "fixedColor": colour}})
    slowest = reading_query(subject.settings, "p99_ms", service)
    if slowest:
        panel["targets"].append(_target("Z", slowest, "p99 ms"))
        right = [{"id": "custom.axisPlacement", "value": "right"}, {"id": "unit", "value": "ms"}]
        panel["fieldConfig"]["overrides"].append(_override("p99 ms", right))
    return panel


def _chart(title: str, unit: str, lines: Sequence[tuple[str, str, Json]]) -> Json:
    """A chart over time; each line has a legend, a query and its own looks."""
    looks = {"drawStyle": "line", "lineInterpolation": "linear", "showPoints": "never", "spanNulls": 120_000}
    return {
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "targets": [_target(chr(65 + place), query, legend) for place, (legend, query, _own) in enumerate(lines)],
        "fieldConfig": {
            "defaults": {"unit": unit, "custom": looks},
            "overrides": [
                _override(legend, [{"id": f"custom.{key}", "value": value} for key, value in own.items()])
                for legend, _query, own in lines
                if own
            ],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                    "tooltip": {"mode": "multi", "sort": "none"}},
    }  # fmt: skip


def _override(name: str, properties: list[Json]) -> Json:
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _target(letter: str, query: str, legend: str) -> Json:
    return {"refId": letter, "datasource": SOURCE, "expr": query, "legendFormat": legend, "range": True}


def _placed(panels: Sequence[Json]) -> Iterator[Json]:
    """Figures four in a row, charts two in a row, each with an id."""
    x, y = 0, 0
    for number, panel in enumerate(panels, start=1):
        width, height = (WIDTH // 4, STAT_HEIGHT) if panel["type"] == "stat" else (WIDTH // 2, CHART_HEIGHT)
        yield {"id": number, **panel, "gridPos": {"x": x, "y": y, "w": width, "h": height}}
        x = (x + width) % WIDTH
        y += height if x == 0 else 0
