"""A definition as a Prometheus recording rule: what counters, gauges and histograms can say of it.

`prometheus:` in metrics.yaml names the series behind each `table.value`. A value over a day is that of the last 24
hours at every evaluation; at local midnight it is the day's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.definitions import Definition
from metrics.dictionary import DICTIONARY, Dictionary

WINDOWS = {"minute": "1m", "hour": "1h", "day": "1d"}


def recording_rule(name: str, dictionary: Dictionary, by: Sequence[str] = ()) -> str:
    """A rule file with one rule; its label `definition` carries the id.

    Raises:
        UserError: Prometheus cannot say this metric, or a series is not named in metrics.yaml; all of them at once.
    """
    problems: list[Problem] = []
    expression = _expression(name, dictionary, by, problems)
    if problems:
        raise UserError(problems)
    grain = dictionary.definitions[name].grain
    quoted = expression.replace("'", "''")
    return (
        "groups:\n- name: surgeplan-metrics\n  rules:\n"
        f"  - record: surgeplan:{name}:{grain}\n    expr: '{quoted}'\n"
        f'    labels: {{definition: "{dictionary.ids[name]}"}}\n'
    )


def _expression(name: str, dictionary: Dictionary, by: Sequence[str], problems: list[Problem]) -> str:
    definition = dictionary.definitions[name]
    if definition.kind == "ratio":
        above = _expression(definition.numerator or "", dictionary, by, problems)
        below = _expression(definition.denominator or "", dictionary, by, problems)
        factor = f"{definition.scale:g} * " if definition.scale else ""
        return f"{factor}({above}) / (({below}) > 0)"
    window = WINDOWS.get(definition.grain)
    if definition.kind not in ("sum", "gauge", "quantile") or window is None:
        what = say("{kind} cannot be a recording rule: Prometheus keeps counts, not people", kind=definition.kind)
        problems.append(_problem(name, what, say("compute it from event tables")))
        return ""
    series = _series(name, definition, dictionary.bindings.prometheus, problems)
    return _of_series(definition, series, window, by)


def _of_series(definition: Definition, series: str, window: str, by: Sequence[str]) -> str:
    split = f" by ({', '.join(by)})" if by else ""
    if definition.kind == "sum":
        return f"sum{split} (increase({series}[{window}]))"
    if definition.kind == "quantile":
        buckets = ", ".join(["le", *by])
        return f"histogram_quantile({definition.quantile:g}, sum by ({buckets}) (rate({series}[{window}])))"
    over = {"max": "max_over_time", "mean": "avg_over_time", "last": "last_over_time"}[definition.reading or "last"]
    outer = "avg" if definition.reading == "mean" else "max"
    return f"{outer}{split} ({over}({series}[{window}]))"


def _series(name: str, definition: Definition, known: Mapping[str, str], problems: list[Problem]) -> str:
    key = f"{definition.table}.{definition.value}"
    if key not in known:
        todo = say("add it to metrics.yaml, such as prometheus: {{{key}: http_requests_total}}", key=key)
        problems.append(_problem(name, say("no series is named for {key}", key=key), todo))
    return known.get(key, "")


def _problem(name: str, what: Text, todo: Text) -> Problem:
    return Problem(what, todo, file=DICTIONARY, key=f"metrics.{name}")
