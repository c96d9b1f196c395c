"""BI, GrowingIO, Sensors and GA4 reports: requests, visits, orders and the business's own figures per hour or day."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.language import Text, say
from metrics.intake.headings import Headed
from metrics.intake.markers import is_marked, marked_columns, marker_columns, marks
from metrics.intake.names import identifier
from metrics.intake.records import Answers, Buckets, Column, Findings, Kind, Reading, Recognised
from metrics.intake.series import (
    DAY_SECONDS,
    HOUR_SECONDS,
    Figures,
    Times,
    as_rates,
    bucketed,
    decide_values,
    meaning_of,
)

TRAFFIC = ("requests_per_second", "requests", "sessions", "visitors")
"""What may stand for requests, the best first."""
KEPT = ("orders", "new_users", "amount", "spend", "page_views")
WHEN = ("time", "date_hour", "date")


def recognise(table: Headed, answers: Answers, findings: Findings) -> Recognised | None:
    """A table of times beside requests, visits or orders; None for other tables."""
    if not any(role in table.roles for role in WHEN):
        return None
    if not any(role in table.roles for role in (*TRAFFIC, *KEPT)):
        return None
    times, figures = Times(table, answers, findings), Figures(table, findings)
    read = _Readings(table, times, figures)
    seconds = _said_seconds(table)
    parts: list[Buckets] = []
    columns: list[Column] = [Column(table.heading(_when(table)), _when_meaning(table, answers))]
    notes: list[Text] = []
    for role in KEPT:
        if role in table.roles:
            columns.append(Column(table.heading(role), MEANINGS[role]))
            if role == "orders" and seconds != DAY_SECONDS:
                found, more = bucketed(
                    "orders", read.of(role, keyed=False), table.place, findings, sums=True, seconds=seconds
                )
                parts += [found] if found else []
                notes += more
    traffic, more, column, values = _traffic(table, read, answers, findings, seconds)
    notes += more
    columns += [column] if column else []
    if traffic:
        parts += [traffic, *marks(traffic, read.marked(answers))]
        columns += marked_columns(table)
    notes = [*table.notes, *times.close(), *figures.close(), *notes]
    kind: Kind = "traffic" if traffic else "orders" if parts else "business"
    return Recognised(
        table.place, "report", kind, tuple(columns), tuple(parts), notes=tuple(notes), source={"values": values}
    )


class _Readings:
    """A column's readings; times are read once."""

    def __init__(self, table: Headed, times: Times, figures: Figures) -> None:
        self.table, self.figures = table, figures
        self.rows = [(row, self._key(row)) for row in table.rows]
        self.instants = [times.of(row, key) for row, key in self.rows]

    def _key(self, row: tuple[int, tuple[object, ...]]) -> str:
        return str(self.table.cell(row, "service") or "")

    def marked(self, answers: Answers) -> Iterator[tuple[str, int]]:
        """Service and second of every row that a load test's marker is set in."""
        columns = marker_columns(self.table)
        for (row, key), instant in zip(self.rows, self.instants, strict=True):
            if instant is not None and is_marked(row[1], columns):
                yield identifier(key) or answers.service or "unnamed", int(instant.timestamp())

    def of(self, role: str, keyed: bool) -> list[Reading]:
        at = self.table.roles[role]
        readings = []
        for (row, key), instant in zip(self.rows, self.instants, strict=True):
            value = self.figures.of(row, at)
            if instant is not None and value is not None:
                readings.append(Reading(instant, key if keyed else "", value, row[0]))
        return readings


def _traffic(
    table: Headed, read: _Readings, answers: Answers, findings: Findings, seconds: int | None
) -> tuple[Buckets | None, list[Text], Column | None, str | None]:
    role = next((role for role in TRAFFIC if role in table.roles), None)
    if role is None:
        return None, [], None, None
    heading = table.heading(role)
    if seconds == DAY_SECONDS:
        return (
            None,
            [say("figures per day are too coarse for traffic: not used")],
            Column(heading, MEANINGS[role]),
            None,
        )
    readings = read.of(role, keyed=True)
    if role in ("requests", "requests_per_second"):
        told = "counts" if role == "requests" else "rates"
        values = decide_values(told, (r.value for r in readings), answers, table.place, findings, heading)  # type: ignore[arg-type]
        factor = 1.0
    else:
        if not answers.requests_per_session:
            _ask_about_visits(table, readings, heading, answers, findings)
            return None, [], Column(heading, MEANINGS[role]), None
        factor, values = answers.requests_per_session, "counts"
    named = [
        Reading(r.at, service, r.value * factor, r.row) for r, service in _named(readings, table, answers, findings)
    ]
    buckets, notes = bucketed("requests", named, table.place, findings, sums=values == "counts", seconds=seconds)
    service = ", ".join(buckets.keys) if buckets else ""
    meaning = meaning_of(values, service) if factor == 1.0 else _visits_meaning(factor, service)
    return (as_rates(buckets, values) if buckets else None), notes, Column(heading, meaning), values


def _ask_about_visits(
    table: Headed, readings: list[Reading], heading: str, answers: Answers, findings: Findings
) -> None:
    """Visits stand for requests only where nothing better is known."""
    what = say("only {heading} are known, no requests", heading=heading)
    findings.ask("--requests-per-session", what, table.place, alone=True)
    if not answers.service and not all(identifier(reading.key) for reading in readings):
        findings.ask("--service", say("it does not say of which service"), table.place, alone=True)


def _visits_meaning(factor: float, service: str) -> Text:
    return say("visits; each makes {factor} requests of {service}", factor=f"{factor:g}", service=service)


def _named(
    readings: list[Reading], table: Headed, answers: Answers, findings: Findings
) -> Iterator[tuple[Reading, str]]:
    """Each reading with its service: as the table says, else as answered."""
    for reading in readings:
        service = identifier(reading.key)
        if not service and not answers.service:
            findings.ask("--service", say("it does not say of which service"), table.place)
        yield reading, service or answers.service or "unnamed"


def _said_seconds(table: Headed) -> int | None:
    """An hour where the table has a column of hours, a day where it has dates alone."""
    if "date_hour" in table.roles or table.has("date", "hour"):
        return HOUR_SECONDS
    return DAY_SECONDS if "date" in table.roles and "time" not in table.roles and not _dates_have_hours(table) else None


def _dates_have_hours(table: Headed) -> bool:
    cells = [table.cell(row, "date") for row in table.rows[:50]]
    return any(":" in str(cell) and not str(cell).endswith("00:00:00") for cell in cells)


def _when(table: Headed) -> str:
    return next(role for role in WHEN if role in table.roles)


def _when_meaning(table: Headed, answers: Answers) -> Text:
    zone = answers.time_zone.key if answers.time_zone else "UTC"
    if table.has("date", "hour") and "time" not in table.roles:
        return say("date, with the hour of {hour} ({zone})", hour=table.heading("hour"), zone=zone)
    return say("time, the bucket's start (without an offset: {zone})", zone=zone)


MEANINGS = {
    "orders": say("paid orders per bucket"),
    "new_users": say("new users (not used for traffic)"),
    "amount": say("money taken (not used for traffic)"),
    "spend": say("money spent (not used for traffic)"),
    "page_views": say("page views (not used: a page is not a request)"),
    "requests": say("requests"),
    "requests_per_second": say("requests per second"),
    "sessions": say("sessions"),
    "visitors": say("visitors"),
}
