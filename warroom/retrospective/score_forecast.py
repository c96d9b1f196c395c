"""The forecast's score beside the forecasts that people would have made without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from campaign.plan import Plan
from warroom.handed import Handed
from warroom.retrospective.records import (
    LAST_CAMPAIGN,
    LAST_WEEK,
    OURS,
    YESTERDAY,
    ForecastScore,
    MethodScore,
    ServiceScore,
)
from warroom.retrospective.scores import Band, method_score, service_score, summed, summed_band
from warroom.retrospective.timeline import Buckets, Floats, Ints, by_hour, days_before, weeks_before, whole_hours

Services = Mapping[str, Buckets]


@dataclass(frozen=True)
class Scored:
    """The score, and what its picture is drawn from: what came of all services together, and the forecast of it.

    has_band: whether the forecast's quantiles are those of the sum; else only its middle is near that.
    """

    score: ForecastScore
    real: Buckets
    band: Band
    has_band: bool


def score_forecast(
    plan: Plan,
    plans: Sequence[Plan],
    handed: Handed,
    services: Services,
    tested: Mapping[str, tuple[float, float]],
    whole: Band | None = None,
) -> Scored | None:
    """None where history knows nothing of the campaign. `tested`: WAPE and peak error of further methods by name.
    `whole`: the forecast of all its services together, where sample paths tell it."""
    starts, ends = int(plan.starts_at.timestamp()), int(plan.ends_at.timestamp())
    names = [name for name in handed.bands if name in services]
    inside = {name: services[name].within(starts, ends) for name in names}
    parts = {name: _service(handed, name, inside[name], starts, ends) for name in names}
    known = {name: score for name, score in parts.items() if score is not None}
    if not known:
        return None
    real = summed({name: inside[name] for name in known})
    has_band = whole is not None and known.keys() == handed.bands.keys()
    band = whole if whole is not None and has_band else summed_band({name: handed.bands[name] for name in known})
    band = band.within(starts, ends)
    total = service_score(real, band, handed.model.total, has_band=has_band)
    if total is None:
        return None
    hours = whole_hours(starts, ends)
    methods = _methods(plan, plans, handed, {name: services[name] for name in known}, hours)
    for name, (wape_ratio, peak_error_ratio) in tested.items():
        methods.setdefault(name, MethodScore(wape_ratio=wape_ratio, peak_error_ratio=peak_error_ratio))
    score = ForecastScore(
        as_of_utc=handed.model.as_of_utc,
        bundle=handed.bundle,
        made_afterwards=handed.model.historical,
        hours=int((~np.isnan(_all(inside, hours))).sum()),
        services=known,
        total=total,
        methods=methods,
    )
    return Scored(score, real, band, has_band)


def _service(handed: Handed, name: str, real: Buckets, starts: int, ends: int) -> ServiceScore | None:
    if len(real.starts) == 0:
        return None
    return service_score(real, handed.bands[name].within(starts, ends), handed.model.services[name])


def _methods(
    plan: Plan, plans: Sequence[Plan], handed: Handed, services: Services, hours: Ints
) -> dict[str, MethodScore]:
    as_of = int(handed.model.as_of_utc.timestamp())
    real = _all(services, hours)
    found = {
        OURS: method_score(hours, real, _all({n: handed.bands[n].middle for n in services}, hours)),
        LAST_WEEK: method_score(hours, real, _all(services, weeks_before(hours, as_of))),
        YESTERDAY: method_score(hours, real, _all(services, days_before(hours, as_of))),
    }
    last = last_of_kind(plan, plans, handed.model.as_of_utc)
    if last is not None:
        away = round((plan.starts_at - last.starts_at).total_seconds() / 3600) * 3600
        found[LAST_CAMPAIGN] = method_score(hours, real, _all(services, hours - away), last.id)
    return {name: score for name, score in found.items() if score is not None}


def _all(services: Services, hours: Ints) -> Floats:
    """All services by hour; NaN where any is missing."""
    total: Floats = np.sum([by_hour(buckets, hours) for buckets in services.values()], axis=0)
    return total


def last_of_kind(plan: Plan, plans: Sequence[Plan], as_of: datetime) -> Plan | None:
    """The latest campaign of the kind that was over when the forecast was made."""
    over = [p for p in plans if p.kind == plan.kind and p.id != plan.id and p.ends_at <= as_of]
    return max(over, key=lambda p: p.ends_at, default=None)
