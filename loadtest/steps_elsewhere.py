"""Steps that were measured with other tools: a table of rates and p99, and the knee of it.

Only p99 of each step is known here, so the knee is where the isotonic regression of its logarithm on the rate meets the
objective, and the interval a bootstrap over steps; how much a single step's p99 is worth cannot be known from it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from campaign.documents import read_utf8
from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from loadtest.knee import DRAWS, Knee

COLUMNS = ("offered_per_second", "p99_ms")
OPTIONAL = ("achieved_per_second", "replicas", "error_ratio")
LARGEST = {"error_ratio": 1.0}
SECONDS_BELOW_RATIO = 0.02  # every p99 below this share of the objective: seconds, or steps that never came near it
ASSUMED_ERROR_RATIO = 0.01
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StepPoint:
    """One offered rate held for a while: of the whole target, and what it gave."""

    offered_per_second: float
    p99_ms: float
    replicas: float = 1.0
    error_ratio: float = 0.0
    achieved_per_second: float = np.inf

    @property
    def per_replica(self) -> float:
        """What was carried: a rate that was wanted and never came shows nothing."""
        return min(self.offered_per_second, self.achieved_per_second) / self.replicas


def read_steps(path: Path) -> list[StepPoint]:
    """A CSV with `offered_per_second, p99_ms` (and `OPTIONAL` columns), or a steps.json of `loadtest capacity`.

    Raises:
        UserError: neither, a figure that is none, or fewer than three steps.
    """
    text = read_utf8(path, path.name)
    rows = _json_rows(text, path.name) if text.lstrip().startswith("{") else _csv_rows(text, path.name)
    problems: list[Problem] = []
    points = [point for line, row in rows if (point := _point(row, path.name, line, problems)) is not None]
    if not problems and len(points) < 3:
        todo = say("three rates or more, from idle to beyond the objective")
        problems.append(Problem(say("{count} steps are too few", count=len(points)), todo, file=path.name))
    if problems:
        raise UserError(problems)
    return points


def require_milliseconds(points: Sequence[StepPoint], objective_ms: float, name: str) -> None:
    """Refuse steps whose p99 all lie so far below the objective that they are seconds.

    Raises:
        UserError: they do.
    """
    slowest = max(point.p99_ms for point in points)
    if slowest < SECONDS_BELOW_RATIO * objective_ms:
        what = say("the slowest p99 is {ms} ms where the objective is {objective} ms: are these seconds?",
                   ms=f"{slowest:g}", objective=f"{objective_ms:g}")  # fmt: skip
        todo = say("write milliseconds; if they are, measure up to rates at which the objective breaks")
        raise UserError(Problem(what, todo, file=name, key="p99_ms"))


def knee_of_points(
    points: Sequence[StepPoint], objective_ms: float, error_ratio: float | None, rng: np.random.Generator
) -> Knee | None:
    """Requests per second and replica where p99 meets the objective; None where no step broke it.

    A step with more errors than allowed broke it, whatever its p99.

    Raises:
        UserError: every step broke it.
    """
    rates, slowness = _log_p99(points, objective_ms, ASSUMED_ERROR_RATIO if error_ratio is None else error_ratio)
    whole = _crossing(rates, slowness, float(np.log(objective_ms)))
    if whole is None:
        if slowness.min() > np.log(objective_ms):
            what = say("every step broke the objective of {ms} ms", ms=f"{objective_ms:g}")
            raise UserError(Problem(what, say("measure lower rates too"), key="--from-steps"))
        return None
    draws = [
        _crossing(rates[drawn], slowness[drawn], float(np.log(objective_ms)))
        for drawn in (np.sort(rng.integers(0, len(rates), len(rates))) for _ in range(DRAWS))
    ]
    known = [draw for draw in draws if draw is not None] or [whole]
    low, high = np.quantile(known, [0.025, 0.975])
    return Knee(float(min(low, whole)), whole, float(max(high, whole)))


def log_p99_knee(points: Sequence[StepPoint], objective_ms: float) -> float | None:
    """Where log p99, made never to fall with the rate, meets the objective, per replica; None where it never does."""
    return _crossing(*_log_p99(points, objective_ms, ASSUMED_ERROR_RATIO), float(np.log(objective_ms)))


def _log_p99(points: Sequence[StepPoint], objective_ms: float, allowed_errors: float) -> tuple[Floats, Floats]:
    """Rates per replica, rising, and the logarithm of each one's p99; errors beyond what is allowed count as slow."""
    ordered = sorted(points, key=lambda point: point.per_replica)
    p99_ms = [p.p99_ms if p.error_ratio <= allowed_errors else max(p.p99_ms, 10 * objective_ms) for p in ordered]
    return np.array([point.per_replica for point in ordered]), np.log(p99_ms)


def best_carried(points: Sequence[StepPoint], objective_ms: float) -> float:
    """The highest rate per replica whose p99 held."""
    return max(point.per_replica for point in points if point.p99_ms <= objective_ms)


def _crossing(rates: Floats, slowness: Floats, limit: float) -> float | None:
    smooth = isotonic_regression(slowness).x
    above = int(np.searchsorted(smooth, limit, side="right"))
    if above in (0, len(smooth)):
        return None
    left, right = smooth[above - 1 : above + 1]
    share = (limit - left) / (right - left)
    return float(rates[above - 1] + share * (rates[above] - rates[above - 1]))


def _csv_rows(text: str, name: str) -> list[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(text.splitlines())
    named = [column for column in reader.fieldnames or () if column]
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        what = say("has no column {name}", name=", ".join(missing))
        todo = say("its first line is offered_per_second,p99_ms, with {names} where known", names=", ".join(OPTIONAL))
        raise UserError(Problem(what, todo, file=name, line=1))
    known = (*COLUMNS, *OPTIONAL)
    unknown = [Problem(say("unknown column"), nearest(column, known), file=name, line=1, key=column)
               for column in named if column not in known]  # fmt: skip
    if unknown:
        raise UserError(unknown)
    return [(reader.line_num, row) for row in reader]


def _json_rows(text: str, name: str) -> list[tuple[int, Mapping[str, object]]]:
    try:
        content = json.loads(text)
        replicas = content.get("replicas", 1)
        return [(i, {"replicas": replicas, **row}) for i, row in enumerate(content["steps"], start=1)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = say("is no steps.json: {reason}", reason=str(error))
        raise UserError(
            Problem(what, say("give a CSV, or the file that loadtest capacity wrote"), file=name)
        ) from error


def _point(row: Mapping[str, object], name: str, line: int, problems: list[Problem]) -> StepPoint | None:
    figures = {}
    for key in (*COLUMNS, *OPTIONAL):
        given = row.get(key)
        if given in (None, "") and key in OPTIONAL:
            continue
        try:
            figures[key] = float(str(given))
        except ValueError:
            figures[key] = -1.0
        if not (0 if key == "error_ratio" else 1e-9) <= figures[key] <= LARGEST.get(key, 1e12):
            problems.append(Problem(say("{given} is not a figure", given=str(given)), file=name, line=line, key=key))
            return None
    return StepPoint(**figures)
