"""What makes a forecast doubtful and is no mistake of anybody: failed or running campaigns, a level that just moved,
services whose source fell silent or that began lately, an outage that is not over, plans whose date looks wrong, slips
of the pen, kinds that bring less than ordinary days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.plan import Plan
from forecast.baseline.ridge import days_silent
from forecast.epochs import DAY, HOUR, epoch, moment_of
from forecast.evidence import Evidence, going_on, mask_of
from forecast.learning import Learned, known_seconds, target_settings
from forecast.paths.grid import Grid
from forecast.paths.joint import middle_rate

DAY_HOURS, WEEK_HOURS = 24, 168
HOURS_LEAST = 12
SHIFT_RATIO, SHIFT_OF_ONE_RATIO, STEADY_RATIO = 1.3, 2.0, 1.15
DAYS_MOVED_MOST = 6
GONE_RATIO, GONE_DAYS, GONE_REQUESTS_LEAST = 0.02, 3, 100.0
SILENT_DAYS = 1.0
MISDATED_SECONDS = 3 * DAY
BROKEN_SECONDS_LEAST = HOUR / 2
SLIP_RATIO, SLIP_REQUESTS_LEAST = 20.0, 1000.0
SURGE_RATIO, SURGE_SHARE = 1.5, 0.25
AWAY_RATIO = 0.1


def doubts_said(learned: Learned, evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> tuple[Text, ...]:
    """All of them, in words."""
    return (
        *failed_said(learned, evidence, plans, as_of),
        *broken_said(learned, evidence),
        *running_said(evidence, plans, as_of),
        *shift_said(evidence, plans),
        *outage_said(evidence),
        *gone_said(evidence),
        *silence_said(evidence),
        *young_said(learned, evidence, as_of),
        *slips_said(evidence),
        *misdated_said(learned, evidence),
        *away_said(learned),
    )


def failed_said(learned: Learned, evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> list[Text]:
    """Past campaigns inside history of which no undisturbed hour is left."""
    first = int(evidence.hours[0])
    used = {plan.id for plan in learned.past}
    over = [p for p in plans if p.ends_at <= as_of and epoch(p.starts_at) >= first and p.id != learned.target.id]
    failed = [p.id for p in over if p.id not in used]
    if not failed:
        return []
    names = ", ".join(failed)
    return [say("nothing can be learned from past campaigns that failed or left no traffic: {plans}", plans=names)]


def broken_said(learned: Learned, evidence: Evidence) -> list[Text]:
    """Past campaigns with an outage in them, of which the rest is learned from."""
    hours: dict[str, float] = {}
    for plan in learned.past:
        for d in evidence.disturbed:
            if d.kind == "outage" and plan.touches(d.service):
                both = min(d.ends, epoch(plan.ends_at)) - max(d.starts, epoch(plan.starts_at))
                hours[plan.id] = max(hours.get(plan.id, 0.0), both / HOUR)
    broken = [f"{name} ({found:.1f})" for name, found in hours.items() if found * HOUR >= BROKEN_SECONDS_LEAST]
    if not broken:
        return []
    return [say("hours of outages in past campaigns are left out of what is learned: {plans}", plans=", ".join(broken))]


def running_said(evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> list[Text]:
    """Campaigns that are under way when the forecast is made."""
    return [
        say(
            "campaign {name} is not over at the forecast's date: only its first {hours} hours are known",
            name=plan.id,
            hours=f"{known_seconds(plan, evidence) / HOUR:.0f}",
        )
        for plan in plans
        if plan.starts_at < as_of < plan.ends_at
    ]


def shift_said(evidence: Evidence, plans: Sequence[Plan]) -> list[Text]:
    """Last days far from the same days a week earlier, where the day before them was not: a new level, or a passing
    one; on all services together, else on single ones that moved further."""
    rates = evidence.hourly.to_numpy(dtype=np.float64)
    if len(rates) < WEEK_HOURS + 2 * DAY_HOURS:
        return []
    hidden = mask_of(evidence, plans)
    moved = _moved(rates, hidden, SHIFT_RATIO)
    if moved is not None:
        days, ratio = moved
        return [_last_day(ratio) if days == 1 else _last_days(days, ratio)]
    single = {
        name: _moved(rates[:, [s]], hidden[:, [s]], SHIFT_OF_ONE_RATIO) for s, name in enumerate(evidence.services)
    }
    some = [f"{name} ({found[1]:.1f})" for name, found in single.items() if found is not None]
    if not some:
        return []
    return [
        say(
            "so many times the same days a week earlier came lately, taken as a new level in part, so their range is "
            "wider: {services}",
            services=", ".join(some),
        )
    ]


def _moved(rates: NDArray[np.float64], hidden: NDArray[np.bool_], least: float) -> tuple[int, float] | None:
    """For how many days traffic has been far from a week earlier, and the last day's ratio; None where it is not."""
    latest, *before = (_ratio_to_last_week(rates, hidden, back * DAY_HOURS) for back in range(DAYS_MOVED_MOST + 1))
    days = next((n for n, ratio in enumerate(before, 1) if 1 / STEADY_RATIO < ratio < STEADY_RATIO), None)
    far = not np.isnan(latest) and not 1 / least < latest < least
    return (days, latest) if far and days is not None else None


