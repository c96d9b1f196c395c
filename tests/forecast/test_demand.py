"""Sessions, orders and contacts: factors and lags are found where history knows them, stated where it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from campaign.settings import Desk, Service, ServiceLevel, Settings, Stage
from forecast.demand import LAG_HOURS, demand_paths, lagged, learn_demand, open_share
from forecast.epochs import naive_utc

HOURS = np.arange(0, 120 * 24) * 3600 + 1_767_225_600
LEVEL = ServiceLevel(ratio=0.8, seconds=60)
SETTINGS = Settings(
    time_zone="UTC",
    services=(Service(name="web"), Service(name="checkout")),
    funnel=(
        Stage(stage="home", continues_ratio=0.1, requests={"web": 6.0}),
        Stage(stage="buy", requests={"checkout": 4.0}),
    ),
    desks=(Desk(name="chat", channel="chat", handle_seconds=300, service_level=LEVEL, opens="08:00", closes="02:00"),),
)


def requests() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    web = 100 * np.exp(0.5 * np.sin(2 * np.pi * HOURS / 86400) + rng.normal(0, 0.3, len(HOURS)))
    checkout = 5 * np.exp(0.5 * np.sin(2 * np.pi * HOURS / 86400) + rng.normal(0, 0.5, len(HOURS)))
    return pd.DataFrame({"web": web, "checkout": checkout}, index=pd.DatetimeIndex(naive_utc(HOURS)))


def history() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Orders are checkout requests over 20; contacts 0.05 per order two days later, while the desk is open."""
    rng = np.random.default_rng(1)
    hourly = requests()
    orders = rng.poisson(hourly["checkout"].to_numpy() * 3600 / 20)
    expected = np.repeat(0.05 * lagged(orders.astype(float), {48.0: 1.0}), 2) / 2
    halves = np.repeat(HOURS, 2) + np.tile([0, 1800], len(HOURS))
    contacts = rng.poisson(expected * open_share(SETTINGS.desks[0], halves, SETTINGS.zone))
    return (
        hourly,
        pd.DataFrame({"starts_at_utc": naive_utc(HOURS), "orders": orders}),
        pd.DataFrame({"starts_at_utc": naive_utc(halves), "desk": "chat", "contacts": contacts}),
    )


def test_orders_are_learned_from_the_service_that_makes_them() -> None:
    rules = learn_demand(*history(), SETTINGS, 6.4)
    assert rules.orders.factors[1] == pytest.approx(1 / 20, rel=0.02)
    assert rules.orders.factors[0] < 1e-4
    assert rules.session_service == 0
    assert rules.requests_per_session == pytest.approx(6.0)
    assert rules.assumptions == ()


def test_contacts_lag_orders_by_what_history_shows() -> None:
    hourly, orders, contacts = history()
    rule = learn_demand(hourly, orders, contacts, SETTINGS, 6.4).contacts[0]
    assert rule.lag_factors.sum() == pytest.approx(0.05, rel=0.1)
    assert float(np.average(LAG_HOURS, weights=rule.lag_factors)) == pytest.approx(48.0, abs=12.0)


def test_without_history_of_people_the_priors_are_stated() -> None:
    rules = learn_demand(requests(), None, None, SETTINGS, 6.4)
    assert [str(text) for text in rules.assumptions] == [
        "10 % of sessions order (no history of orders)",
        "desk chat: 0.067 contacts per order, spread over two weeks (no history of contacts)",
    ]


def test_paths_of_demand_follow_paths_of_traffic() -> None:
    rules = learn_demand(*history(), SETTINGS, 6.4)
    rates = np.repeat(requests().to_numpy().T[None], 3, axis=0).astype(np.float32)
    rates[1] *= 2.0
    made = demand_paths(rules, HOURS, rates, int(HOURS[24 * 30]), SETTINGS, 0)
    assert made.sessions[1] == pytest.approx(2 * made.sessions[0], rel=1e-5)
    assert made.sessions[0, 0] == pytest.approx(rates[0, 0, 24 * 30] * 3600 / 6.0, rel=1e-5)
    assert made.contacts.shape == (3, 1, 2 * (len(HOURS) - 24 * 30))


def test_nobody_asks_while_the_desk_is_closed() -> None:
    rules = learn_demand(*history(), SETTINGS, 6.4)
    rates = requests().to_numpy().T[None].astype(np.float32)
    made = demand_paths(rules, HOURS, rates, int(HOURS[24 * 30]), SETTINGS, 0)
    hour = made.half_hours_utc.astype("datetime64[h]").astype(int) % 24
    assert (made.contacts[0, 0][(hour >= 2) & (hour < 8)] == 0).all()
    assert (made.contacts[0, 0][(hour >= 8) | (hour < 2)] > 0).all()


def test_what_is_spread_around_a_lag_is_neither_lost_nor_made() -> None:
    values = np.zeros(1000)
    values[100] = 7.0
    for lag in (0.5, 24.0, 168.0):
        assert lagged(values, {lag: 1.0}).sum() == pytest.approx(7.0)
