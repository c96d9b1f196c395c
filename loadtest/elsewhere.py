"""Runs made with other tools: JMeter's .jtl (CSV) and per-second CSV, as observations that the same verdict reads.

Neither says when a request was meant to be sent: response times begin at sending, so what a stalled target keeps from
being sent is not in them, and whether the generator kept up is unknown.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from loadtest.observations import (
    DONE,
    FAILED,
    FIELDS,
    INTENDED,
    OK,
    RESPONSE,
    SENT,
    SERVICE,
    SLOW,
    Observations,
)
from loadtest.policy import Validity
from loadtest.results import GeneratorResult
from loadtest.scenario import Scenario
from loadtest.schedule import stream_rates
from loadtest.verdict import Cause, Judgement, judge_endpoints, worst

JTL = ("timeStamp", "elapsed", "label", "success")
PER_SECOND = ("second", "stage", "requests", "errors", "p99_ms")
HIGHEST_MICROSECONDS = 600_000_000
ENOUGH_RATIO = 0.95
ASSUMED_SLOW_RATIO = 0.02
LONGEST_SECONDS = 7 * 86_400


@dataclass(frozen=True)
class Request:
    """One request of a .jtl: seconds after the first one, stage, milliseconds, and its error where it failed."""

    at_seconds: float
    stage: int
    response_ms: float
    error: str | None


@dataclass(frozen=True)
class Imported:
    """A run made elsewhere, its length, and what had to be assumed to judge it."""

    seen: Observations
    seconds: int
    assumed: tuple[Text, ...]


def read_elsewhere(path: Path, scenario: Scenario) -> Imported:
    """Read a run made with another tool; its labels must be the scenario's stages or endpoints.

    Raises:
        UserError: not one of the two formats, an unknown label, or a figure that is none.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            headings = rows.fieldnames or ()
            if set(JTL) <= set(headings):
                requests = _requests(_whole(rows, path.name, JTL), path.name, _stages(scenario))
                return _from_requests(list(requests), scenario)
            if set(PER_SECOND) <= set(headings):
                return _from_seconds(_whole(rows, path.name, PER_SECOND), path.name, scenario)
    except OSError as error:
        raise UserError(Problem(say("cannot be read: {reason}", reason=error.strerror), file=str(path))) from error
    except UnicodeDecodeError as error:
        raise UserError(Problem(say("is not UTF-8 text"), file=str(path))) from error
    raise UserError(
        Problem(
            say("is neither a JMeter .jtl nor a per-second CSV"),
            say("its first line needs {jtl}, or {csv}", jtl=", ".join(JTL), csv=", ".join(PER_SECOND)),
            file=str(path),
            line=1,
        )
    )


def judge_imported(scenario: Scenario, imported: Imported, policy: Validity) -> Judgement:
    """The same verdict on endpoints; whether the generator kept up stays unknown, whether it sent enough does not."""
    endpoints, causes = judge_endpoints(scenario, imported.seen, policy)
    causes = [*_too_little(scenario, imported), *causes]
    sent = sum(endpoint.sent for endpoint in endpoints)
    generator = GeneratorResult(kind="unknown", workers=1, scheduled=sent, arrived=sent)
    return Judgement(worst(causes), tuple(causes), endpoints, generator)


def _too_little(scenario: Scenario, imported: Imported) -> Iterator[Cause]:
    """Where visits begin, the busiest ten seconds must carry what the scenario's do."""
    for stream in scenario.streams:
        wanted = _busiest_ten(stream_rates(stream, scenario.duration_seconds))
        counts = imported.seen.counts(scenario.stage_index(stream.stage), imported.seconds)
        found = _busiest_ten(counts[:, SENT].astype(float))
        if found < ENOUGH_RATIO * wanted:
            text = say("{stage}: the busiest ten seconds carried {found} requests per second, the forecast {wanted}",
                       stage=stream.stage, found=f"{found:.3g}", wanted=f"{wanted:.3g}")  # fmt: skip
            yield Cause("offered-load", "INVALID", text)


