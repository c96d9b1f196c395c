"""Long campaigns, few requests, holidays that keep people away: series by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.plan import Plan
from campaign.settings import Service, Settings
from forecast.baseline.ridge import fit_baseline
from forecast.baseline.scatter import count_factors, counted_ratio, of_counting
from forecast.baseline.seasons import shopping_days
from forecast.epochs import HOUR, epoch, naive_utc
from forecast.evidence import Evidence, known_before, learning_spans
from forecast.model import Forecast, build_traffic_model
from forecast.uplift.episodes import Stretch

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = Settings(time_zone="UTC", services=(Service(name="web"),))
Floats = np.ndarray


def event(kind: str, day: int, days: int = 1) -> Plan:
    starts = BEGINS + timedelta(days=day)
    return Plan(id=f"{kind}-{day}", kind=kind, starts_at=starts, ends_at=starts + timedelta(days=days))


def rhythm(days: int) -> Floats:
    """Around one, by the hour."""
    return np.asarray(np.exp(0.5 * np.sin(2 * np.pi * (np.arange(24 * days) % 24 - 9) / 24)))


def inside(plan: Plan, days: int) -> Floats:
    hours = epoch(BEGINS) + HOUR * np.arange(24 * days)
    return np.asarray((hours >= epoch(plan.starts_at)) & (hours < epoch(plan.ends_at)))


def evidence(rates: Floats, plans: Sequence[Plan]) -> Evidence:
    """Of one service, requests per second by the hour."""
    hours = epoch(BEGINS) + HOUR * np.arange(len(rates))
    near = np.zeros(len(hours), dtype=bool)
    for starts, ends in learning_spans(plans, 2**40):
        near |= (hours >= starts) & (hours < ends)
    stretch = Stretch("web", hours[near], np.full(int(near.sum()), HOUR), rates[near])
    frame = pd.DataFrame({"web": rates}, index=pd.DatetimeIndex(naive_utc(hours)))
    return Evidence(frame, (stretch,), (), HOUR)


def forecast(rates: Floats, target: Plan, past: Sequence[Plan]) -> Forecast:
    as_of = target.starts_at - timedelta(days=3)
    known = known_before(evidence(rates, (*past, target)), epoch(as_of))
    return build_traffic_model(known, target, (*past, target), SETTINGS, as_of, 0, paths=1000, prophet=False)


def mean_inside(made: Forecast, plan: Plan) -> float:
    """Of the middle, over the plan's window."""
    starts = made.paths.starts_at_utc
    first, last = (np.datetime64(at.replace(tzinfo=None), "s") for at in (plan.starts_at, plan.ends_at))
    middle = np.median(made.paths.requests_per_second[:, 0], axis=0)
    return float(middle[(starts >= first) & (starts < last)].mean())


def test_months_of_nothing_but_campaigns_do_not_bend_ordinary_traffic() -> None:
    days = 200
    rng = np.random.default_rng(3)
    rates = 50.0 * rhythm(days) * np.exp(rng.normal(0.0, 0.1, 24 * days))
    day = np.arange(24 * days) // 24
    masked = (day >= 60) & ~((day >= 150) & (day < 153))
    frame = evidence(rates, ()).hourly
    horizon = pd.date_range(frame.index[-1], periods=24 * 14 + 1, freq="h")[1:]
    found = fit_baseline(frame, masked[:, None], horizon, ZoneInfo("UTC"), None, 3.0)
    off = found.log_requests_per_second[:, 0] - np.log(50.0 * rhythm(days + 14))
    assert np.abs(off).max() < 0.15


def test_the_busiest_of_many_hours_with_few_requests_is_put_where_counting_puts_it() -> None:
    days, rng = 170, np.random.default_rng(4)
    past, target = [event("leaflet", day, 20) for day in (40, 80, 120)], event("leaflet", 150, 20)
    expected = 20.0 * rhythm(days)
    made = forecast(rng.poisson(expected) / HOUR, target, past)
    within = expected[inside(target, days)]
    truth = np.quantile(rng.poisson(within, (2000, len(within))).max(axis=1), [0.05, 0.95]) / HOUR
    highest = made.paths.requests_per_second[:, 0].max(axis=1)
    assert truth[0] < np.median(highest) < truth[1]
    assert np.quantile(highest, 0.9) < 1.15 * truth[1]


def test_counting_is_told_from_other_scatter_and_from_crowds() -> None:
    rng, weights = np.random.default_rng(5), np.ones(20_000)
    for mean, factors, least, most in ((30.0, 1.0, 0.9, 1.0), (30.0, 0.6, 0.3, 0.45), (1e5, 1.0, 0.0, 0.0)):
        left = factors * np.log(rng.poisson(mean, len(weights)) / mean)
        assert least <= counted_ratio(left, of_counting(np.full(len(weights), mean)), weights) <= most