def _last_day(ratio: float) -> Text:
    return say(
        "the last day was {ratio} times the same day a week earlier: taken as a new level in part, so the range is "
        "wider",
        ratio=f"{ratio:.1f}",
    )


def _last_days(days: int, ratio: float) -> Text:
    return say(
        "for {days} days traffic has been far from the same days a week earlier, {ratio} times on the last: taken as a "
        "new level, so the range is wider",
        days=days,
        ratio=f"{ratio:.1f}",
    )


def gone_said(evidence: Evidence) -> list[Text]:
    """Services of which nearly nothing has come for longer than an outage lasts."""
    over = {d.service for d in evidence.disturbed if d.kind == "outage" and going_on(d, evidence)}
    gone = []
    for name in evidence.services:
        rates = evidence.hourly[name].dropna()
        days = rates.to_numpy()[len(rates) % DAY_HOURS :].reshape(-1, DAY_HOURS).mean(axis=1)
        usual = float(np.median(days[days > 0])) if (days > 0).any() else 0.0
        busy = np.flatnonzero(days > GONE_RATIO * usual) if usual * DAY >= GONE_REQUESTS_LEAST else days[:0]
        since = len(days) - 1 - int(busy[-1]) if len(busy) else 0
        if since >= GONE_DAYS and name not in over:
            gone.append(f"{name} ({since})")
    if not gone:
        return []
    return [
        say(
            "nearly nothing has come for days and that is taken as the level; if it will be back, name the days as an "
            "outage in history: outages: {services}",
            services=", ".join(gone),
        )
    ]


def outage_said(evidence: Evidence) -> list[Text]:
    """Outages that are not over where history ends."""
    now = [
        f"{d.service} ({(d.ends - d.starts) / HOUR:.0f} h)"
        for d in evidence.disturbed
        if d.kind == "outage" and d.ends - d.starts >= HOUR and going_on(d, evidence)
    ]
    if not now:
        return []
    return [
        say(
            "nearly nothing comes where history ends, taken as an outage that will be over: {services}; what is "
            "switched off for good does not belong in surgeplan.yaml",
            services=", ".join(now),
        )
    ]


def silence_said(evidence: Evidence) -> list[Text]:
    """Services whose rows end more than a day before the others': their source died, or they were switched off."""
    days = days_silent(evidence.hourly.to_numpy(dtype=np.float64))
    late = [
        f"{name} ({silent:.1f})"
        for name, silent in zip(evidence.services, days, strict=True)
        if silent > SILENT_DAYS and evidence.hourly[name].notna().any()
    ]
    if not late:
        return []
    return [
        say(
            "rows end days before the other services', so these are forecast from further away: {services}",
            services=", ".join(late),
        )
    ]


def young_said(learned: Learned, evidence: Evidence, as_of: datetime) -> list[Text]:
    """Services whose rows begin later than the others': campaigns before that say nothing of them."""
    said = []
    for name in evidence.services:
        known = evidence.hours[evidence.hourly[name].notna().to_numpy()]
        if not len(known) or known[0] - evidence.hours[0] < DAY:
            continue
        said.append(
            say(
                "rows of {service} begin only {days} days before the forecast's date: {count} of {all} past campaigns "
                "say nothing of it",
                service=name,
                days=f"{(epoch(as_of) - int(known[0])) / DAY:.0f}",
                count=sum(epoch(plan.starts_at) < known[0] for plan in learned.past),
                all=len(learned.past),
            )
        )
    return said


