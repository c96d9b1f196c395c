"""Grafana's CSV: "Download CSV" of a panel (one column per series) and the older one row per reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from campaign.language import Text, say
from metrics.intake.headings import Headed, role_of
from metrics.intake.markers import is_marked, marked_columns, marker_columns, marks
from metrics.intake.names import identifier
from metrics.intake.quantities import read_quantity
from metrics.intake.raw_tables import Row
from metrics.intake.records import Answers, Buckets, Column, Findings, Reading, Recognised
from metrics.intake.series import Figures, Times, as_rates, bucketed, decide_values, meaning_of, told_values

LABELS = ("service", "app", "application", "deployment", "job", "container", "service_name", "handler", "host")
LABEL = re.compile(r"""(\w+)=~?"?'?([^"',}\]]+)"?'?""")
RATED_ROWS = 5
NAMED_ROWS = 50
CALL = re.compile(r"\b(?:sum|rate|irate|increase|avg|max|min)\s*\(")


def recognise(table: Headed, answers: Answers, findings: Findings) -> Recognised | None:
    """A panel's export: a time column with series beside it, or series, time and value; None for other tables."""
    if not table.has("time"):
        return None
    table = _with_series(table)
    if table.has("series", "value"):
        return _of_other_unit(table, [table.roles["value"]]) or _read(table, _long(table), answers, findings)
    apart = {table.roles["time"], *marker_columns(table)}
    others = [i for i, heading in enumerate(table.headings) if heading and i not in apart]
    named = all(role_of(table.headings[i]) in (None, "value", "load_test") for i in others)
    others_hold_figures = any(not _is_name(row, i) for row in table.rows[:NAMED_ROWS] for i in others)
    if not others_hold_figures or not (named or _rated(table, others)):
        return None
    return _of_other_unit(table, others) or _read(table, _wide(table, others), answers, findings)


def _with_series(table: Headed) -> Headed:
    """A table of time, one column of names and one of figures (`sensor, ts, count`), read as series and values."""
    apart = {table.roles["time"], *marker_columns(table)}
    others = [i for i, heading in enumerate(table.headings) if heading and i not in apart]
    if len(others) != 2 or any(role_of(table.headings[i]) is not None for i in others):
        return table
    names = [i for i in others if all(_is_name(row, i) for row in table.rows[:NAMED_ROWS])]
    if len(names) != 1:
        return table
    figures = next(i for i in others if i not in names)
    return replace(table, roles={**table.roles, "series": names[0], "value": figures})


def _is_name(row: Row, at: int) -> bool:
    cell = row[1][at] if at < len(row[1]) else None
    return bool(cell) and read_quantity(cell) is None


def _rated(table: Headed, others: list[int]) -> bool:
    """Whether figures carry a rate's unit: then `orders` is a service, not a number of orders."""
    found = (read_quantity(row[1][i]) for row in table.rows[:RATED_ROWS] for i in others if i < len(row[1]))
    return any(quantity is not None and quantity.rate is not None for quantity in found)


def _of_other_unit(table: Headed, columns: list[int]) -> Recognised | None:
    """A panel of milliseconds or per cent is no traffic: said before anything is asked about it."""
    found = (read_quantity(row[1][i]) for row in table.rows[:NAMED_ROWS] for i in columns if i < len(row[1]))
    units = {
        quantity.unit if quantity.rate is None else "" for quantity in found if quantity and quantity.value is not None
    }
    if not units or "" in units:
        return None
    note = say("its unit is {unit}, not requests: not used", unit=", ".join(sorted(units)))
    return Recognised(table.place, "grafana", "traffic", notes=(*table.notes, note))


def series_name(legend: str) -> str:
    """The service in a legend: `checkout`, `{service="checkout"}`, `sum(rate(x{job="checkout"}[1m])) by (job)`."""
    labels = {name: value.strip() for name, value in LABEL.findall(legend)}
    for label in LABELS:
        if label in labels:
            return identifier(labels[label])
    return identifier(re.sub(r"\s*\(.*\)$", "", legend))