@given(mean=st.floats(0.5, 200.0), counted=st.floats(0.2, 1.0))
def test_drawn_counts_have_the_mean_and_the_variance_of_counts(mean: float, counted: float) -> None:
    drawn = mean * count_factors(np.array([mean]), counted, 40_000, np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(mean, rel=0.03)
    assert drawn.var() == pytest.approx(counted * mean, rel=0.1)


def test_a_holiday_that_empties_streets_is_forecast_emptier_and_a_sale_beside_it_is_not() -> None:
    days, rng = 110, np.random.default_rng(6)
    holidays, sales = [event("holiday", day) for day in (30, 51, 72)], [event("sale", day) for day in (37, 60, 81)]
    rates = 50.0 * rhythm(days) * np.exp(rng.normal(0.0, 0.05, 24 * days))
    for plan in holidays:
        rates[inside(plan, days)] *= 0.5
    for plan in sales:
        rates[inside(plan, days)] *= 1.6
    usual = 50.0 * float(rhythm(1).mean())
    for kind, ratio in (("holiday", 0.5), ("sale", 1.6)):
        target = event(kind, 100)
        assert mean_inside(forecast(rates, target, (*holidays, *sales)), target) == pytest.approx(
            ratio * usual, rel=0.2
        )


def swing_inside(made: Forecast, plan: Plan) -> float:
    """Log of the busiest hour of the middle over the quietest, inside the plan's window."""
    starts = made.paths.starts_at_utc
    first, last = (np.datetime64(at.replace(tzinfo=None), "s") for at in (plan.starts_at, plan.ends_at))
    middle = np.median(made.paths.requests_per_second[:, 0], axis=0)[(starts >= first) & (starts < last)]
    return float(np.log(middle.max() / middle.min()))


def test_a_kind_that_flattens_the_day_leaves_the_day_of_another_kind_as_it_is() -> None:
    days, rng = 110, np.random.default_rng(7)
    holidays, sales = [event("holiday", day) for day in (30, 51, 72)], [event("sale", day) for day in (37, 60, 81)]
    rates = 50.0 * rhythm(days) * np.exp(rng.normal(0.0, 0.05, 24 * days))
    for plans, power in ((holidays, 0.2), (sales, 1.4)):
        for plan in plans:
            rates[inside(plan, days)] = 1.3 * 50.0 * (rates[inside(plan, days)] / 50.0) ** power
    flat, steep = (
        swing_inside(forecast(rates, event(kind, 100), (*holidays, *sales)), event(kind, 100))
        for kind in ("holiday", "sale")
    )
    assert flat < 0.45
    assert steep > 1.1


@pytest.mark.parametrize(("planned", "expected"), [(False, np.log(1.5)), (True, 0.0)])
def test_a_shopping_day_that_no_plan_explains_comes_back_next_year(planned: bool, expected: float) -> None:
    """11 November: 1.5 times the usual when the whole market shops, with or without a campaign of our own."""
    hours = pd.date_range("2024-09-01", "2025-10-31 23:00", freq="h")
    rng = np.random.default_rng(8)
    rates = 50.0 * np.exp(rng.normal(0.0, 0.05, len(hours)))
    shopping = np.asarray(hours.tz_localize("UTC").tz_convert("Asia/Shanghai").strftime("%m-%d") == "11-11")
    rates[shopping] *= 1.5
    horizon = pd.date_range("2025-11-01", "2025-11-30 23:00", freq="h")
    masked = (shopping & planned)[:, None]
    found = fit_baseline(pd.DataFrame({"web": rates}, hours), masked, horizon, ZoneInfo("Asia/Shanghai"), "CN", 3.0)
    day, before = (epoch(datetime(2025, 11, d, 4, tzinfo=UTC)) for d in (11, 9))
    lift = found.log_at(0, np.array([day]))[0] - found.log_at(0, np.array([before]))[0]
    assert lift == pytest.approx(expected, abs=0.15)  # one day's worth of evidence, shrunk


@pytest.mark.parametrize(
    ("country", "day", "name"),
    [
        ("CN", date(2026, 6, 18), "618"),
        ("CN", date(2026, 11, 11), "Double 11"),
        ("US", date(2026, 11, 27), "Black Friday"),
        ("GB", date(2025, 12, 1), "Cyber Monday"),
        ("JP", date(2026, 11, 11), None),
        (None, date(2026, 11, 11), None),
    ],
)
def test_shopping_days_are_those_of_the_country(country: str | None, day: date, name: str | None) -> None:
    assert shopping_days(country, day.year, day.year).get(day) == name