def slips_said(evidence: Evidence) -> list[Text]:
    """Single buckets around past campaigns that tower over both their neighbours: slips of the pen, most likely."""
    said = []
    for stretch in evidence.stretches:
        rates, ends = stretch.rates, stretch.starts + stretch.seconds
        beside = np.maximum(rates[:-2], rates[2:])
        joined = (ends[:-2] == stretch.starts[1:-1]) & (ends[1:-1] == stretch.starts[2:])
        many = rates[1:-1] * stretch.seconds[1:-1] >= SLIP_REQUESTS_LEAST
        slips = np.flatnonzero(joined & many & (beside > 0) & (rates[1:-1] > SLIP_RATIO * beside))
        if len(slips):
            said.append(
                say(
                    "{service} has {count} buckets around past campaigns with more than {ratio} times what is in those "
                    "beside them, the first at {since}: correct or delete those rows and forecast again",
                    service=stretch.service,
                    count=len(slips),
                    ratio=f"{SLIP_RATIO:g}",
                    since=moment_of(int(stretch.starts[slips[0] + 1])).isoformat(),
                )
            )
    return said


def misdated_said(learned: Learned, evidence: Evidence) -> list[Text]:
    """Past plans in whose time nothing happened, and a surge without a plan days before or after: a wrong date."""
    hours, known = evidence.hours, len(evidence.hours)
    ordinary = np.exp(learned.baseline.log_requests_per_second[:known]).sum(axis=1)
    over = evidence.hourly.to_numpy(dtype=np.float64).sum(axis=1) / ordinary
    said = []
    for plan in learned.past:
        starts, ends = epoch(plan.starts_at), epoch(plan.ends_at)
        most = _most(over, (hours >= starts) & (hours < ends))
        near = [d for d in evidence.disturbed if d.kind == "surge" and plan.touches(d.service)]
        near = [d for d in near if 0 <= d.starts - ends <= MISDATED_SECONDS or 0 <= starts - d.ends <= MISDATED_SECONDS]
        surges = [(_most(over, (hours >= d.starts) & (hours < d.ends)), d.starts) for d in near]
        surge, since = max(surges, default=(0.0, 0))
        if surge >= SURGE_RATIO and most - 1.0 < SURGE_SHARE * (surge - 1.0):
            said.append(_misdated(plan, since, surge, most))
    return said


def _most(over: NDArray[np.float64], hours: NDArray[np.bool_]) -> float:
    """The largest of some hours' ratios to ordinary traffic; infinite where none is known, so that nothing is said."""
    known = over[hours & ~np.isnan(over)]
    return float(known.max()) if len(known) else float("inf")


def _misdated(plan: Plan, since: int, surge: float, most: float) -> Text:
    return say(
        "campaign {name} may have a wrong date: in it there was at most {most} times ordinary traffic, but from "
        "{since} on {surge} times as much without a plan; correct its plan and forecast again",
        name=plan.id,
        most=f"{most:.1f}",
        since=moment_of(since).isoformat(),
        surge=f"{surge:.1f}",
    )


def away_said(learned: Learned) -> list[Text]:
    """A kind during which, as far as past ones teach, fewer come than on ordinary days."""
    target, taught = learned.target, sum(plan.kind == learned.target.kind for plan in learned.past)
    starts = np.arange(epoch(target.starts_at), epoch(target.ends_at), HOUR, dtype=np.int64)
    settings = target_settings(learned, Grid(starts, np.full(len(starts), HOUR, dtype=np.int64)))
    ordinary = sum(float(np.exp(made.log_base).sum()) for made in settings)
    ratio = sum(float(middle_rate(made, learned.uplift).sum()) for made in settings) / ordinary
    if not taught or ratio > 1.0 - AWAY_RATIO:
        return []
    return [
        say(
            "campaigns of kind {kind} bring {percent} % less traffic than ordinary days, as {count} past ones did",
            kind=target.kind,
            percent=f"{100 * (1.0 - ratio):.0f}",
            count=taught,
        )
    ]


def _ratio_to_last_week(rates: NDArray[np.float64], hidden: NDArray[np.bool_], back: int) -> float:
    """A day's total over the same hours a week before, over hours that are ordinary in both."""
    end = len(rates) - back
    day, week = slice(end - DAY_HOURS, end), slice(end - DAY_HOURS - WEEK_HOURS, end - WEEK_HOURS)
    usable = ~(hidden[day] | hidden[week] | np.isnan(rates[day]) | np.isnan(rates[week])).any(axis=1)
    usual = float(rates[week][usable].sum())
    return float(rates[day][usable].sum()) / usual if usable.sum() >= HOURS_LEAST and usual > 0 else float("nan")
