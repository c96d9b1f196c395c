"""What real workspaces get wrong: a stated assumption with a wider range or a clear refusal, never a silent number."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small_shop import BEGINS, SERVICES, SETTINGS, sale, shop, true_rates

from campaign.errors import UserError
from campaign.plan import Plan
from campaign.traffic import TrafficModel
from forecast.backtest import again
from forecast.epochs import HOUR, epoch, moment_of, naive_utc
from forecast.evidence import Disturbed, Evidence, known_before
from forecast.model import Forecast, build_traffic_model
from forecast.stack.members import members_of
from forecast.uplift.episodes import Stretch
from surgeplan.cli import main

PAST = tuple(sale(day, reach=reach) for day, reach in ((20, 3e5), (30, 5e5), (41, 2e5)))
NEXT = sale(56)
AS_OF = NEXT.starts_at - timedelta(days=3)


@cache
def evidence() -> Evidence:
    return evidence_with(PAST)


def evidence_with(plans: tuple[Plan, ...]) -> Evidence:
    made, _ = shop(plans, 60)
    return known_before(made, epoch(AS_OF))


def forecast(given: Evidence, past: tuple[Plan, ...] = PAST, plan: Plan = NEXT, as_of: datetime = AS_OF) -> Forecast:
    return build_traffic_model(given, plan, (*past, plan), SETTINGS, as_of, 0, paths=400, prophet=False)


@cache
def usual() -> Forecast:
    return forecast(evidence())


def width(made: Forecast) -> float:
    found = made.model.total.peak_requests_per_second
    return found.p90 / found.p10


def is_sane(made: Forecast) -> bool:
    """Finite, never negative, and not one value for every hour."""
    rates = made.paths.requests_per_second
    middle = np.median(rates, axis=0).sum(axis=0)
    return bool(np.isfinite(rates).all() and (rates >= 0).all() and middle.max() > 1.2 * middle.min())


def test_a_service_whose_source_died_is_named_and_forecast_from_further_away() -> None:
    """Levels that wander from day to day are known less well after nine days of silence."""
    hourly = evidence().hourly.copy()
    wander = np.cumsum(np.random.default_rng(0).normal(0, 0.05, len(hourly) // 24 + 1))
    wander[42:] = wander[42]
    hourly["orders"] *= np.exp(np.repeat(wander, 24)[: len(hourly)])
    whole = forecast(replace(evidence(), hourly=hourly.copy()))
    hourly.loc[hourly.index[-9 * 24 :], "orders"] = np.nan
    made = forecast(replace(evidence(), hourly=hourly))
    said = "rows end days before the other services', so these are forecast from further away: orders (9.0)"
    assert said in made.model.assumptions
    before, after = (one.learned.baseline.level_sd for one in (whole, made))
    assert after[1] > 1.2 * before[1]
    assert after[0] == before[0]
    assert is_sane(made)


def test_history_that_ends_days_before_as_of_is_said_and_widens_the_range() -> None:
    made = forecast(known_before(evidence(), epoch(AS_OF) - 8 * 86400))
    assert is_sane(made)
    assert "history ends 8.0 days before the forecast's date" in made.model.assumptions
    assert np.all(made.learned.baseline.level_sd >= usual().learned.baseline.level_sd * 0.9)


def test_all_zero_history_is_refused() -> None:
    silent = replace(
        evidence(),
        hourly=evidence().hourly * 0.0,
        stretches=tuple(replace(s, rates=s.rates * 0.0) for s in evidence().stretches),
    )
    with pytest.raises(UserError) as refusal:
        forecast(silent)
    assert str(refusal.value.problems[0]) == (
        "history/traffic: no service has ever had any traffic\n"
        "  check the column of requests and the services' names: zeros teach nothing"
    )


def test_only_failed_campaigns_teach_nothing_and_that_is_said() -> None:
    failed = tuple(
        Disturbed(name, epoch(plan.starts_at) - HOUR, epoch(plan.ends_at) + 13 * HOUR, "outage")
        for plan in PAST
        for name in evidence().services
    )
    made = forecast(replace(evidence(), disturbed=failed))
    assert is_sane(made)
    assert any(
        said.startswith("nothing can be learned from past campaigns that failed") for said in made.model.assumptions
    )
    assert width(made) > 1.5 * width(usual())
    assert made.model.knowledge == "none"


def test_a_campaign_that_runs_at_as_of_is_said_and_its_end_is_part_of_the_forecast() -> None:
    running = sale(53, id="running", starts_at=AS_OF - timedelta(hours=2), ends_at=AS_OF + timedelta(days=3, hours=2))
    made = forecast(evidence_with((*PAST, running)), (*PAST, running))
    assert is_sane(made)
    assert "running" in made.model.other_plans
    assert "campaign running is not over at the forecast's date: only its first 2 hours are known" in (
        made.model.assumptions
    )


def test_two_campaigns_at_once_are_both_named_and_both_counted() -> None:
    twin = sale(56, id="twin")
    both = build_traffic_model(evidence(), NEXT, (*PAST, NEXT, twin), SETTINGS, AS_OF, 0, paths=400, prophet=False)
    assert is_sane(both)
    assert both.model.other_plans == ("twin",)
    alone = usual().model.total.peak_requests_per_second.p50
    assert both.model.total.peak_requests_per_second.p50 > 1.4 * alone


def test_a_plan_with_nothing_but_its_four_keys_is_spread_out_wide_and_said() -> None:
    bare = Plan(id="bare", kind="sale", starts_at=NEXT.starts_at, ends_at=NEXT.ends_at)
    made = forecast(evidence(), plan=bare)
    assert is_sane(made)
    assert "the plan names no moment or send: traffic is spread over the whole campaign" in made.model.assumptions


def test_drivers_missing_in_some_past_plans_count_as_typical_and_that_is_said() -> None:
    audiences = (1e6, 2e6, None)
    past = tuple(
        plan if size is None else plan.model_copy(update={"drivers": {"audience": size}})
        for plan, size in zip(PAST, audiences, strict=True)
    )
    made = forecast(evidence(), past, NEXT.model_copy(update={"drivers": {"audience": 1.5e6}}))
    assert is_sane(made)
    assert "audience is missing in 1 past plans and counts as typical there" in made.model.assumptions


def test_a_level_shift_yesterday_widens_the_range_and_is_said() -> None:
    shifted = replace(evidence(), hourly=evidence().hourly.copy())
    shifted.hourly.iloc[-24:] *= 1.8
    made = forecast(shifted)
    assert is_sane(made)
    assert np.all(made.learned.baseline.level_sd > usual().learned.baseline.level_sd)
    assert any(said.startswith("the last day was 1.8 times") for said in made.model.assumptions)


def test_a_service_that_began_after_the_last_campaign_is_forecast_and_that_is_said() -> None:
    made = forecast(without_first_days(47))
    assert is_sane(made)
    assert (
        "rows of orders begin only 6 days before the forecast's date: 3 of 3 past campaigns say nothing of it"
        in made.model.assumptions
    )
    web, before = (one.model.services["web"].peak_requests_per_second.p50 for one in (made, usual()))
    assert web == pytest.approx(before, rel=0.1)


def test_a_service_that_began_lately_hides_no_past_campaign_from_the_back_test() -> None:
    young = without_first_days(47)
    assert again.testable(young, PAST, 3.0, AS_OF) == PAST
    tested = again.forecast_again(young, PAST[-1], PAST, SETTINGS, 3.0)
    assert tested is not None
    assert np.isfinite(tested.middle).all()


def without_first_days(days: int) -> Evidence:
    """The second service has no rows in the first days."""
    first = epoch(BEGINS) + days * 86400
    hourly = evidence().hourly.copy()
    hourly.loc[evidence().hours < first, "orders"] = np.nan
    orders = evidence().stretches[1]
    use = orders.starts >= first
    later = Stretch("orders", orders.starts[use], orders.seconds[use], orders.rates[use])
    return replace(evidence(), hourly=hourly, stretches=(evidence().stretches[0], later))


def disturbed_until_as_of(hours: int, factor: float, kind: str) -> Evidence:
    """The last hours of every service multiplied by a factor, and found to be a disturbance."""
    hourly = evidence().hourly.copy()
    hourly.iloc[-hours:] *= factor
    last = int(evidence().hours[-1]) + HOUR
    found = tuple(Disturbed(name, last - hours * HOUR, last, kind) for name in evidence().services)
    return replace(evidence(), hourly=hourly, disturbed=found)


def test_a_surge_that_goes_on_at_as_of_may_be_a_new_level_and_that_is_said() -> None:
    made = forecast(disturbed_until_as_of(24, 2.0, "surge"))
    assert np.all(made.learned.baseline.level_sd > 2 * usual().learned.baseline.level_sd)
    assert any(said.startswith("the last day was 2.0 times") for said in made.model.assumptions)


def test_a_level_that_moved_days_ago_is_said_too() -> None:
    shifted = replace(evidence(), hourly=evidence().hourly.copy())
    shifted.hourly.iloc[-4 * 24 :] *= 0.5
    assert any(
        said.startswith("for 4 days traffic has been far from the same days a week earlier, 0.5 times on the last")
        for said in forecast(shifted).model.assumptions
    )


def test_a_single_service_that_moved_or_fell_silent_is_named() -> None:
    hourly = evidence().hourly.copy()
    hourly.iloc[-2 * 24 :, 1] *= 0.3
    moved = forecast(replace(evidence(), hourly=hourly)).model.assumptions
    assert any(said.endswith("so their range is wider: orders (0.3)") for said in moved)
    hourly.iloc[-20 * 24 :, 1] = 0.0
    gone = forecast(replace(evidence(), hourly=hourly)).model.assumptions
    assert not any(said.startswith("nearly nothing") for said in moved)
    assert any(said.startswith("nearly nothing has come for days") and "orders (20)" in said for said in gone)


def test_an_outage_that_is_not_over_is_said_and_no_member_of_the_stack_goes_on_from_it() -> None:
    broken = disturbed_until_as_of(30, 0.01, "outage")
    made = forecast(broken)
    assert any("taken as an outage that will be over: web (30 h), orders (30 h)" in a for a in made.model.assumptions)
    hours = epoch(NEXT.starts_at) + HOUR * np.arange(8)
    before, now = (
        members_of(given, NEXT, (*PAST, NEXT), SETTINGS, one.learned.baseline, hours)
        for given, one in ((evidence(), usual()), (broken, made))
    )
    for name, values in now.items():
        assert values == pytest.approx(before[name], rel=0.25), name


def test_an_outage_in_the_last_campaign_is_said_and_weakens_no_member_of_the_stack() -> None:
    last = PAST[-1]
    found = tuple(
        Disturbed(name, epoch(last.starts_at) + HOUR, epoch(last.starts_at) + 5 * HOUR, "outage")
        for name in evidence().services
    )
    hourly = evidence().hourly.copy()
    inside = (evidence().hours >= found[0].starts) & (evidence().hours < found[0].ends)
    hourly.loc[inside] *= 0.05
    broken = replace(evidence(), hourly=hourly, disturbed=found)
    said = "hours of outages in past campaigns are left out of what is learned: sale-41 (4.0)"
    assert said in forecast(broken).model.assumptions
    hours = epoch(NEXT.starts_at) + HOUR * np.arange(8)
    before, now = (
        members_of(given, NEXT, (*PAST, NEXT), SETTINGS, usual().learned.baseline, hours)
        for given in (evidence(), broken)
    )
    for name, values in now.items():
        assert values == pytest.approx(before[name], rel=0.2), name


def test_an_audience_of_nobody_brings_no_more_than_a_small_one_and_is_called_extrapolation() -> None:
    past = tuple(p.model_copy(update={"drivers": {"audience": 1e6 + i}}) for i, p in enumerate(PAST))
    nobody, few = (forecast(evidence(), past, sized("audience", size)) for size in (0.0, 1e5))
    assert nobody.model.total.peak_requests_per_second.p50 <= few.model.total.peak_requests_per_second.p50
    assert "audience is 0.0 times its smallest past value: this is extrapolation" in nobody.model.assumptions


def sized(name: str, value: float) -> Plan:
    return NEXT.model_copy(update={"drivers": {name: value}})


def test_a_driver_that_past_plans_spell_otherwise_is_said_to_tell_nothing() -> None:
    past = tuple(p.model_copy(update={"drivers": {"audience": 1e6 + i}}) for i, p in enumerate(PAST))
    said = forecast(evidence(), past, sized("audiance", 1e6)).model.assumptions
    assert "audiance says nothing about the size yet: fewer than two past plans give it" in said
    assert "audience counts as usual: every past plan of this kind gives it, this plan does not" in said


def test_a_send_far_larger_than_any_before_is_called_extrapolation() -> None:
    said = forecast(evidence(), plan=sale(56, reach=5e7)).model.assumptions
    assert "a send on push reaches 100.0 times as many people as the largest past one: this is extrapolation" in said


def test_a_past_plan_with_a_wrong_date_is_named() -> None:
    real = PAST[1]
    early = {"starts_at": real.starts_at - timedelta(hours=10), "ends_at": real.starts_at - timedelta(hours=2)}
    wrong = sale(30, id="sale-30", channels=(), moments=(), **early)
    surges = tuple(Disturbed(s, epoch(real.starts_at), epoch(real.ends_at), "surge") for s in evidence().services)
    made = forecast(replace(evidence(), disturbed=surges), (PAST[0], wrong, PAST[2]))
    assert any(
        said.startswith("campaign sale-30 may have a wrong date: in it there") for said in made.model.assumptions
    )
    assert not any("wrong date" in said for said in usual().model.assumptions)


def test_a_bucket_that_towers_over_its_neighbours_is_named() -> None:
    web, orders = evidence().stretches
    rates = web.rates.copy()
    rates[500] *= 1000
    said = forecast(replace(evidence(), stretches=(replace(web, rates=rates), orders))).model.assumptions
    since = moment_of(int(web.starts[500])).isoformat()
    assert any(s.startswith("web has 1 buckets") and f"the first at {since}: correct or delete" in s for s in said)
    assert not any("correct or delete" in s for s in usual().model.assumptions)


def test_a_gap_in_the_middle_of_history_leaves_no_hole() -> None:
    holed = replace(evidence(), hourly=evidence().hourly.copy())
    holed.hourly.iloc[400:520] = np.nan
    assert is_sane(forecast(holed))


NAIVE = """\
schema_version: 1
time_zone: Europe/Berlin
services: [{name: web}, {name: orders}]
history: {naive_times: workspace-zone}
"""


def test_the_hour_that_a_clock_change_repeats_is_told_apart_and_said(tmp_path: Path) -> None:
    """Local times without offsets over the night of 25 October: 02:00 comes twice, in the file's order."""
    begins = datetime.fromisoformat("2026-10-05T00:00+02:00")
    shift = begins - BEGINS
    past = tuple(
        plan.model_copy(
            update={
                "starts_at": plan.starts_at + shift,
                "ends_at": plan.ends_at + shift,
                "moments": tuple(m.model_copy(update={"at": m.at + shift}) for m in plan.moments),
            }
        )
        for plan in (sale(18, reach=0.0), sale(30, reach=0.0))
    )
    folder = tmp_path / "berlin"
    (folder / "campaigns").mkdir(parents=True)
    (folder / "history").mkdir()
    (folder / "surgeplan.yaml").write_text(NAIVE, "utf-8")
    for plan in past:
        (folder / "campaigns" / f"{plan.id}.yaml").write_text(plan.model_dump_json(exclude_defaults=True), "utf-8")
    hours = epoch(begins) + HOUR * np.arange(27 * 24)
    rates = true_rates(past[:1], hours, HOUR, {}) * HOUR
    local = [
        t[:19]
        for t in naive_utc(hours + np.where(hours < epoch(begins) + (20 * 24 + 3) * HOUR, 7200, 3600)).astype(str)
    ]
    rows = [f"{at},{name},{rates[s, h]:.0f}" for h, at in enumerate(local) for s, name in enumerate(SERVICES)]
    (folder / "history" / "traffic.csv").write_text("\n".join(["starts_at,service,requests", *rows]) + "\n", "utf-8")
    assert main(["forecast", past[1].id, "--workspace", str(folder), "--now", "2026-10-31T00:00+00:00"]) == 0
    made = TrafficModel.model_validate_json((folder / "out" / past[1].id / "traffic.json").read_text("utf-8"))
    found = made.total.peak_requests_per_second
    assert 0 < found.p10 < found.p50 < found.p90 < found.p99
