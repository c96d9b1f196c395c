"""The shop's demand minute by minute: base rhythm, growth, holidays, noise, and what the campaigns add. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zlib import crc32

import holidays
import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from campaign.plan import Plan
from surgeplan.examples.double11 import truth
from surgeplan.examples.double11.drivers import drivers_of, minute_means, plateau_kernel

Values = NDArray[np.float32]
MINUTES_PER_DAY = 1_440
CHINA_OFFSET_MINUTES = 480


@dataclass(frozen=True)
class Effect:
    """What one driver really adds to one service at its strongest minute."""

    campaign: str
    driver: str
    at: datetime
    service: str
    added_requests_per_second: float
    relative: float
    """The same divided by the base of that minute."""


@dataclass(frozen=True)
class Shop:
    """Demand in requests per second by minute and service, from the history's start to the world's end."""

    starts_at_utc: NDArray[np.datetime64]
    base: Values
    """[service, minute] without campaigns."""
    demand: Values
    """[service, minute] expected demand, before counting noise and outage."""
    effects: tuple[Effect, ...]


def simulate(plans: Sequence[Plan], seed: int) -> Shop:
    """Demand of a shop that runs these plans; the same seed gives the same shop."""
    minutes = _minutes(truth.HISTORY_STARTS_AT, truth.WORLD_ENDS_AT)
    base = base_demand(minutes, plans, seed)
    uplift = np.zeros_like(base)
    found = []
    for plan in plans:
        found += _add_campaign(uplift, base, plan, seed)
    return Shop(minutes, base, base * (1 + uplift), tuple(found))


def _minutes(starts_at: datetime, ends_at: datetime) -> NDArray[np.datetime64]:
    first, last = (np.datetime64(t.astimezone(UTC).replace(tzinfo=None), "s") for t in (starts_at, ends_at))
    return np.arange(first, last, np.timedelta64(60, "s"))


def minute_of(at: datetime) -> int:
    """Index of the minute that holds an instant."""
    return int((at - truth.HISTORY_STARTS_AT).total_seconds() // 60)


def base_demand(minutes: NDArray[np.datetime64], plans: Sequence[Plan], seed: int) -> Values:
    """Demand without what campaigns add, [service, minute], requests per second, with its slow noise."""
    count = len(minutes)
    window = _window(plans, count)
    season = _pattern_of_week(count)
    log = season * (1 - truth.SURVIVAL_LOSS_RATIO * window) + np.repeat(_log_of_days(count), MINUTES_PER_DAY)[:count]
    log += np.arange(count, dtype=np.float32) * np.float32(truth.GROWTH_LOG_PER_YEAR / (365 * MINUTES_PER_DAY))
    log += _pull_forward(plans, count)
    log += _slow_noise(np.random.default_rng([seed, 1]), count, *truth.SHARED_NOISE)
    base = np.empty((len(truth.SERVICES), count), dtype=np.float32)
    for i, service in enumerate(truth.SERVICES):
        own = _slow_noise(np.random.default_rng([seed, 10 + i]), count, *truth.OWN_NOISE)
        base[i] = np.exp(log + own) * np.float32(truth.BASE_REQUESTS_PER_SECOND[service])
    return base


def _pattern_of_week(count: int) -> Values:
    """Log of the day's pattern for every minute: smooth through the hours, higher on weekend mornings."""
    middle = np.arange(-1, 25) * 60 + 30
    profile = np.array(truth.HOURLY_LOG_PROFILE)
    profile = profile - np.log(np.mean(np.exp(profile)))
    day = np.interp(np.arange(MINUTES_PER_DAY), middle, np.concatenate([profile[-1:], profile, profile[:1]]))
    week = np.tile(day, 7)
    morning = np.zeros(MINUTES_PER_DAY)
    morning[9 * 60 : 12 * 60] = truth.WEEKEND_MORNING_LOG * np.sin(np.linspace(0, np.pi, 180))
    week[5 * MINUTES_PER_DAY :] += np.tile(morning, 2)
    first = truth.HISTORY_STARTS_AT.weekday() * MINUTES_PER_DAY
    return np.resize(np.roll(week, -first), count).astype(np.float32)


