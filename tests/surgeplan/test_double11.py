"""The synthetic shop: same seed, same bytes, and the known effects are in the series."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from campaign.documents import read_yaml, validate
from campaign.files import sha256
from campaign.plan import Plan
from campaign.workspace import Workspace, open_workspace
from metrics.dictionary import open_dictionary
from surgeplan.examples.double11 import people, truth
from surgeplan.examples.double11.campaigns import plans, simulated, text_of
from surgeplan.examples.double11.demand import (
    Shop,
    base_demand,
    campaign_draw,
    counted,
    holiday_log,
    minute_of,
    served_ratio,
    simulate,
)
from surgeplan.examples.double11.drivers import drivers_of, minute_means, push_kernel, spike_kernel
from surgeplan.examples.double11.publish import make_double11


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate(simulated(), seed=0)


@pytest.fixture(scope="module")
def requests(shop: Shop) -> np.ndarray:
    return counted(shop, seed=0)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("double11")
    make_double11(folder, seed=0)
    return open_workspace(folder)


def plan_named(name: str) -> Plan:
    return next(plan for plan in plans() if plan.id == name)


def hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_seed_gives_the_same_bytes_and_another_seed_others(workspace: Workspace, tmp_path: Path) -> None:
    make_double11(tmp_path / "again", seed=0)
    make_double11(tmp_path / "other", seed=1)
    assert hashes(tmp_path / "again") == hashes(workspace.folder)
    other = hashes(tmp_path / "other")
    changed = {name for name, digest in hashes(workspace.folder).items() if other[name] != digest}
    assert changed == {f"history/{name}" for name in ("traffic.parquet", "orders.csv", "contacts.csv", "business.csv")}


def test_workspace_has_the_campaigns_that_it_promises(workspace: Workspace) -> None:
    ends = truth.HISTORY_ENDS_AT
    played = [plan for plan in workspace.plans if truth.HISTORY_STARTS_AT <= plan.starts_at < ends]
    assert len(played) >= 12
    assert {plan.kind for plan in played} == {"flagship", "flash-sale", "livestream-day"}
    following = workspace.plan(truth.NEXT_CAMPAIGN)
    assert following.starts_at - ends == timedelta(days=3)
    others = [p for p in workspace.plans if p != following and p.overlaps(following.starts_at, following.ends_at)]
    assert [plan.part_of for plan in others] == ["double11-2026"]
    assert workspace.settings.language == "zh"
    assert [desk.channel for desk in workspace.settings.desks] == ["phone", "chat", "ticket"]


def test_plan_files_say_what_the_generator_plays(workspace: Workspace) -> None:
    assert {plan.id: plan for plan in workspace.plans} == {plan.id: plan for plan in plans()}


def test_every_plan_says_that_it_is_synthetic() -> None:
    assert all("合成示例数据" in text_of(plan).splitlines()[0] for plan in plans())


def test_known_past_campaigns_before_the_history_have_observed_figures(workspace: Workspace) -> None:
    early = [plan for plan in workspace.plans if plan.starts_at < truth.HISTORY_STARTS_AT]
    assert len(early) == 2
    assert all(plan.observed and plan.observed.peak_requests_per_second for plan in early)


def test_history_is_minutes_with_one_gap_and_ends_three_days_before(workspace: Workspace) -> None:
    file = workspace.folder / "history" / "traffic.parquet"
    query = f"SELECT service, epoch(starts_at)::BIGINT AS at, typeof(starts_at) AS kind FROM '{file}'"
    rows = duckdb.sql(query).df()
    assert set(rows["kind"]) == {"TIMESTAMP WITH TIME ZONE"}
    for _service, part in rows.groupby("service"):
        at = part["at"].to_numpy()
        steps = np.diff(at)
        assert at[0] == truth.HISTORY_STARTS_AT.timestamp()
        assert at[-1] == truth.HISTORY_ENDS_AT.timestamp() - 60
        assert set(steps[steps != 60]) == {(truth.GAP[1] - truth.GAP[0]).total_seconds() + 60}
    assert set(rows["service"]) == set(truth.SERVICES)


def test_csv_files_carry_offsets_and_their_grain(workspace: Workspace) -> None:
    for name, minutes in (("orders", 60), ("contacts", 30), ("business", 1440)):
        starts = pd.read_csv(workspace.folder / "history" / f"{name}.csv", usecols=["starts_at"])["starts_at"].unique()
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d\+08:00", text) for text in starts)
        assert set(np.diff(pd.to_datetime(starts)) / np.timedelta64(60, "s")) == {minutes}


def test_outage_serves_only_a_share_of_the_demand(shop: Shop, requests: np.ndarray) -> None:
    part = slice(minute_of(truth.OUTAGE.starts_at), minute_of(truth.OUTAGE.ends_at))
    for i, service in enumerate(truth.SERVICES):
        served = requests[i, part].sum() / 60 / shop.demand[i, part].sum()
        assert served == pytest.approx(truth.OUTAGE.served_ratio[service], rel=0.03)
        after = slice(part.stop, part.stop + 60)
        assert requests[i, after].sum() / 60 / shop.demand[i, after].sum() == pytest.approx(1, rel=0.01)
    assert (served_ratio(shop.starts_at_utc) < 1).sum() == 38 * len(truth.SERVICES)


def test_orders_are_missing_during_the_outage(requests: np.ndarray) -> None:
    orders = people.hourly_orders(requests, seed=0)
    hour = minute_of(truth.OUTAGE.starts_at) // 60
    other_flagship = minute_of(plan_named("618-2026-peak").starts_at) // 60
    assert orders[hour] < 0.7 * orders[other_flagship]


@pytest.mark.parametrize("name", ["flash-2026-04-08", "double11-2026-wave1", "livestream-2026-08-25"])
def test_effects_of_a_campaign_are_in_the_series(shop: Shop, requests: np.ndarray, name: str) -> None:
    """Counted traffic over the base is one plus the drivers' amplitudes, kernels, loadings and the campaign's draw."""
    plan = plan_named(name)
    first, last = minute_of(plan.starts_at) - 30, minute_of(plan.ends_at)
    factor = np.exp(campaign_draw(plan, seed=0))
    for i, _service in enumerate(truth.SERVICES):
        expected = np.ones(last - first)
        for driver in drivers_of(plan):
            offset, means = minute_means(driver)
            minute = minute_of(driver.at) + offset - first
            for k in range(max(-minute, 0), min(len(means), last - first - minute)):
                expected[minute + k] += factor[i] * truth.LOADINGS[driver.felt_as][i] * driver.amplitude * means[k]
        came = requests[i, first:last] / 60 / shop.base[i, first:last]
        assert np.median(came / expected) == pytest.approx(1, abs=0.01)
        assert came.max() == pytest.approx(expected.max(), rel=0.15)


def test_reported_effects_are_what_a_driver_adds_at_its_strongest(shop: Shop) -> None:
    found = [e for e in shop.effects if e.campaign == "flash-2026-04-08" and e.driver == "flash-sale"]
    assert [effect.service for effect in found] == list(truth.SERVICES)
    plan = plan_named("flash-2026-04-08")
    scale = (900 / 900) ** 0.7 * np.exp(1.5 * 0.0)
    peak_minute = np.mean(spike_kernel(np.arange(0.5, 60)))
    expected = 5.0 * scale * peak_minute * np.exp(campaign_draw(plan, seed=0)[0])
    assert found[0].relative == pytest.approx(expected, rel=1e-4)
    assert found[0].added_requests_per_second > 1_000


def test_opening_peaks_at_second_26_and_people_refresh_before() -> None:
    seconds = np.arange(-600.0, 3_600.0)
    kernel = spike_kernel(seconds)
    assert seconds[int(np.argmax(kernel))] == 26
    assert kernel.max() == pytest.approx(1)
    before = kernel[seconds < 0]
    assert np.all(np.diff(before) > 0)
    assert before[-1] == pytest.approx(truth.REFRESH_SHARE, rel=0.01)


def test_push_pulse_carries_the_same_visits_however_it_is_sent() -> None:
    seconds = np.arange(0.0, 20_000.0)
    fast, slow = push_kernel(seconds, 10.0).sum(), push_kernel(seconds, 1_800.0).sum()
    assert fast == pytest.approx(slow, rel=1e-3)
    assert push_kernel(seconds, 10.0).max() > push_kernel(seconds, 1_800.0).max()


def test_minutes_are_means_of_the_seconds() -> None:
    opening = next(d for d in drivers_of(plan_named("618-2026-peak")) if d.name == "opening")
    first, means = minute_means(opening)
    by_second = spike_kernel(np.arange(0.5, 120.0))
    assert means[-first] == pytest.approx(by_second[:60].mean(), rel=1e-5)
    assert means[-first + 1] == pytest.approx(by_second[60:].mean(), rel=1e-5)


def test_campaign_draws_have_the_documented_spread_and_are_shared() -> None:
    draws = np.array([campaign_draw(plan, seed) for plan in simulated() for seed in range(40)])
    assert draws.mean(axis=1).std() == pytest.approx(truth.CAMPAIGN_DRAW_SD, rel=0.1)
    assert (draws - draws.mean(axis=1, keepdims=True)).std() < truth.SERVICE_DRAW_SD


def test_ordinary_days_follow_the_calendar(shop: Shop) -> None:
    daily = pd.Series(shop.base[0], index=pd.DatetimeIndex(shop.starts_at_utc) + pd.Timedelta(hours=8))
    by_day = daily.resample("D").mean()
    spring = by_day["2026-02-17":"2026-02-19"].mean()
    around = pd.concat([by_day["2026-02-05":"2026-02-13"], by_day["2026-03-02":"2026-03-04"]]).mean()
    assert spring / around == pytest.approx(np.exp(-0.34), rel=0.08)
    yearly_growth = by_day["2026-09-01":"2026-10-28"].mean() / by_day["2025-09-01":"2025-10-28"].mean()
    assert yearly_growth == pytest.approx(np.exp(0.22), rel=0.05)
    hours = daily["2025-09-01":"2025-09-28"].groupby(daily["2025-09-01":"2025-09-28"].index.hour).mean()
    assert (hours.idxmin(), hours.idxmax()) == (4, 21)


def test_holidays_are_known_by_name() -> None:
    assert holiday_log("Chinese New Year (Spring Festival)") == -0.34
    assert holiday_log("Day off (substituted from 02/14/2026)") == -0.04
    assert holiday_log("Dragon Boat Festival") == holiday_log("") == 0.0


def test_base_has_no_campaigns_in_it_but_what_they_take_from_it() -> None:
    without = base_demand(np.arange(10_000).astype("datetime64[s]"), [], seed=3)
    assert without.shape == (4, 10_000)
    assert np.all(without > 0)


@pytest.mark.parametrize(("intent", "lag_hours"), [("where-is-my-order", 72), ("refund", 168)])
def test_contacts_follow_orders_with_their_lag(workspace: Workspace, intent: str, lag_hours: int) -> None:
    contacts = pd.read_csv(workspace.folder / "history" / "contacts.csv")
    mine = contacts[contacts["intent"] == intent]
    asked = mine.groupby(mine["starts_at"].str[:10])["contacts"].sum()
    orders = pd.read_csv(workspace.folder / "history" / "orders.csv")
    sold = orders.groupby(orders["starts_at"].str[:10])["orders"].sum()
    part = slice("2026-03-01", "2026-04-01")
    lags = {days: asked[part].corr(sold.shift(days)[part]) for days in range(12)}
    assert max(lags, key=lambda days: lags[days]) == pytest.approx(lag_hours / 24, abs=1)


def test_questions_about_rules_come_before_the_campaign(workspace: Workspace) -> None:
    contacts = pd.read_csv(workspace.folder / "history" / "contacts.csv")
    asked = contacts[contacts["intent"] == "promotion-rules"].groupby(contacts["starts_at"].str[:10])["contacts"].sum()
    assert asked["2026-06-17"] > 500 > asked["2026-06-19"]
    assert asked["2026-07-05"] == 0


def test_nobody_is_answered_while_a_desk_is_closed(workspace: Workspace) -> None:
    contacts = pd.read_csv(workspace.folder / "history" / "contacts.csv")
    hour = contacts["starts_at"].str[11:13].astype(int)
    closed = contacts[(contacts["desk"] == "phone") & ((hour < 9) | (hour >= 22))]
    assert closed["contacts"].sum() == 0
    assert (contacts["bot_resolved"] <= contacts["bot_handled"]).all()
    assert (contacts["bot_handled"] <= contacts["contacts"]).all()


def test_business_file_has_the_plans_spend(workspace: Workspace) -> None:
    rows = pd.read_csv(workspace.folder / "history" / "business.csv")
    feed = rows[rows["channel"] == "douyin-feed"]
    feed = feed.groupby(feed["starts_at"].str[:10])["spend"].sum()
    assert feed["2026-06-17":"2026-06-18"].sum() == pytest.approx(1_400_000 + 2 * 42_000, rel=0.05)
    assert (rows[rows["channel"] == "organic"]["spend"] == 0).all()
    assert (rows["nps_promoters"] + rows["nps_detractors"] <= rows["nps_answers"]).all()


def test_documented_effects_are_those_of_the_generator() -> None:
    text = (Path(__file__).parents[2] / "docs" / "examples" / "double11.md").read_text("utf-8")
    for kind, known in truth.KINDS.items():
        assert f"{kind} {known.plateau:.2f}" in text
        assert f"{kind} {known.opening:.1f}" in text
    for loading in truth.LOADINGS.values():
        assert " | ".join(f"{value:.2f}" for value in loading) in text
    for service, ratio in truth.OUTAGE.served_ratio.items():
        assert f"{service} {ratio}" in text
    for intent in truth.INTENTS:
        lag = f"{intent.lag_hours:.0f} h".replace("-", "−")
        assert re.search(rf"\| {intent.name} \|.*{lag} \({intent.lag_sd_hours:.0f} h\)", text)
    for moment in (*truth.GAP, truth.OUTAGE.starts_at, truth.HISTORY_ENDS_AT):
        assert f"{moment:%Y-%m-%d %H:%M}" in text


def test_shipped_settings_are_valid(workspace: Workspace) -> None:
    document = read_yaml(workspace.folder / "surgeplan.yaml", "surgeplan.yaml")
    assert validate(document, type(workspace.settings)) == workspace.settings


def test_metrics_that_plans_use_are_in_the_dictionary(workspace: Workspace) -> None:
    dictionary = open_dictionary(workspace)
    assert "coupon_claims" in dictionary.ids
    assert all(dictionary.find(name) for plan in workspace.plans for name in (*plan.metrics, *plan.expected))
