"""Prometheus: a query over a range, in pieces that stay under its limit of points.

Prometheus refuses more than 11 000 points per series in one `query_range` (prometheus.io/docs, HTTP API). A value at t
is of the step that ended at t, so its bucket starts one step earlier. Counter resets are settled by `rate` and
`increase` on the server; an answer with `warnings` is partial, and nothing of it is final.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.intake.contacts import STATES
from metrics.sources.records import VALUES, Batch, PrometheusSource, ReadingSource
from metrics.sources.web import TIMEOUT_SECONDS, ask_json, secret

POINTS_MOST = 10_000
NAMES_SAID = 5


def pieces(source: PrometheusSource, since: datetime, until: datetime) -> Iterator[tuple[int, int]]:
    """Stretches [first start, last end) on the step's grid, in seconds of UTC, each under the limit of points."""
    step = source.step_seconds
    at, end = math.floor(since.timestamp() / step) * step, math.floor(until.timestamp() / step) * step
    while at < end:
        yield at, min(at + POINTS_MOST * step, end)
        at += POINTS_MOST * step


def fetch_prometheus(
    source: PrometheusSource,
    known: frozenset[str],
    since: datetime,
    until: datetime,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Batch:
    """Buckets that begin in [since, until), by service; series of services that are not `known` are left out and said.

    Raises:
        Passing: the server is away or in trouble.
        UserError: it refuses the query, or the answer is no matrix of series with a service label.
    """
    heard = _Heard()
    rows: dict[tuple[int | str, ...], tuple[float, ...]] = {}
    for service, values in _series(source, known, since, until, timeout_seconds, heard):
        for at, figure in _figures(source, values):
            before = rows.get((at, service), (0.0,))[0]
            rows[at, service] = (before + figure,)
    return _batch("service", ("requests_per_second",), rows, source, heard)


def fetch_desks(
    source: PrometheusSource,
    known: frozenset[str],
    since: datetime,
    until: datetime,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Batch:
    """How desks served in the buckets that begin in [since, until): counts of each bucket, and what was so at its end.

    A bucket of a desk whose contacts are not told is missing; of its other columns, NaN is what is not told.

    Raises: as `fetch_prometheus`.
    """
    columns = tuple(column for column in VALUES["desks"] if column in source.queries)
    heard = _Heard()
    told: dict[tuple[int | str, ...], dict[str, float]] = {}
    for column in columns:
        asked = source.model_copy(update={"query": source.queries[column]})
        for desk, values in _series(asked, known, since, until, timeout_seconds, heard):
            for at, figure in _in_buckets(asked, column, values):
                row = told.setdefault((at, desk), {})
                row[column] = row.get(column, 0.0) + figure
    rows = {key: tuple(row.get(c, math.nan) for c in columns) for key, row in told.items() if columns[0] in row}
    return _batch("desk", columns, rows, source, heard)


@dataclass
class _Heard:
    """What answers say beside their figures: series of names that nobody knows, and the server's warnings."""

    strangers: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def _series(
    source: PrometheusSource,
    known: frozenset[str],
    since: datetime,
    until: datetime,
    timeout_seconds: float,
    heard: _Heard,
) -> Iterator[tuple[str, list[list[Any]]]]:
    """Name and values of each known series, piece by piece."""
    for first, end in pieces(source, since, until):
        answer = _ask(source, first + source.step_seconds, end, source.step_seconds, timeout_seconds)
        heard.warnings += [str(words) for words in answer.get("warnings") or ()]
        for series in answer["data"]["result"]:
            name = _service(source, series["metric"])
            if name in known:
                yield name, series["values"]
            else:
                heard.strangers.add(name)


def _batch(
    name: str,
    columns: tuple[str, ...],
    rows: dict[tuple[int | str, ...], tuple[float, ...]],
    source: PrometheusSource,
    heard: _Heard,
) -> Batch:
    """Rows by bucket and `name`, known up to the end of the last bucket."""
    last = max((int(key[0]) for key in rows), default=None)
    watermark = None if last is None else last + source.step_seconds
    notes = tuple(_notes(source, heard.strangers, heard.warnings))
    return Batch((name,), columns, rows, watermark, bool(heard.warnings), notes)


def _in_buckets(source: PrometheusSource, column: str, values: list[list[Any]]) -> Iterator[tuple[int, float]]:
    """Start of the bucket and what was counted in it, or was so at its end."""
    times = source.step_seconds if column not in STATES and source.rates_of(source.query) else 1
    for at, text in values:
        figure = float(text)
        if math.isfinite(figure) and figure >= 0:
            yield round(float(at)) - source.step_seconds, times * figure


def fetch_readings(
    source: ReadingSource,
    known: frozenset[str],
    since: datetime,
    until: datetime,
    step_seconds: int,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[tuple[int, str], float]:
    """Values by instant (seconds of UTC) and service at every step of [since, until]; strangers are left out.

    Raises: as `fetch_prometheus`.
    """
    first, end = (math.floor(at.timestamp() / step_seconds) * step_seconds for at in (since, until))
    found: dict[tuple[int, str], float] = {}
    for series in _ask(source, first, end, step_seconds, timeout_seconds)["data"]["result"]:
        service = _service(source, series["metric"])
        for at, text in series["values"] if service in known else ():
            if math.isfinite(figure := float(text)):
                found[round(float(at)), service] = figure
    return found


def _ask(
    source: PrometheusSource | ReadingSource, start: int, end: int, step_seconds: int, timeout_seconds: float
) -> dict[str, Any]:
    form = {"query": source.query, "start": str(start), "end": str(end), "step": str(step_seconds)}
    token = secret(source.token_env) if source.token_env else None
    place = source.url.rstrip("/") + "/api/v1/query_range"
    answer = ask_json(place, form=form, token=token, timeout_seconds=timeout_seconds)
    data = answer.get("data")
    if answer.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "matrix":
        what = say("does not answer as Prometheus does: {reason}", reason=str(answer.get("error") or answer)[:200])
        raise UserError(Problem(what, say("check the address"), file=source.url, key=source.name))
    return answer


def _service(source: PrometheusSource | ReadingSource, labels: dict[str, str]) -> str:
    name = source.service or labels.get(source.service_label)
    if name is None:
        what = say("a series has no label {label}: {labels}", label=source.service_label, labels=labels)
        todo = say("write sum by ({label}) (…), or name the service with service:", label=source.service_label)
        raise UserError(Problem(what, todo, file="surgeplan.yaml", key=f"sources.{source.name}"))
    return source.rename.get(name, name)


def _figures(source: PrometheusSource, values: list[list[Any]]) -> Iterator[tuple[int, float]]:
    """Start of the bucket and requests per second; what is not a finite number is missing."""
    for at, text in values:
        figure = float(text)
        if math.isfinite(figure) and figure >= 0:
            yield round(float(at)) - source.step_seconds, figure if source.gives_rates else figure / source.step_seconds


def _notes(source: PrometheusSource, strangers: set[str], warnings: list[str]) -> Iterator[Text]:
    if strangers:
        names = ", ".join(sorted(strangers)[:NAMES_SAID]) + (" …" if len(strangers) > NAMES_SAID else "")
        yield say("{source}: not in surgeplan.yaml, left out: {names}", source=source.name, names=names)
    if warnings:
        reason = "; ".join(sorted(set(warnings)))[:300]
        yield say(
            "{source}: the answer is partial, nothing of it is final: {reason}", source=source.name, reason=reason
        )
