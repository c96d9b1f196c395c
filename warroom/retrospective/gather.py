"""Reads what a retrospective is made of: the forecast as it was handed over, what came, and what people brought."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import duckdb
import numpy as np
import pandas as pd
from pydantic import ValidationError

from campaign.bundle import FrozenBundle
from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.plan import Plan
from campaign.store.events import Event
from campaign.traffic import QUANTILES, TrafficModel
from campaign.workspace import Workspace
from forecast.backtest.scores_file import BackTestFile
from forecast.history.reading import MASKED, TrafficHistory, open_history, read_contacts, read_orders
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.readiness.brought import rows_of
from playbooks.readiness.gather import acts, whole_log
from playbooks.readiness.standing import standing
from warroom.retrospective.reach import Measure, Reported
from warroom.retrospective.records import Action, AlertScore
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets

MEASURES: tuple[Measure, ...] = get_args(Measure)
YES, NO = frozenset({"yes", "true", "1", "useful"}), frozenset({"no", "false", "0", "noise"})
QUANTILE_COLUMNS = [f"requests_per_second_{name}" for name in QUANTILES]


@dataclass(frozen=True)
class Handed:
    """The forecast as operations had it: from the frozen bundle, else the newest files.

    demand: p50 of the campaign's orders and contacts by measure. inputs: SHA-256 by path in the workspace.
    """

    model: TrafficModel
    bands: dict[str, Band]
    demand: dict[str, float]
    autoscaling: AutoscalingPlan | None
    bundle: str | None
    inputs: dict[str, str]


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


def campaign_events(workspace: Workspace, campaign: str) -> list[Event]:
    """The log's acts on the campaign and on the promotion it is a wave of."""
    return acts(workspace, campaign, whole_log(workspace))


def handed_over(workspace: Workspace, plan: Plan, events: Sequence[Event]) -> Handed:
    """Raises UserError where nothing was ever forecast, or a file of it cannot be read."""
    freeze = standing(events, plan.id).freeze
    out = workspace.out(plan.id)
    bundle = str(freeze.body["bundle"]) if freeze else None
    root = out / "frozen" / bundle if bundle else workspace.folder
    if bundle:
        read_json(root / "bundle.json", _name(root / "bundle.json", workspace), FrozenBundle)
    source = root / "out" / plan.id if bundle else out
    model_file, rows_file = source / "traffic.json", source / "traffic.csv"
    if not model_file.is_file():
        todo = say(
            "run `surgeplan forecast {id}`: for a past start it takes what was known three days before", id=plan.id
        )
        raise UserError(Problem(say("there is no forecast to score"), todo, file=_name(model_file, workspace)))
    scaling = source / "playbook" / "autoscaling.json"
    files = [f for f in (model_file, rows_file, source / "demand.csv", scaling) if f.is_file()]
    return Handed(
        model=read_json(model_file, _name(model_file, workspace), TrafficModel),
        bands=_bands(rows_file, workspace),
        demand=_demand(source / "demand.csv", workspace, plan),
        autoscaling=read_json(scaling, _name(scaling, workspace), AutoscalingPlan) if scaling.is_file() else None,
        bundle=bundle,
        inputs={_name(file, workspace): sha256(file) for file in files},
    )


def _name(path: Path, workspace: Workspace) -> str:
    return path.relative_to(workspace.folder).as_posix()


def _table(path: Path, workspace: Workspace, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV that a command wrote.

    Raises:
        UserError: missing, cut short or of other columns.
    """
    name = _name(path, workspace)
    read_utf8(path, name)
    again = say("make it again with the command that wrote it")
    try:
        frame = pd.read_csv(path)
        frame["starts_at_utc"] = pd.to_datetime(frame["starts_at_utc"], utc=True).dt.tz_localize(None)
        return frame[["starts_at_utc", *columns]].astype({c: np.float64 for c in columns if c not in TEXTS})
    except (KeyError, ValueError) as error:
        raise UserError(Problem(say("cannot be read: {reason}", reason=str(error)), again, file=name)) from error


TEXTS = ("service", "measure", "desk")


def _seconds(times: pd.Series[pd.Timestamp]) -> np.ndarray:
    return times.to_numpy(dtype="datetime64[s]").astype(np.int64)


def _bands(path: Path, workspace: Workspace) -> dict[str, Band]:
    frame = _table(path, workspace, ["seconds", "service", *QUANTILE_COLUMNS])
    return {
        str(service): Band(
            _seconds(rows["starts_at_utc"]),
            rows["seconds"].to_numpy(dtype=np.int64),
            rows[QUANTILE_COLUMNS].to_numpy(dtype=np.float64).T,
        )
        for service, rows in frame.groupby("service", sort=False)
    }


def _demand(path: Path, workspace: Workspace, plan: Plan) -> dict[str, float]:
    if not path.is_file():
        return {}
    frame = _table(path, workspace, ["measure", "p50"])
    inside = frame[(frame["starts_at_utc"] >= _naive(plan.starts_at)) & (frame["starts_at_utc"] < _naive(plan.ends_at))]
    return {str(measure): float(total) for measure, total in inside.groupby("measure")["p50"].sum().items()}


def _naive(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment.astimezone(UTC).replace(tzinfo=None))


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
            and frame["starts_at_utc"].max() >= _naive(plan.ends_at) - pd.Timedelta("2h")
        ):
            inside = (frame["starts_at_utc"] >= _naive(plan.starts_at)) & (
                frame["starts_at_utc"] < _naive(plan.ends_at)
            )
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
    starts, seconds = _seconds(frame["starts_at_utc"]), frame["seconds"].to_numpy(dtype=np.int64)
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
        name = _name(path, workspace)
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
        found |= {day: float(value) for day, value in rows}
    return found


def reported_reach(workspace: Workspace, plan: Plan) -> list[Reported]:
    """`evidence/<id>/reach.csv`: channel, measure (reach, viewers, spend), real, and `at` where it is one push's.

    Raises:
        UserError: every row that cannot be read.
    """
    path = workspace.folder / "evidence" / plan.id / "reach.csv"
    name = _name(path, workspace)
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
            problems.append(Problem(what, say("write the count without units"), file=_name(path, workspace), line=line))
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
            problems.append(Problem(what, todo, file=_name(path, workspace), line=line))
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
