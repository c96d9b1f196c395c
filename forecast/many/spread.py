"""From the total's forecast to every service's: chunks made from evidence, paths put together so that they add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Sentence, TrafficPaths
from forecast.epochs import DAY, HOUR, epoch, epochs
from forecast.evidence import Evidence, horizon_hours, mask_of, spans_of
from forecast.explain.doubts import silence_said
from forecast.many.series import KNOWN_HOURS_LEAST, Chunk, Shared
from forecast.many.total import TOTAL
from forecast.model import Forecast, minute_factor, peaks

Singles = NDArray[np.float32]

PROFILED_SERVICES = 20


def shared_of(forecast: Forecast, whole: Evidence, settings: Settings, seed: int) -> Shared:
    """What the total's forecast tells every service; `whole` is the evidence of the total."""
    learned = forecast.learned
    base = learned.baseline
    starts, seconds = epochs(forecast.paths.starts_at_utc), forecast.paths.seconds
    ordinary = base.log_at(0, starts + seconds / 2)
    totals = np.maximum(forecast.paths.requests_per_second[:, 0].astype(np.float64), 1e-9)
    hours = whole.hours
    campaigns = campaign_numbers(hours, learned.past)
    actual = whole.hourly[TOTAL].to_numpy(dtype=np.float64)
    hidden = np.zeros(len(hours), dtype=bool)
    for d in whole.disturbed:
        hidden |= (hours + HOUR > d.starts) & (hours < d.ends)
    use = (campaigns >= 0) & (actual > 0) & ~hidden
    logs = np.log(np.where(use, actual, 1.0)) - base.log_requests_per_second[: len(hours), 0]
    ahead = len(horizon_hours(whole, epoch(learned.target.ends_at) + 2 * DAY))
    return Shared(
        hours=hours,
        ahead=ahead,
        zone=settings.time_zone,
        country=settings.country,
        lead_days=max(epoch(learned.target.starts_at) - int(hours[-1]), DAY) / DAY,
        starts=starts,
        seconds=seconds,
        lift=(np.log(totals) - ordinary).astype(np.float32),
        past_lift=np.where(use, logs, np.nan),
        campaigns=campaigns,
        ordinary=ordinary,
        usual_total=float(np.nanmean(actual)),
        total_level_sd=float(base.level_sd[0]),
        seed=seed,
    )


def campaign_numbers(hours: NDArray[np.int64], past: Sequence[Plan]) -> NDArray[np.int64]:
    """Which past campaign runs in each hour, -1 for none; the later one where two do."""
    numbers = np.full(len(hours), -1, dtype=np.int64)
    for i, plan in enumerate(past):
        for starts, ends in spans_of(plan, 0, 0):
            numbers[(hours >= starts) & (hours < ends)] = i
    return numbers


def chunks_of(evidence: Evidence, campaign: Plan, plans: Sequence[Plan], size: int) -> list[Chunk]:
    """The services in chunks of `size`, in their order."""
    masked = mask_of(evidence, plans)
    rates = evidence.hourly.to_numpy(dtype=np.float32)
    names = evidence.services
    return [
        Chunk(
            names[first : first + size],
            rates[:, first : first + size],
            masked[:, first : first + size],
            tuple(campaign.touches(name) for name in names[first : first + size]),
        )
        for first in range(0, len(names), size)
    ]


def put_together(forecast: Forecast, evidence: Evidence, plans: Sequence[Plan], made: Iterable[Singles]) -> Forecast:
    """The forecast with every service's paths in it, scaled on each path and interval to the total's."""
    total = forecast.paths.requests_per_second[:, 0]
    rates = np.empty((len(total), len(evidence.services), total.shape[1]), dtype=np.float32)
    at = 0
    for part in made:
        rates[:, at : at + part.shape[1]] = part
        at += part.shape[1]
    rates *= (total / np.maximum(rates.sum(axis=1), np.float32(1e-9)))[:, None, :]
    paths = TrafficPaths(rates, evidence.services, forecast.paths.starts_at_utc, forecast.paths.seconds)
    model = forecast.model
    factor = minute_factor(evidence.finest_seconds, len(total), model.seed)
    services, _total = peaks(paths, forecast.learned.target, factor)
    said = (
        *forecast.assumptions,
        say(
            "{count} services: campaigns are learned on their total, each service follows it as it did before",
            count=len(evidence.services),
        ),
        *_little_known(evidence, mask_of(evidence, plans)),
        *silence_said(evidence),
    )
    largest = sorted(services, key=lambda name: -services[name].peak_requests_per_second.p50)
    profiles = tuple(
        profile.model_copy(update={"service": name})
        for name in islice(largest, PROFILED_SERVICES)
        for profile in model.second_profiles
    )
    update = {
        "services": services,
        "second_profiles": profiles,
        "assumptions": tuple(text.speak("en") for text in said),
        "assumptions_said": tuple(Sentence.of(text) for text in said),
    }
    return replace(forecast, model=model.model_copy(update=update), paths=paths, assumptions=said)


def _little_known(evidence: Evidence, masked: NDArray[np.bool_]) -> list[Text]:
    """What is said of services that have no rhythm of their own, and of those that never had any traffic."""
    rates = evidence.hourly.to_numpy(dtype=np.float64)
    hours = (~masked & ~np.isnan(rates)).sum(axis=0)
    silent = ~(np.nan_to_num(rates) > 0).any(axis=0)
    names = np.array(evidence.services)
    little = names[(hours < KNOWN_HOURS_LEAST) & ~silent]
    said = [say("service {name} has never had any traffic", name=name) for name in names[silent]]
    if len(little):
        said.append(
            say(
                "too little ordinary history, so they get the total's rhythm at their own size, wide: {names}",
                names=", ".join(little),
            )
        )
    return said