def _busiest_ten(per_second: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    span = min(10, len(per_second))
    return float(np.convolve(per_second, np.ones(span) / span, "valid").max())


def _stages(scenario: Scenario) -> dict[str, int]:
    names: dict[str, int] = {}
    for index, stage in enumerate(scenario.stages):
        names |= {stage.stage: index, stage.endpoint: index, stage.path: index}
    return names


def _whole(rows: csv.DictReader[str], name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its line; a tool that was killed leaves its last one cut.

    Raises:
        UserError: a row ends before its columns do.
    """
    for row in rows:
        if any(row[column] is None for column in columns):
            todo = say("take the line out, or bring the whole file")
            raise UserError(Problem(say("the line is cut short"), todo, file=name, line=rows.line_num))
        yield rows.line_num, row


def _requests(rows: Iterable[tuple[int, dict[str, str]]], name: str, stages: Mapping[str, int]) -> Iterator[Request]:
    first: float | None = None
    for line, row in rows:
        stage = _stage(row["label"], name, line, stages)
        at_ms, elapsed_ms = (_number(row, key, name, line) for key in ("timeStamp", "elapsed"))
        first = at_ms if first is None else first
        failed = row["success"].strip().lower() != "true"
        yield Request(
            (at_ms - first) / 1000, stage, elapsed_ms, (row.get("responseCode") or "failed") if failed else None
        )


def _stage(label: str, name: str, line: int, stages: Mapping[str, int]) -> int:
    if label not in stages:
        what = say("{label} is no stage of the scenario", label=label)
        todo = say("label samplers as the stages are named: {names}", names=", ".join(stages))
        raise UserError(Problem(what, todo, file=name, line=line))
    return stages[label]


def _number(row: Mapping[str, str], key: str, name: str, line: int) -> float:
    try:
        value = float(row[key])
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value < 1e15:
        raise UserError(Problem(say("{given} is not a figure", given=str(row[key])), file=name, line=line, key=key))
    return value


def _from_requests(requests: list[Request], scenario: Scenario) -> Imported:
    earliest = min((r.at_seconds for r in requests), default=0.0)
    seen = Observations(workers=1)
    for request in requests:
        at = request.at_seconds - earliest
        objective_ms = scenario.stages[request.stage].objective.p99_ms
        _add(seen, int(at), request.stage, _counts(request.error, request.response_ms > objective_ms))
        _cell(seen, int(at + request.response_ms / 1000), request.stage)[DONE] += 1
        for kind in (RESPONSE, SERVICE):
            _record(seen, (request.stage, kind, int(at) // scenario.window_seconds), request.response_ms, 1)
        if request.error:
            seen.errors[request.stage, request.error] += 1
    return Imported(seen, max((second for second, _stage in seen.cells), default=0) + 1, ())


def _from_seconds(rows: Iterable[tuple[int, dict[str, str]]], name: str, scenario: Scenario) -> Imported:
    """How many were slow is not in the file: a second whose p99 is over the objective counts `ASSUMED_SLOW_RATIO`.

    Seconds count from the first one of the file, which may be of any clock.
    """
    seen, stages = Observations(workers=1), _stages(scenario)
    read = [(line, row, int(_number(row, "second", name, line))) for line, row in rows]
    first = min((second for _line, _row, second in read), default=0)
    for line, row, second in read:
        stage = _stage(row["stage"], name, line, stages)
        requests, errors, p99_ms = (_number(row, key, name, line) for key in ("requests", "errors", "p99_ms"))
        _require_sense(second - first, requests, errors, name, line)
        slow = int(np.ceil(ASSUMED_SLOW_RATIO * requests)) if p99_ms > scenario.stages[stage].objective.p99_ms else 0
        counts = np.zeros(len(FIELDS), np.int64)
        counts[[INTENDED, SENT, DONE]] = int(requests)
        counts[OK], counts[FAILED], counts[SLOW] = int(requests - errors), int(errors), slow
        _add(seen, second - first, stage, counts)
        if errors:
            seen.errors[stage, "failed"] += int(errors)
    said = say("only p99 of each second is known: one over its objective counts as {share} % slow requests",
               share=f"{100 * ASSUMED_SLOW_RATIO:g}")  # fmt: skip
    return Imported(seen, max((second for second, _stage in seen.cells), default=0) + 1, (said,))


def _require_sense(second: int, requests: float, errors: float, name: str, line: int) -> None:
    if errors > requests:
        what = say("{errors} errors of {requests} requests", errors=f"{errors:g}", requests=f"{requests:g}")
        raise UserError(Problem(what, say("write how many of the requests failed"), file=name, line=line, key="errors"))
    if second > LONGEST_SECONDS:
        what = say("is {seconds} s after the first one", seconds=second)
        todo = say("write seconds, not milliseconds, of one run")
        raise UserError(Problem(what, todo, file=name, line=line, key="second"))


def _counts(error: str | None, slow: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.zeros(len(FIELDS), np.int64)
    counts[[INTENDED, SENT]] = 1
    counts[FAILED if error else OK] = 1
    counts[SLOW] = int(slow)
    return counts


def _cell(seen: Observations, second: int, stage: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return seen.cells.setdefault((second, stage), np.zeros(len(FIELDS), np.int64))


def _add(seen: Observations, second: int, stage: int, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    _cell(seen, second, stage)[:] += counts


def _record(seen: Observations, key: tuple[int, str, int], milliseconds: float, count: int) -> None:
    histogram = seen.histograms.get(key)
    if histogram is None:
        histogram = seen.histograms[key] = HdrHistogram(1, HIGHEST_MICROSECONDS, 3)
    histogram.record_value(min(max(int(milliseconds * 1000), 1), HIGHEST_MICROSECONDS), count)