def _log_of_days(count: int) -> Values:
    """Weekday, holiday and time of year, one value a day."""
    days = [truth.HISTORY_STARTS_AT.date() + timedelta(days=i) for i in range(-(-count // MINUTES_PER_DAY))]
    off = holidays.country_holidays("CN", years=range(days[0].year, days[-1].year + 1), language="en_US")
    logs = [truth.WEEKDAY_LOG[day.weekday()] + holiday_log(off.get(day, "")) + _yearly_log(day) for day in days]
    return np.array(logs, dtype=np.float32)


def holiday_log(name: str) -> float:
    """Effect of a public holiday by its English name; 0 for an ordinary day."""
    return next((log for beginning, log in truth.HOLIDAY_LOG.items() if name.startswith(beginning)), 0.0)


def _yearly_log(day: date) -> float:
    return float(truth.YEARLY_LOG_AMPLITUDE * np.cos(2 * np.pi * (day.timetuple().tm_yday - 335) / 365.25))


def _window(plans: Sequence[Plan], count: int) -> Values:
    """1 inside any campaign, 0 outside, with straight shoulders."""
    inside = np.zeros(count, dtype=np.float32)
    minutes = np.arange(count, dtype=np.float64) * 60 + 30
    for plan in plans:
        first, last = minute_of(plan.starts_at) - 60, minute_of(plan.ends_at) + 60
        part = slice(max(first, 0), min(last, count))
        seconds = minutes[part] - minute_of(plan.starts_at) * 60
        length = (plan.ends_at - plan.starts_at).total_seconds()
        shape = plateau_kernel(seconds, length, truth.SHOULDER_MINUTES * 60.0)
        inside[part] = np.maximum(inside[part], shape.astype(np.float32))
    return inside


def _pull_forward(plans: Sequence[Plan], count: int) -> Values:
    """Log effect of flagship campaigns on the days around them."""
    log = np.zeros(count, dtype=np.float32)
    hours = np.arange(count) / 60
    for plan in (p for p in plans if p.kind == "flagship"):
        before = hours - minute_of(plan.starts_at) / 60
        waiting = np.clip(before / truth.PULL_FORWARD_BEFORE_HOURS + 1, 0, 1) * (before < 0)
        after = hours - minute_of(plan.ends_at) / 60
        sated = np.exp(-np.maximum(after, 0) / truth.PULL_FORWARD_AFTER_HOURS) * (after >= 0)
        log += (truth.PULL_FORWARD_BEFORE_LOG * waiting + truth.PULL_FORWARD_AFTER_LOG * sated).astype(np.float32)
    return log


def _slow_noise(rng: np.random.Generator, count: int, sd: float, hours: float) -> Values:
    """First-order autoregressive noise with that standard deviation and correlation time."""
    keep = float(np.exp(-1 / (60 * hours)))
    drawn = rng.standard_normal(count, dtype=np.float32) * np.float32(sd * np.sqrt(1 - keep**2))
    drawn[0] = sd * rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -keep], drawn), dtype=np.float32)


def campaign_draw(plan: Plan, seed: int) -> NDArray[np.float64]:
    """The campaign's log draw per service: one shared part, one of each service's own."""
    rng = np.random.default_rng([seed, 3, crc32(plan.id.encode())])
    shared = rng.normal(0, truth.CAMPAIGN_DRAW_SD)
    return shared + rng.normal(0, truth.SERVICE_DRAW_SD, len(truth.SERVICES))


def _add_campaign(uplift: Values, base: Values, plan: Plan, seed: int) -> list[Effect]:
    """Add a plan's drivers to `uplift` [service, minute] in place and return what each really adds."""
    factor = np.exp(campaign_draw(plan, seed))
    effects = []
    for driver in drivers_of(plan):
        offset, means = minute_means(driver)
        first = minute_of(driver.at) + offset
        means = means[max(-first, 0) : max(uplift.shape[1] - first, 0)]
        part = slice(max(first, 0), max(first, 0) + len(means))
        strongest = int(np.argmax(means))
        for i, service in enumerate(truth.SERVICES):
            size = np.float32(factor[i] * truth.LOADINGS[driver.felt_as][i] * driver.amplitude)
            uplift[i, part] += size * means
            relative = float(size * means[strongest])
            added = relative * float(base[i, part.start + strongest])
            effects.append(Effect(plan.id, driver.name, driver.at, service, added, relative))
    return effects


def served_ratio(minutes: NDArray[np.datetime64]) -> Values:
    """[service, minute] share of demand that was served: 1 outside the outage."""
    ratio = np.ones((len(truth.SERVICES), len(minutes)), dtype=np.float32)
    part = slice(minute_of(truth.OUTAGE.starts_at), minute_of(truth.OUTAGE.ends_at))
    for i, service in enumerate(truth.SERVICES):
        ratio[i, part] = truth.OUTAGE.served_ratio[service]
    return ratio


def counted(shop: Shop, seed: int) -> NDArray[np.int32]:
    """[service, minute] requests that monitoring counted: served demand with minute-to-minute and counting noise."""
    rng = np.random.default_rng([seed, 2])
    requests = np.empty(shop.demand.shape, dtype=np.int32)
    served = served_ratio(shop.starts_at_utc)
    for i in range(len(truth.SERVICES)):
        jitter = np.exp(rng.standard_normal(shop.demand.shape[1], dtype=np.float32) * truth.MINUTE_NOISE_LOG_SD)
        requests[i] = rng.poisson(60 * shop.demand[i] * served[i] * jitter)
    return requests


def recorded(minutes: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Which minutes are in the history: up to its end, without the gap."""
    index = np.arange(len(minutes))
    gap_first, gap_last = (minute_of(t) for t in truth.GAP)
    return (index < minute_of(truth.HISTORY_ENDS_AT)) & ~((index >= gap_first) & (index < gap_last))
