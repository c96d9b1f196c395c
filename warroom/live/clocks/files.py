"""The live state as files: `out/<id>/actuals.csv`, and `alerts.csv` that people mark and the retrospective reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from campaign.documents import read_utf8
from campaign.files import write_text
from campaign.plan import Plan
from campaign.traffic import QUANTILES
from campaign.workspace import Workspace
from warroom.handed import campaign_events
from warroom.live.judging.alerts import Told, told_alerts
from warroom.live.records import LiveState, Metric

ACTUALS = ["starts_at_utc", "seconds", "measure", "actual", *QUANTILES, "percentile_ratio", "preliminary"]
ALERTS = ["fired_at_utc", "rule", "level", "cleared_at_utc", "useful"]


def write_files(workspace: Workspace, plan: Plan, state: LiveState) -> None:
    out = workspace.out(plan.id)
    write_text(out / "actuals.csv", _csv(ACTUALS, _actual_rows(state.metrics)))
    told = told_alerts(campaign_events(workspace, plan.id), plan.id)
    if told:
        file = out / "alerts.csv"
        write_text(file, _csv(ALERTS, _alert_rows(told, marks_of(file))))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _actual_rows(metrics: Iterable[Metric]) -> Iterable[Sequence[object]]:
    for metric in metrics:
        for hour in metric.hours:
            band = [_digits(value) for value in hour.frozen.model_dump().values()] if hour.frozen else [""] * 4
            place, mark = _digits(hour.percentile_ratio), "yes" if hour.preliminary else "no"
            yield _time(hour.starts_at), 3600, metric.name, _digits(hour.actual), *band, place, mark


def marks_of(file: Path) -> dict[tuple[str, str], str]:
    """What people wrote into `useful`, by firing time and rule."""
    if not file.is_file():
        return {}
    rows = csv.DictReader(read_utf8(file, file.name).splitlines())
    return {(row.get("fired_at_utc") or "", row.get("rule") or ""): row.get("useful") or "" for row in rows}


def _alert_rows(told: Iterable[Told], marks: dict[tuple[str, str], str]) -> Iterable[Sequence[object]]:
    for each in told:
        standing = each.standing
        fired, rule = _time(standing.fired_at), "/".join(standing.about)
        cleared = _time(each.cleared_at) if each.cleared_at else ""
        yield fired, rule, standing.level, cleared, marks.get((fired, rule), "")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
