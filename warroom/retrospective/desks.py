"""How the desks served: what came beside what was planned and promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from campaign.plan import Plan
from campaign.settings import Desk
from warroom.handed import naive
from warroom.retrospective.records import DeskScore
from warroom.support.intervals import Interval, level_of


def desk_scores(
    served: pd.DataFrame | None, staffing: Mapping[str, Sequence[Interval]], desks: Sequence[Desk], plan: Plan
) -> dict[str, DeskScore]:
    """Each desk that a source tells of within the campaign. served: as `read_desks` gives it."""
    if served is None:
        return {}
    at = served["starts_at_utc"]
    inside = served[(at >= naive(plan.starts_at)) & (at < naive(plan.ends_at))]
    found = {}
    for desk in desks:
        rows = inside[inside["desk"] == desk.name]
        if rows["contacts_offered"].sum() > 0:
            own = [one for one in staffing.get(desk.name, ()) if plan.starts_at <= one.starts_at < plan.ends_at]
            found[desk.name] = _score(rows, own, desk)
    return found


def _score(rows: pd.DataFrame, planned: Sequence[Interval], desk: Desk) -> DeskScore:
    agents, waiting = (rows[name].dropna() for name in ("agents_logged_in", "contacts_waiting"))
    return DeskScore(
        contacts_offered=float(rows["contacts_offered"].sum()),
        service_level_ratio=_share(rows, "contacts_in_time"),
        planned_service_level_ratio=level_of(planned),
        promised_ratio=desk.service_level.ratio,
        hours_below_promise=_hours_below(rows, desk.service_level.ratio),
        abandoned_ratio=_share(rows, "contacts_abandoned"),
        waiting_most=float(waiting.max()) if len(waiting) else None,
        agents_logged_in=float(agents.mean()) if len(agents) else None,
        agents_rostered=float(np.mean([one.rostered for one in planned])) if planned else None,
    )


def _share(rows: pd.DataFrame, name: str) -> float | None:
    """Of the contacts of rows that tell it."""
    told = rows[rows[name].notna()]
    offered = told["contacts_offered"].sum()
    return float(told[name].sum() / offered) if offered > 0 else None


def _hours_below(rows: pd.DataFrame, promised: float) -> int:
    told = rows[rows["contacts_in_time"].notna()]
    sums = told.groupby(told["starts_at_utc"].dt.floor("h"))[["contacts_offered", "contacts_in_time"]].sum()
    sums = sums[sums["contacts_offered"] > 0]
    return int((sums["contacts_in_time"] < promised * sums["contacts_offered"]).sum())
