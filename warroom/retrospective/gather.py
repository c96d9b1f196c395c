"""Reads what a retrospective is made of: what came, and what people brought."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import get_args

import duckdb
import numpy as np
import pandas as pd
from pydantic import ValidationError

from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.backtest.scores_file import BackTestFile
from forecast.history.reading import MASKED, TrafficHistory, open_history, read_contacts, read_orders
from playbooks.readiness.brought import rows_of
from warroom.handed import file_name, naive, seconds_of
from warroom.retrospective.reach import Measure, Reported
from warroom.retrospective.records import Action, AlertScore
from warroom.retrospective.timeline import Buckets

MEASURES: tuple[Measure, ...] = get_args(Measure)
YES, NO = frozenset({"yes", "true", "1", "useful"}), frozenset({"no", "false", "0", "noise"})


@dataclass(frozen=True)
class Came:
    """What history knows: buckets by service, daily figures by measure, counts inside the campaign.

    Outages, load tests and bots are NaN in `services`: what was refused or made up is no witness of demand.
    left_out_minutes: how much of the campaign that is, by kind, on the service that has most of it.
    """

    services: dict[str, Buckets]
    daily: dict[str, dict[date, float]]
    counts: dict[str, float]
    left_out_minutes: dict[str, float] = field(default_factory=dict)


def what_came(workspace: Workspace, plan: Plan, starts_at: datetime, ends_at: datetime, now: datetime) -> Came:
    """Traffic of [starts_at, ends_at), and what is counted by day up to `now`.

    Raises:
        UserError: history cannot be read.
    """
    history = open_history(workspace, before=now)
    orders, contacts = read_orders(workspace, now), read_contacts(workspace, now)
    zone = workspace.settings.zone.key if plan.time_zone is None else plan.time_zone
    daily = {"requests": _requests_by_day(history, zone)}
    counts: dict[str, float] = {}
    if orders is not None:
        daily["orders"] = _by_day(orders["starts_at_utc"], orders["orders"], zone)
    for name, frame in (("orders", orders), ("contacts", contacts)):
        if (
            frame is not None
            and len(frame)
            and frame["starts_at_utc"].max() >= naive(plan.ends_at) - pd.Timedelta("2h")
        ):
            inside = (frame["starts_at_utc"] >= naive(plan.starts_at)) & (frame["starts_at_utc"] < naive(plan.ends_at))
            counts[name] = float(frame.loc[inside, name].sum())
    actives = _actives(workspace)
    return Came(
        {name: _buckets(history, name, starts_at, ends_at) for name in history.services},
        daily | ({"active_users": actives} if actives else {}),
        counts | reported_figures(workspace, plan),
        _left_out(history, plan),
    )


def _buckets(history: TrafficHistory, service: str, starts_at: datetime, ends_at: datetime) -> Buckets:
    frame = history.buckets(service, starts_at, ends_at)
    starts, seconds = seconds_of(frame["starts_at_utc"]), frame["seconds"].to_numpy(dtype=np.int64)
    rates = frame["requests_per_second"].to_numpy(dtype=np.float64).copy()
    for finding in history.findings:
        if finding.service == service and finding.kind in MASKED:
            first, last = finding.starts_at_utc.timestamp(), finding.ends_at_utc.timestamp()
            rates[(starts + seconds > first) & (starts < last)] = np.nan
    return Buckets(starts, seconds, rates)


def _left_out(history: TrafficHistory, plan: Plan) -> dict[str, float]:
    minutes: dict[str, dict[str, float]] = {}
    for finding in history.findings:
        if finding.kind in MASKED:
            first, last = max(finding.starts_at_utc, plan.starts_at), min(finding.ends_at_utc, plan.ends_at)
            of_kind = minutes.setdefault(finding.kind, {})
            of_kind[finding.service] = of_kind.get(finding.service, 0.0) + max((last - first).total_seconds(), 0.0) / 60
    most = {kind: max(0.0, *of.values()) for kind, of in minutes.items()}
    return {kind: value for kind, value in most.items() if value > 0}


def _requests_by_day(history: TrafficHistory, zone: str) -> dict[date, float]:
    """Requests of each day whose every hour is known (23 of the day when the clock goes forward), all services."""
    hourly = history.hourly().sum(axis=1, skipna=False).dropna() * 3600
    found: dict[date, list[float]] = {}
    for day, value in zip(local_days(hourly.index, zone), hourly.to_numpy(), strict=True):
        found.setdefault(day, []).append(float(value))
    return {day: sum(values) for day, values in found.items() if len(values) >= 23}


def _by_day(times: pd.Series[pd.Timestamp], values: pd.Series[float], zone: str) -> dict[date, float]:
    """Sums by local day, the last day left out: nobody knows whether it is whole."""
    found: dict[date, float] = {}
    for day, value in zip(local_days(times, zone), values.to_numpy(), strict=True):
        found[day] = found.get(day, 0.0) + float(value)
    last = max(found, default=None)
    return {day: value for day, value in found.items() if day != last}


def local_days(times: pd.Index | pd.Series[pd.Timestamp], zone: str) -> list[date]:
    """The local dates of naive UTC times."""
    return list(pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone).date)


def _actives(workspace: Workspace) -> dict[date, float]:
    """`history/actives*`: `day` (2026-11-12) and `active_users`, summed over whatever else splits them."""
    found: dict[date, float] = {}
    for path in workspace.history_files("actives"):
        name = file_name(path, workspace)
        source = "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?)"
        try:
            with duckdb.connect() as connection:
                rows = connection.execute(
                    f"SELECT CAST(day AS DATE), sum(active_users) FROM {source} GROUP BY 1 ORDER BY 1", [str(path)]
                ).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            todo = say("its columns are day (2026-11-12) and active_users")
            raise UserError(Problem(say("cannot be read: {reason}", reason=reason), todo, file=name)) from error
        found |= {_day_of(day, value, name): float(value) for day, value in rows}
    return found


def _day_of(day: date | None, value: float | None, name: str) -> date:
    if day is None or value is None or not 0 <= value < float("inf"):
        what = say("{given} is not {expected}", given=f"{day} {value}", expected=say("a day and a count"))
        raise UserError(Problem(what, say("leave a day out that is not known"), file=name))
    return day


def reported_reach(workspace: Workspace, plan: Plan) -> list[Reported]:
    """`evidence/<id>/reach.csv`: channel, measure (reach, viewers, spend), real, and `at` where it is one push's.

    Raises:
        UserError: every row that cannot be read.
    """
    path = workspace.folder / "evidence" / plan.id / "reach.csv"
    name = file_name(path, workspace)
    rows = rows_of(path, workspace.folder, {"channel", "real"}) or []
    problems: list[Problem] = []
    found = [_reported(row, name, line, problems) for line, row in enumerate(rows, start=2)]
    if problems:
        raise UserError(problems)
    return [row for row in found if row]


def _reported(row: dict[str, str], name: str, line: int, problems: list[Problem]) -> Reported | None:
    try:
        at = datetime.fromisoformat(row["at"]) if row.get("at") else None
        real = float(row["real"])
        measure = next(m for m in MEASURES if m == (row.get("measure") or "reach"))
        if (at and at.tzinfo is None) or not 0 <= real < float("inf"):
            raise ValueError(row)
    except (ValueError, StopIteration):
        what = say("is no report of reach: {row}", row=",".join(str(value) for value in row.values()))
        todo = say("write channel, at with its offset (or empty), measure (reach, viewers or spend) and real")
        problems.append(Problem(what, todo, file=name, line=line))
        return None
    return Reported(row["channel"], at, measure, real)


def reported_figures(workspace: Workspace, plan: Plan) -> dict[str, float]:
    """`evidence/<id>/figures.csv`: measure, real: what no history file counts, such as sessions.

    Raises:
        UserError: every row that cannot be read.
    """
    path = workspace.folder / "evidence" / plan.id / "figures.csv"
    problems: list[Problem] = []
    found: dict[str, float] = {}
    for line, row in enumerate(rows_of(path, workspace.folder, {"measure", "real"}) or [], start=2):
        try:
            found[row["measure"]] = float(row["real"])
            if not 0 <= found[row["measure"]] < float("inf"):
                raise ValueError(row["real"])
        except ValueError:
            what = say("{given} is not {expected}", given=repr(row["real"]), expected=say("a number"))
            problems.append(
                Problem(what, say("write the count without units"), file=file_name(path, workspace), line=line)
            )
    if problems:
        raise UserError(problems)
    return found


def agreed_actions(workspace: Workspace, plan: Plan) -> tuple[Action, ...]:
    """`evidence/<id>/actions.csv`: action, owner, due (2026-12-01), as the retrospective agreed on them.

    Raises:
        UserError: every row without an owner or a date.
    """
    path = workspace.folder / "evidence" / plan.id / "actions.csv"
    problems: list[Problem] = []
    found: list[Action] = []
    for line, row in enumerate(rows_of(path, workspace.folder, {"action", "owner", "due"}) or [], start=2):
        try:
            found.append(Action(action=row["action"], owner=_given(row["owner"]), due=date.fromisoformat(row["due"])))
        except ValueError:
            what = say("an action needs an owner and a date")
            todo = say("write who does it, and until when, such as 2026-12-01")
            problems.append(Problem(what, todo, file=file_name(path, workspace), line=line))
    if problems:
        raise UserError(problems)
    return tuple(found)


def _given(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def alert_score(workspace: Workspace, campaign: str) -> AlertScore | None:
    """`out/<id>/alerts.csv`: one row per alert; `useful` (yes, no or empty) is what people marked."""
    path = workspace.out(campaign) / "alerts.csv"
    if not path.is_file():
        return None
    marks = [
        (row.get("useful") or "").strip().lower() for row in csv.DictReader(read_utf8(path, path.name).splitlines())
    ]
    useful, noise = sum(m in YES for m in marks), sum(m in NO for m in marks)
    return AlertScore(
        fired=len(marks),
        useful=useful,
        noise=noise,
        unmarked=len(marks) - useful - noise,
        precision_ratio=useful / (useful + noise) if useful + noise else None,
    )


def tested_before(workspace: Workspace, campaign: str) -> dict[str, tuple[float, float]]:
    """WAPE and unsigned peak error of other methods on this campaign, from `out/backtest.json` where it has it."""
    path = workspace.folder / "out" / "backtest.json"
    if not path.is_file():
        return {}
    try:
        file = read_json(path, "out/backtest.json", BackTestFile)
    except (UserError, ValidationError):
        return {}
    found = [test for test in file.campaigns if test.campaign == campaign]
    return {name: (s.wape_ratio, s.peak_error_ratio) for test in found for name, s in test.methods.items()}
