"""The forecast as it was handed over: from the frozen bundle, else the newest files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from campaign.bundle import FrozenBundle
from campaign.documents import read_json, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.plan import Plan
from campaign.store.events import Event
from campaign.traffic import QUANTILES, TrafficModel
from campaign.workspace import Workspace
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.readiness.gather import acts, whole_log
from playbooks.readiness.standing import standing
from warroom.retrospective.scores import Band

QUANTILE_COLUMNS = [f"requests_per_second_{name}" for name in QUANTILES]
TEXTS = ("service", "measure", "desk")


@dataclass(frozen=True)
class Handed:
    """The forecast as operations had it: from the frozen bundle, else the newest files.

    demand: p50 of the campaign's orders and contacts by measure. inputs: SHA-256 by path in the workspace.
    folder: where its files are.
    """

    model: TrafficModel
    bands: dict[str, Band]
    demand: dict[str, float]
    autoscaling: AutoscalingPlan | None
    bundle: str | None
    inputs: dict[str, str]
    folder: Path

    @property
    def model_hash(self) -> str:
        """SHA-256 of its traffic.json."""
        return next(digest for name, digest in self.inputs.items() if name.endswith("/traffic.json"))


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
        read_json(root / "bundle.json", file_name(root / "bundle.json", workspace), FrozenBundle)
    source = root / "out" / plan.id if bundle else out
    model_file, rows_file = source / "traffic.json", source / "traffic.csv"
    if not model_file.is_file():
        todo = say(
            "run `surgeplan forecast {id}`: for a past start it takes what was known three days before", id=plan.id
        )
        raise UserError(Problem(say("there is no forecast to score"), todo, file=file_name(model_file, workspace)))
    scaling = source / "playbook" / "autoscaling.json"
    files = [f for f in (model_file, rows_file, source / "demand.csv", scaling) if f.is_file()]
    return Handed(
        model=read_json(model_file, file_name(model_file, workspace), TrafficModel),
        bands=_bands(rows_file, workspace),
        demand=_demand(source / "demand.csv", workspace, plan),
        autoscaling=read_json(scaling, file_name(scaling, workspace), AutoscalingPlan) if scaling.is_file() else None,
        bundle=bundle,
        inputs={file_name(file, workspace): sha256(file) for file in files},
        folder=source,
    )


def file_name(path: Path, workspace: Workspace) -> str:
    return path.relative_to(workspace.folder).as_posix()


def table_of(path: Path, workspace: Workspace, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV that a command wrote.

    Raises:
        UserError: missing, cut short or of other columns.
    """
    name = file_name(path, workspace)
    read_utf8(path, name)
    again = say("make it again with the command that wrote it")
    try:
        frame = pd.read_csv(path)
        frame["starts_at_utc"] = pd.to_datetime(frame["starts_at_utc"], utc=True).dt.tz_localize(None)
        return frame[["starts_at_utc", *columns]].astype({c: np.float64 for c in columns if c not in TEXTS})
    except (KeyError, ValueError) as error:
        raise UserError(Problem(say("cannot be read: {reason}", reason=str(error)), again, file=name)) from error


def seconds_of(times: pd.Series[pd.Timestamp]) -> np.ndarray:
    return times.to_numpy(dtype="datetime64[s]").astype(np.int64)


def _bands(path: Path, workspace: Workspace) -> dict[str, Band]:
    frame = table_of(path, workspace, ["seconds", "service", *QUANTILE_COLUMNS])
    return {
        str(service): Band(
            seconds_of(rows["starts_at_utc"]),
            rows["seconds"].to_numpy(dtype=np.int64),
            rows[QUANTILE_COLUMNS].to_numpy(dtype=np.float64).T,
        )
        for service, rows in frame.groupby("service", sort=False)
    }


def _demand(path: Path, workspace: Workspace, plan: Plan) -> dict[str, float]:
    if not path.is_file():
        return {}
    frame = table_of(path, workspace, ["measure", "p50"])
    inside = frame[(frame["starts_at_utc"] >= naive(plan.starts_at)) & (frame["starts_at_utc"] < naive(plan.ends_at))]
    return {str(measure): float(total) for measure, total in inside.groupby("measure")["p50"].sum().items()}


def naive(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment.astimezone(UTC).replace(tzinfo=None))
