"""What must not change a forecast: the year, the clock, the unit, the order of things; with the whole stack."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest
from small_shop import SETTINGS, sale, shop

from campaign.plan import Channel, Moment, Plan, Send
from campaign.settings import Settings
from forecast.epochs import epoch
from forecast.evidence import Evidence, known_before
from forecast.model import build_traffic_model
from forecast.paths.calibration import Calibration
from forecast.stack.stack import Stack

PAST = tuple(sale(day, reach=reach) for day, reach in ((20, 3e5), (30, 5e5), (41, 2e5)))
NEXT = sale(52)
AS_OF = NEXT.starts_at - timedelta(days=3)
STACK = Calibration(stack=Stack({"structural": 0.4, "prophet-held": 0.2, "boosting": 0.2, "regression-arma": 0.2}))


@cache
def evidence() -> Evidence:
    return known_before(shop(PAST, 60)[0], epoch(AS_OF))


def quantiles(
    given: Evidence, past: tuple[Plan, ...], plan: Plan, as_of: datetime = AS_OF, settings: Settings = SETTINGS
) -> np.ndarray:
    """p10, p50, p90, p99 of the total's peak, and the mean of the middles."""
    made = build_traffic_model(given, plan, (*past, plan), settings, as_of, 0, 400, prophet=False, calibration=STACK)
    peak = made.model.total.peak_requests_per_second
    middle = np.median(made.paths.requests_per_second.sum(axis=1), axis=0).mean()
    return np.array([peak.p10, peak.p50, peak.p90, peak.p99, middle])


@cache
def usual() -> np.ndarray:
    return quantiles(evidence(), PAST, NEXT)


def shifted(given: Evidence, by: timedelta) -> Evidence:
    hourly = given.hourly.copy()
    hourly.index = hourly.index + by
    seconds = int(by.total_seconds())
    return replace(
        given, hourly=hourly, stretches=tuple(replace(s, starts=s.starts + seconds) for s in given.stretches)
    )


def plan_shifted(plan: Plan, by: timedelta) -> Plan:
    channels = tuple(
        Channel(name=c.name, sends=tuple(s.model_copy(update={"at": s.at + by}) for s in c.sends))
        for c in plan.channels
    )
    moments = tuple(Moment(at=m.at + by, kind=m.kind) for m in plan.moments)
    starts, ends = plan.starts_at + by, plan.ends_at + by
    return plan.model_copy(update={"starts_at": starts, "ends_at": ends, "moments": moments, "channels": channels})


def larger(plan: Plan, factor: float) -> Plan:
    def send(one: Send) -> Send:
        rate = one.per_second or 0.0
        return one.model_copy(update={"reach": one.reach * factor, "per_second": rate * factor})

    channels = tuple(Channel(name=c.name, sends=tuple(send(s) for s in c.sends)) for c in plan.channels)
    return plan.model_copy(update={"channels": channels})


def test_the_same_shop_in_another_year_is_forecast_the_same() -> None:
    by = timedelta(weeks=52)
    past = tuple(plan_shifted(plan, by) for plan in PAST)
    found = quantiles(shifted(evidence(), by), past, plan_shifted(NEXT, by), AS_OF + by)
    assert found == pytest.approx(usual(), rel=1e-3)


def test_the_same_shop_on_another_clock_is_forecast_the_same() -> None:
    by = timedelta(hours=-8)
    past = tuple(plan_shifted(plan, by) for plan in PAST)
    there = SETTINGS.model_copy(update={"time_zone": "Asia/Shanghai"})
    found = quantiles(shifted(evidence(), by), past, plan_shifted(NEXT, by), AS_OF + by, settings=there)
    assert found == pytest.approx(usual(), rel=1e-3)


def test_a_shop_ten_times_as_large_is_forecast_ten_times_as_large() -> None:
    """But for counting: a tenth of the requests scatter a little more."""
    given = evidence()
    tenfold = replace(
        given,
        hourly=given.hourly * 10.0,
        stretches=tuple(replace(s, rates=s.rates * 10.0) for s in given.stretches),
    )
    found = quantiles(tenfold, tuple(larger(plan, 10.0) for plan in PAST), larger(NEXT, 10.0))
    assert found == pytest.approx(10.0 * usual(), rel=0.02)


def test_services_and_plans_may_come_in_any_order() -> None:
    """Another order draws other paths, of the same distribution."""
    given = evidence()
    turned = replace(given, hourly=given.hourly[list(given.services[::-1])], stretches=given.stretches[::-1])
    settings = SETTINGS.model_copy(update={"services": SETTINGS.services[::-1]})
    assert quantiles(turned, PAST[::-1], NEXT, settings=settings) == pytest.approx(usual(), rel=0.06)
