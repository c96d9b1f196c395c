"""What `history show` tells: per service what is there, what is missing, and what was not ordinary demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pydantic import AwareDatetime

from campaign.console import table
from campaign.documents import FileRecord
from campaign.language import Text, _
from campaign.workspace import Workspace
from forecast.epochs import moment_of
from forecast.history.buckets import Series
from forecast.history.findings import Kind
from forecast.history.reading import TrafficHistory

BUSIEST_HOURS = 3
FINDINGS_SHOWN = 30


class Stretch(FileRecord):
    """Buckets of one length that follow each other; a gap does not end a stretch."""

    seconds: int
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    rows: int


class FindingRecord(FileRecord):
    kind: Kind
    service: str
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    ratio_to_usual: float | None
    source: Literal["found", "marked", "declared"]


class ServiceHistory(FileRecord):
    """One service. busiest_local_hours: hours of the day, busiest first, by their median rate."""

    service: str
    rows: int
    starts_at_utc: AwareDatetime | None
    ends_at_utc: AwareDatetime | None
    stretches: tuple[Stretch, ...]
    busiest_local_hours: tuple[int, ...]


class HistoryReport(FileRecord):
    """`surgeplan history show --json`."""

    schema_version: Literal[1] = 1
    time_zone: str
    inputs: dict[str, str]
    services: tuple[ServiceHistory, ...]
    findings: tuple[FindingRecord, ...]
    notes: tuple[str, ...]


def history_report(workspace: Workspace, history: TrafficHistory, more: Sequence[Text] = ()) -> HistoryReport:
    """Everything there is to say about the workspace's history, and `more` notes."""
    hourly = history.hourly()
    return HistoryReport(
        time_zone=workspace.settings.time_zone,
        inputs=workspace.input_hashes(),
        services=tuple(
            _service(name, series, hourly[name], workspace.settings.zone) for name, series in history.series.items()
        ),
        findings=tuple(
            FindingRecord(
                kind=f.kind,
                service=f.service,
                starts_at_utc=f.starts_at_utc,
                ends_at_utc=f.ends_at_utc,
                ratio_to_usual=f.ratio_to_usual,
                source=f.source,
            )
            for f in history.findings
        ),
        notes=tuple(note.speak("en") for note in (*history.notes, *more)),
    )


def _service(name: str, series: Series, hourly: pd.Series, zone: ZoneInfo) -> ServiceHistory:
    return ServiceHistory(
        service=name,
        rows=len(series),
        starts_at_utc=moment_of(series.starts[0]) if len(series) else None,
        ends_at_utc=moment_of(series.ends[-1]) if len(series) else None,
        stretches=tuple(stretches_of(series)),
        busiest_local_hours=busiest_hours(hourly, zone),
    )


def stretches_of(series: Series) -> list[Stretch]:
    """The series as runs of one bucket length."""
    if not len(series):
        return []
    breaks = np.flatnonzero(np.diff(series.lengths)) + 1
    return [
        Stretch(
            seconds=int(series.lengths[first]),
            starts_at_utc=moment_of(series.starts[first]),
            ends_at_utc=moment_of(series.ends[last - 1]),
            rows=int(last - first),
        )
        for first, last in zip([0, *breaks], [*breaks, len(series)], strict=True)
    ]


def busiest_hours(hourly: pd.Series, zone: ZoneInfo) -> tuple[int, ...]:
    """Local hours of the day with the highest median rate; `hourly` has a naive-UTC index."""
    index = pd.DatetimeIndex(hourly.index).tz_localize("UTC").tz_convert(zone)
    medians = hourly.groupby(index.hour).median().dropna()
    return tuple(int(hour) for hour in medians.sort_values(ascending=False, kind="stable").index[:BUSIEST_HOURS])


def report_text(report: HistoryReport, notes: Sequence[Text]) -> str:
    """The report as people read it in a terminal, in the workspace's time zone."""
    zone = ZoneInfo(report.time_zone)
    headings = [
        _("service"), _("bucket"), _("from"), _("until"), _("rows"), _("gaps"), _("outages"), _("load tests"),
        _("bots"), _("surges without a plan"), _("busiest hours"),
    ]  # fmt: skip
    rows = [_row(service, report.findings, zone) for service in report.services]
    parts = [table(headings, rows, left=2), *_finding_lines(report.findings, zone)]
    parts += [f"- {note}" for note in notes]
    return "\n".join(parts)


def _row(service: ServiceHistory, findings: Sequence[FindingRecord], zone: ZoneInfo) -> list[str]:
    own = [f for f in findings if f.service == service.service]
    lengths = dict.fromkeys(stretch.seconds for stretch in service.stretches)
    return [
        service.service,
        " → ".join(bucket_in_words(seconds) for seconds in lengths),
        _day(service.starts_at_utc, zone),
        _day(service.ends_at_utc, zone),
        f"{service.rows:,}",
        *(
            str(sum(f.kind == kind for f in own)) for kind in ("gap", "outage", "test-window", "bot", "surge")
        ),
        " ".join(f"{hour:02d}:00" for hour in service.busiest_local_hours),
    ]  # fmt: skip


def bucket_in_words(seconds: int) -> str:
    if seconds % 3600 == 0:
        return _("{count} h").format(count=seconds // 3600)
    return _("{count} min").format(count=seconds // 60)


def _day(moment: AwareDatetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}" if moment else "-"


def _finding_lines(findings: Sequence[FindingRecord], zone: ZoneInfo) -> list[str]:
    """One line for each stretch of time, with the services that share it; the most recent ones."""
    shared: dict[tuple[str, AwareDatetime, AwareDatetime], list[FindingRecord]] = {}
    for finding in findings:
        shared.setdefault((finding.kind, finding.starts_at_utc, finding.ends_at_utc), []).append(finding)
    newest = sorted(shared.items(), key=lambda item: item[0][1], reverse=True)
    lines = [_line(found, zone) for _key, found in newest[:FINDINGS_SHOWN]]
    if len(newest) > FINDINGS_SHOWN:
        lines.append(_("… and {count} earlier ones (--json lists all)").format(count=len(newest) - FINDINGS_SHOWN))
    return lines


def _line(found: Sequence[FindingRecord], zone: ZoneInfo) -> str:
    """One stretch of time, of all services that share it."""
    first = found[0]
    words = kind_in_words(first.kind)
    start, end = (moment.astimezone(zone) for moment in (first.starts_at_utc, first.ends_at_utc))
    span = f"{start:%Y-%m-%d %H:%M} – {end:%m-%d %H:%M}"
    ratios = [f.ratio_to_usual for f in found if f.ratio_to_usual is not None]
    times = "  " + _("{ratio} × usual").format(ratio=f"{min(ratios):.2g}–{max(ratios):.2g}") if ratios else ""
    if len({f"{ratio:.2g}" for ratio in ratios}) == 1:
        times = "  " + _("{ratio} × usual").format(ratio=f"{ratios[0]:.2g}")
    said = {"found": "", "marked": "  " + _("(marked)"), "declared": "  " + _("(as declared)")}[first.source]
    return f"{words}  {span}  {', '.join(f.service for f in found)}{times}{said}"


def kind_in_words(kind: str) -> str:
    words = {
        "gap": _("gap"),
        "outage": _("probable outage"),
        "test-window": _("load test"),
        "bot": _("probable bot"),
        "surge": _("surge without a plan"),
    }
    return words[kind]
