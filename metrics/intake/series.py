"""Readings into buckets of one length: times made UTC, repeated rows found, odd steps brought to whole minutes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from campaign.language import Text, say
from metrics.intake.headings import Headed, zone_in
from metrics.intake.moments import LocalClock, read_hour, read_moment, slashed_order
from metrics.intake.quantities import quantity_below
from metrics.intake.raw_tables import Cell, Row
from metrics.intake.records import Answers, Buckets, Findings, Place, Reading, Values

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
LENGTHS_SECONDS = tuple(n for n in range(60, HOUR_SECONDS + 1, 60) if HOUR_SECONDS % n == 0)
BAD_CELLS_NAMED = 3
TIMES = ("time", "date_hour", "date", "hour")


class Times:
    """Reads a table's times; asks once for what they leave open."""

    def __init__(self, table: Headed, answers: Answers, findings: Findings) -> None:
        self.table, self.findings = table, findings
        said = next((z for role in TIMES if role in table.roles and (z := zone_in(table.heading(role)))), None)
        zone = said or answers.time_zone
        self.clock = LocalClock(zone) if zone else None
        self.day_first = answers.day_first
        self.naive = 0
        self.unread: list[int] = []
        self.never: list[int] = []
        order = slashed_order(table.cell(row, role) for row in table.rows for role in ("time", "date"))
        if isinstance(order, bool):
            self.day_first = order
        elif order == "unknown" and self.day_first is None:
            what = say("{heading}: is the day first or the month?", heading=self._cell(table.rows[0]))
            findings.ask("--day-first|--month-first", what, table.place)
            self.day_first = True

    def of(self, row: Row, key: str) -> datetime | None:
        """The row's instant in UTC, None where it cannot be told."""
        local = self._local(row)
        if local is None:
            self.unread.append(row[0])
            return None
        if local.tzinfo is None:
            self.naive += 1
            if self.clock is None:
                what = say("its times have no offset (first: {time})", time=f"{local:%Y-%m-%d %H:%M}")
                self.findings.ask("--time-zone", what, self.table.place)
                return local.replace(tzinfo=UTC)
        instant = self.clock.utc(local, key) if self.clock else local.astimezone(UTC)
        if instant is None:
            self.never.append(row[0])
        return instant

    def _local(self, row: Row) -> datetime | None:
        table = self.table
        role = next((role for role in ("time", "date_hour", "date") if role in table.roles), None)
        moment = read_moment(table.cell(row, role), self.day_first) if role else None
        if moment is not None and role == "date" and "hour" in table.roles:
            hour = read_hour(table.cell(row, "hour"))
            return moment + hour if hour is not None else None
        return moment

    def _cell(self, row: Row) -> Cell:
        return self.table.cell(row, "time") or self.table.cell(row, "date")

    def close(self) -> list[Text]:
        """Problems found along the way go to the findings; what is worth saying comes back."""
        for rows, what in (
            (self.unread, say("the time in row {rows} cannot be read", rows=_named(self.unread))),
            (self.never, say("clocks never showed the time in row {rows}", rows=_named(self.never))),
        ):
            if rows:
                todo = say("correct it, or delete the row")
                self.findings.problems.append(self.table.place.at(rows[0]).problem(what, todo))
        notes = []
        if self.naive and self.clock:
            notes.append(say("times without an offset are taken as {zone}", zone=self.clock.zone.key))
        if self.clock and self.clock.repeated:
            notes.append(say("{count} times of the repeated hour are told apart by order", count=self.clock.repeated))
        return notes


def _named(rows: Sequence[int]) -> str:
    text = ", ".join(map(str, rows[:BAD_CELLS_NAMED]))
    return text + (f" … ({len(rows)})" if len(rows) > BAD_CELLS_NAMED else "")


class Figures:
    """Reads a table's figures; counts what is missing and names what is no figure."""

    def __init__(self, table: Headed, findings: Findings) -> None:
        self.table, self.findings = table, findings
        self.missing = 0
        self.unread: dict[str, list[int]] = defaultdict(list)
        self.negative: dict[str, list[int]] = defaultdict(list)
        self.rate: float | None = None
        self.units: set[str] = set()

    def of(self, row: Row, at: int) -> float | None:
        """The figure in a column, per second where the cell calls it a rate."""
        cell = row[1][at] if at < len(row[1]) else None
        quantity = quantity_below(self.table.headings[at], cell)
        if quantity is None:
            self.unread[self.table.headings[at]].append(row[0])
            return None
        if quantity.value is None:
            self.missing += 1
            return None
        if quantity.value < 0:
            self.negative[self.table.headings[at]].append(row[0])
            return None
        if quantity.unit:
            self.units.add(quantity.unit)
        if quantity.rate is not None:
            self.rate = quantity.rate
            return quantity.value * quantity.rate
        return quantity.value

    def close(self) -> list[Text]:
        todo = say("correct it, or empty the cell")
        for heading, rows in self.unread.items():
            what = say("{heading}: row {rows} holds no figure", heading=heading, rows=_named(rows))
            self.findings.problems.append(self.table.place.at(rows[0]).problem(what, todo))
        for heading, rows in self.negative.items():
            what = say("{heading}: row {rows} is negative", heading=heading, rows=_named(rows))
            self.findings.problems.append(self.table.place.at(rows[0]).problem(what, todo))
        return [say("{count} empty cells are missing, not zero", count=self.missing)] if self.missing else []