def _wide(table: Headed, others: list[int]) -> Iterator[tuple[str, int, int]]:
    """(legend, column, index of row) of every figure."""
    for i in range(len(table.rows)):
        yield from ((table.headings[column], column, i) for column in others)


def _long(table: Headed) -> Iterator[tuple[str, int, int]]:
    for i, row in enumerate(table.rows):
        yield str(table.cell(row, "series") or ""), table.roles["value"], i


def _read(
    table: Headed, cells: Iterator[tuple[str, int, int]], answers: Answers, findings: Findings
) -> Recognised | None:
    times, figures = Times(table, answers, findings), Figures(table, findings)
    instants = {}
    readings: list[Reading] = []
    legends: dict[str, str] = {}
    markers, marked = marker_columns(table), []
    for legend, column, i in cells:
        row = table.rows[i]
        key = (legend, i) if table.has("series", "value") else ("", i)
        if key not in instants:
            instants[key] = times.of(row, key[0])
        at, value = instants[key], figures.of(row, column)
        legends.setdefault(legend, series_name(legend))
        if at is not None and value is not None:
            readings.append(Reading(at, legend, value, row[0]))
            if is_marked(row[1], markers):
                marked.append((legend, int(at.timestamp())))
    notes = [*table.notes, *times.close(), *figures.close()]
    if figures.units:
        unit = ", ".join(sorted(figures.units))
        notes.append(say("its unit is {unit}, not requests: not used", unit=unit))
        return Recognised(table.place, "grafana", "traffic", notes=tuple(notes))
    services = _services(legends, answers, findings, table)
    told = "rates" if figures.rate is not None else told_values(_wording(table, legends))
    heading = ", ".join(list(legends)[:3])
    values = decide_values(told, (r.value for r in readings), answers, table.place, findings, heading)
    by_legend, more = bucketed("requests", readings, table.place, findings, sums=values == "counts")
    buckets = _by_service(by_legend, services) if by_legend else None
    more += _added_up(services)
    return Recognised(
        table.place,
        "grafana",
        "traffic",
        columns=(*_columns(table, services, values, answers), *marked_columns(table)),
        buckets=(as_rates(buckets, values), *marks(buckets, ((services[legend], at) for legend, at in marked)))
        if buckets
        else (),
        notes=(*notes, *more),
        source={"values": values},
    )


def _by_service(buckets: Buckets, services: dict[str, str]) -> Buckets:
    """Series of one service (its instances, its paths) added up."""
    values: dict[tuple[str, int], float] = {}
    for (legend, at), value in buckets.values.items():
        key = services[legend], at
        values[key] = values.get(key, 0.0) + value
    return Buckets(buckets.measure, buckets.seconds, values)


def _added_up(services: dict[str, str]) -> list[Text]:
    counts = Counter(services.values())
    return [say("{count} series of {service} are added up", count=n, service=s) for s, n in counts.items() if n > 1]


def _wording(table: Headed, legends: dict[str, str]) -> str:
    """All that a table says in words of its figures."""
    return " ".join([*legends, *([table.heading("value")] if "value" in table.roles else [])])


def _services(legends: dict[str, str], answers: Answers, findings: Findings, table: Headed) -> dict[str, str]:
    """Service by legend; a lone series that names none is asked for."""
    names = {}
    for legend, name in legends.items():
        unnamed = (
            not name or name.lower() in ("value", "a", "b") or bool(CALL.search(legend) and name == identifier(legend))
        )
        if unnamed and not answers.service:
            findings.ask("--service", say("the series {legend} names no service", legend=legend or "-"), table.place)
        names[legend] = (answers.service or name or "unnamed") if unnamed else name
    return names


def _columns(table: Headed, services: dict[str, str], values: str | None, answers: Answers) -> Iterator[Column]:
    zone = answers.time_zone.key if answers.time_zone else "UTC"
    yield Column(table.heading("time"), say("time, the bucket's start (without an offset: {zone})", zone=zone))
    for legend, service in services.items():
        yield Column(legend, meaning_of(values, service))