def bucketed(
    measure: str,
    readings: Iterable[Reading],
    place: Place,
    findings: Findings,
    *,
    sums: bool,
    seconds: int | None = None,
) -> tuple[Buckets | None, list[Text]]:
    """Readings as buckets. `sums`: figures add up when buckets are joined; else they are averaged.

    seconds: the length where the table says it (a column of hours). None where the step suits no bucket: then it is
    said why.
    """
    values, notes = _distinct(readings, place, findings)
    if not values:
        return None, notes
    step = seconds or _step(values)
    if step is None:
        return None, [*notes, say("a single time tells no interval: not used")]
    if measure == "business":
        return Buckets(measure, step, values), notes
    if step > HOUR_SECONDS:
        return None, [*notes, say("one figure per {minutes} minutes is too coarse: not used", minutes=step // 60)]
    length = next((n for n in LENGTHS_SECONDS if n >= step and n % step == 0), None)
    if length is None:
        return None, [*notes, say("an interval of {seconds} s does not divide the hour: not used", seconds=step)]
    if length != step or any(at % length for _, at in values):
        values = _joined(values, length, sums)
        if length != step:
            notes.append(say("figures every {step} s are put into buckets of {length} s", step=step, length=length))
    return Buckets(measure, length, values), notes


def _distinct(
    readings: Iterable[Reading], place: Place, findings: Findings
) -> tuple[dict[tuple[str, int], float], list[Text]]:
    values: dict[tuple[str, int], float] = {}
    rows: dict[tuple[str, int], int] = {}
    again = 0
    for reading in readings:
        at = (reading.key, int(reading.at.timestamp()))
        if at not in values:
            values[at], rows[at] = reading.value, reading.row
        elif values[at] == reading.value:
            again += 1
        else:
            what = say(
                "rows {first} and {second} give two figures of {key} at {time}",
                first=rows[at], second=reading.row, key=reading.key or "-", time=f"{reading.at:%Y-%m-%dT%H:%M}Z",
            )  # fmt: skip
            if len(findings.problems) < 20:
                findings.problems.append(place.at(reading.row).problem(what, say("keep the one that is right")))
    return values, [say("{count} repeated rows are left out", count=again)] if again else []


def _step(values: dict[tuple[str, int], float]) -> int | None:
    """The most frequent step between neighbouring times of one key."""
    starts: dict[str, list[int]] = defaultdict(list)
    for key, at in values:
        starts[key].append(at)
    steps: Counter[int] = Counter()
    for times in starts.values():
        times.sort()
        steps.update(b - a for a, b in pairwise(times))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else None


def _joined(values: dict[tuple[str, int], float], length: int, sums: bool) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for (key, at), value in values.items():
        found[key, at - at % length].append(value)
    return {at: sum(parts) if sums else sum(parts) / len(parts) for at, parts in found.items()}


def told_values(heading: str) -> Values | None:
    """What a heading or legend says of itself: rates per second, counts per bucket, or nothing."""
    text = heading.lower()
    if any(sign in text for sign in ("/s", "qps", "rps", "tps", "rate(", "per second", "每秒", "persec", "/秒")):
        return "rates"
    if any(sign in text for sign in ("increase(", "count", "请求数", "请求量", "调用量", "次数", "total", "总数")):
        return "counts"
    return None


def decide_values(
    told: Values | None, values: Iterable[float], answers: Answers, place: Place, findings: Findings, heading: str
) -> Values | None:
    """Rates or counts: as the file says where its figures bear it out, else as people answer, else it is asked."""
    peak, whole = 0.0, True
    for value in values:
        peak, whole = max(peak, value), whole and value == int(value)
    if told == "rates" or (told == "counts" and whole):
        return told
    if answers.values:
        return answers.values
    if told == "counts":
        what = say(
            "{heading} is called a count, but has fractions (peak {peak}): rates per second or counts per bucket?",
            heading=heading, peak=f"{peak:g}",
        )  # fmt: skip
    else:
        what = say("{heading} (peak {peak}): rates per second or counts per bucket?", heading=heading, peak=f"{peak:g}")
    findings.ask("--rates|--counts", what, place)
    return None


def meaning_of(values: str | None, service: str) -> Text:
    if values == "rates":
        return say("requests per second of {service}", service=service)
    if values == "counts":
        return say("requests per bucket of {service}", service=service)
    return say("requests of {service}", service=service)


def as_rates(buckets: Buckets, values: str | None) -> Buckets:
    """Counts per bucket as requests per second."""
    if values != "counts":
        return buckets
    rates = {at: value / buckets.seconds for at, value in buckets.values.items()}
    return Buckets(buckets.measure, buckets.seconds, rates)
