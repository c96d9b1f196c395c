"""The traffic model on a shop whose effects are known: laws, recovery, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small_shop import BEGINS, SETTINGS, SPIKE, sale, shop, true_rates

from campaign.errors import UserError
from campaign.language import ROOT
from campaign.plan import Channel, Plan, Send
from forecast.epochs import HOUR, epoch
from forecast.evidence import Disturbed, Evidence, known_before, mask_of
from forecast.model import Forecast, build_traffic_model

PAST = tuple(sale(day, reach=reach) for day, reach in ((20, 3e5), (30, 5e5), (41, 2e5), (52, 4e5), (63, 6e5)))
NEXT = sale(80)
AS_OF = NEXT.starts_at - timedelta(days=3)


@cache
def evidence() -> Evidence:
    made, _ = shop(PAST, 90)
    return known_before(made, epoch(AS_OF))


def forecast(
    plan: Plan = NEXT, past: tuple[Plan, ...] = PAST, given: Evidence | None = None, seed: int = 0
) -> Forecast:
    return build_traffic_model(
        given or evidence(), plan, (*past, plan), SETTINGS, AS_OF, seed, paths=400, prophet=False
    )


@cache
def usual() -> Forecast:
    return forecast()


def actual_peak(plan: Plan) -> np.ndarray:
    minutes = np.arange(epoch(plan.starts_at), epoch(plan.ends_at), 60)
    return true_rates([plan], minutes, 60, {}).max(axis=1)


def test_the_true_peak_lies_in_the_middle_of_the_forecast() -> None:
    for (name, peak), actual in zip(usual().model.services.items(), actual_peak(NEXT), strict=True):
        found = peak.peak_requests_per_second
        assert found.p10 < actual < found.p90, name
        assert found.p90 / found.p10 < 2.0
        assert peak.peak_at_utc in (NEXT.starts_at, NEXT.starts_at + timedelta(minutes=1))


def test_the_true_effects_lie_inside_their_intervals() -> None:
    effects = {(e.driver, e.service): e.added_requests_per_second for e in usual().model.effects}
    opening = effects["opening", "web"]
    assert opening.p10 < SPIKE * 200.0 * 1.15
    assert opening.p90 > SPIKE * 200.0 * 0.85
    assert {driver for driver, _ in effects} == {"campaign", "opening", "push"}


def test_a_send_says_how_what_it_adds_comes_and_goes_minute_by_minute() -> None:
    effects = usual().model.effects
    push = next(e for e in effects if e.driver == "push")
    assert push.course is not None
    assert max(push.course.ratios) == 1.0
    top = push.course.sent_at_utc + timedelta(minutes=push.course.ratios.index(1.0))
    assert top == push.at_utc
    assert push.course.ratios[-1] < 0.05
    assert all(e.course is None for e in effects if e.driver != "push")


def test_a_channel_that_no_campaign_had_adds_what_is_usual_with_a_wide_range_and_says_so() -> None:
    sent = NEXT.starts_at + timedelta(hours=2)
    sends = (Send(at=sent, reach=400_000, per_second=2000, open_ratio=0.05),)
    both = NEXT.model_copy(update={"channels": (*NEXT.channels, Channel(name="sms", sends=sends))})
    effects = {e.driver: e for e in forecast(both).model.effects if e.service == "web"}
    known, new = effects["push"], effects["sms"]
    assert (known.past_campaigns, new.past_campaigns) == (len(PAST), 0)
    widths = [e.added_requests_per_second.p90 / e.added_requests_per_second.p10 for e in (known, new)]
    assert widths[1] > 1.5 * widths[0]
    assert new.course is not None
    assert new.course.sent_at_utc == sent


def test_quantiles_are_ordered_finite_and_never_negative() -> None:
    paths = usual().paths
    assert np.isfinite(paths.requests_per_second).all()
    assert (paths.requests_per_second >= 0).all()
    for service in paths.services:
        assert np.all(np.diff(paths.quantiles(service), axis=0) >= 0)


def test_the_forecast_covers_the_campaign_and_six_hours_each_side_in_minutes() -> None:
    paths = usual().paths
    assert paths.starts_at_utc[0] == np.datetime64((NEXT.starts_at - timedelta(hours=6)).replace(tzinfo=None), "s")
    assert len(paths.starts_at_utc) == 20 * 60
    assert set(paths.seconds.tolist()) == {60}


def test_a_peak_is_the_quantile_of_the_paths_own_maxima() -> None:
    made = usual()
    inside = (made.paths.starts_at_utc >= np.datetime64(NEXT.starts_at.replace(tzinfo=None), "s")) & (
        made.paths.starts_at_utc <= np.datetime64(NEXT.ends_at.replace(tzinfo=None), "s")
    )
    total = made.paths.requests_per_second.sum(axis=1)[:, inside].max(axis=1)
    assert made.model.total.peak_requests_per_second.p90 == pytest.approx(float(np.quantile(total, 0.9)), rel=1e-6)
    parts = [peak.peak_requests_per_second.p99 for peak in made.model.services.values()]
    assert made.model.total.peak_requests_per_second.p99 <= sum(parts) * 1.001


def test_more_reach_never_lowers_the_middle() -> None:
    middles = []
    for reach in (100_000.0, 400_000.0, 900_000.0):
        made = forecast(sale(80, reach=reach))
        middles.append(np.median(made.paths.requests_per_second, axis=0).sum(axis=1))
    assert np.all(middles[0] <= middles[1] * 1.02)
    assert np.all(middles[1] <= middles[2] * 1.02)


def test_the_same_seed_gives_the_same_paths_and_another_seed_others() -> None:
    again, other = forecast(), forecast(seed=1)
    assert np.array_equal(usual().paths.requests_per_second, again.paths.requests_per_second)
    assert usual().model == again.model
    assert not np.array_equal(usual().paths.requests_per_second, other.paths.requests_per_second)


def test_two_processes_find_the_same_numbers_whatever_order_their_sets_have() -> None:
    code = "import test_model; print(test_model.forecast().paths.requests_per_second.tobytes().hex()[:4000000:37])"
    places = os.pathsep.join([str(Path(__file__).parent), str(ROOT), os.environ.get("PYTHONPATH", "")])
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": places, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert len(said[0]) > 1000
    assert said[0] == said[1] == said[2]


def test_nothing_after_as_of_is_known() -> None:
    tomorrow, _ = shop((*PAST, NEXT), 90)
    assert known_before(tomorrow, epoch(AS_OF)).hours[-1] + HOUR <= epoch(AS_OF)
    assert forecast(given=known_before(tomorrow, epoch(AS_OF))).model.total.peak_requests_per_second.p50 < 3000


def test_without_a_past_campaign_of_the_kind_the_range_is_wide_and_says_so() -> None:
    new = sale(80, kind="festival")
    made = forecast(new)
    assert made.model.knowledge == "none"
    assert any("no past campaign of kind festival" in text for text in made.model.assumptions)
    known, unknown = (m.model.total.peak_requests_per_second for m in (usual(), made))
    assert unknown.p90 / unknown.p50 > known.p90 / known.p50


def test_without_any_campaign_at_all_the_range_is_wider_still() -> None:
    made, _ = shop((), 90)
    found = forecast(past=(), given=known_before(made, epoch(AS_OF))).model
    assert found.knowledge == "none"
    assert found.total.peak_requests_per_second.p99 / found.total.peak_requests_per_second.p50 > 2.0
    assert found.total.peak_requests_per_second.p50 > 250


def test_an_outage_in_a_past_campaign_is_not_learned_as_weakness() -> None:
    hurt = evidence()
    starts = epoch(PAST[-1].starts_at)
    stretches = []
    for stretch in hurt.stretches:
        low = (stretch.starts >= starts) & (stretch.starts < starts + 2 * HOUR)
        stretches.append(replace(stretch, rates=np.where(low, stretch.rates * 0.2, stretch.rates)))
    known = tuple(Disturbed(name, starts, starts + 2 * HOUR, "outage") for name in hurt.services)
    masked = forecast(given=replace(hurt, stretches=tuple(stretches), disturbed=known)).model.total
    clean = usual().model.total
    assert masked.peak_requests_per_second.p50 == pytest.approx(clean.peak_requests_per_second.p50, rel=0.12)


def test_two_campaigns_at_once_add_up() -> None:
    other = sale(80, reach=400_000.0, id="twin")
    alone = usual().model.total.peak_requests_per_second.p50
    both = build_traffic_model(
        evidence(), NEXT, (*PAST, NEXT, other), SETTINGS, AS_OF, 0, paths=400, prophet=False
    ).model
    assert both.other_plans == ("twin",)
    assert 1.5 * alone < both.total.peak_requests_per_second.p50 < 2.2 * alone


def test_a_number_far_beyond_the_past_is_called_extrapolation() -> None:
    past = tuple(plan.model_copy(update={"drivers": {"audience": 1e6 * (1 + i / 5)}}) for i, plan in enumerate(PAST))
    made = forecast(NEXT.model_copy(update={"drivers": {"audience": 4e6}}), past)
    assert "audience is 2.2 times its largest past value: this is extrapolation" in made.model.assumptions


def test_a_plan_with_no_moment_is_spread_out_and_says_so() -> None:
    made = forecast(NEXT.model_copy(update={"moments": (), "channels": ()}))
    assert any("names no moment or send" in text for text in made.model.assumptions)
    assert made.model.total.peak_requests_per_second.p50 < usual().model.total.peak_requests_per_second.p50


def test_seconds_around_the_opening_share_their_minutes() -> None:
    profile = next(p for p in usual().model.second_profiles if p.service == "web")
    assert sum(profile.shares) == pytest.approx(1.0, abs=1e-3)
    assert profile.from_seconds == -120
    assert 125 <= int(np.argmax(profile.shares)) <= 180


def test_a_forecast_after_the_start_is_refused() -> None:
    with pytest.raises(UserError) as refusal:
        build_traffic_model(evidence(), NEXT, PAST, SETTINGS, NEXT.starts_at)
    assert str(refusal.value.problems[0]) == (
        "--as-of: 2026-03-26T12:00:00+00:00 is not before the campaign's start 2026-03-26T12:00:00+00:00\n"
        "  a forecast made during a campaign is a re-forecast: use an earlier time"
    )


def test_less_than_two_weeks_of_history_is_refused() -> None:
    made, _ = shop((), 13)
    plan = sale(16)
    with pytest.raises(UserError) as refusal:
        build_traffic_model(made, plan, (plan,), SETTINGS, BEGINS + timedelta(days=13))
    assert str(refusal.value.problems[0]) == (
        "history/traffic: history is 13.0 days long; a forecast needs two weeks\n"
        "  add older traffic, hourly sums are enough"
    )


def test_a_service_without_history_is_refused_by_name() -> None:
    half = replace(evidence(), hourly=evidence().hourly[["web"]], stretches=evidence().stretches[:1])
    with pytest.raises(UserError, match="there is no traffic of service orders before"):
        forecast(given=half)


def test_history_that_ends_days_before_as_of_is_said_and_widens() -> None:
    old = known_before(evidence(), epoch(AS_OF) - 6 * 86400)
    made = forecast(given=old)
    assert any(text == "history ends 6.0 days before the forecast's date" for text in made.model.assumptions)


def test_a_silent_service_stays_silent_without_nan() -> None:
    hourly = evidence().hourly.assign(orders=0.0)
    stretches = tuple(
        replace(s, rates=np.zeros(len(s.rates))) if s.service == "orders" else s for s in evidence().stretches
    )
    made = forecast(given=replace(evidence(), hourly=hourly, stretches=stretches))
    assert made.model.services["orders"].peak_requests_per_second.p99 < 1.0
    assert "service orders has never had any traffic" in made.model.assumptions


def test_a_level_shift_yesterday_widens_the_range() -> None:
    rates = evidence().hourly.to_numpy().copy()
    rates[-24:] *= 1.6
    shifted = replace(evidence(), hourly=evidence().hourly.copy())
    shifted.hourly[:] = rates
    made, usually = forecast(given=shifted), usual()
    assert np.all(made.learned.baseline.level_sd > usually.learned.baseline.level_sd)
    assert made.model.total.peak_requests_per_second.p50 > usually.model.total.peak_requests_per_second.p50


def test_where_some_campaign_always_runs_the_longest_are_the_ordinary_state_of_things() -> None:
    seasons = tuple(
        Plan(id=f"season-{n}", kind="season", starts_at=begins, ends_at=begins + timedelta(days=30 + n))
        for n, begins in enumerate(BEGINS + timedelta(days=days) for days in (0, 28, 50))
    )
    short = mask_of(evidence(), PAST)
    both = mask_of(evidence(), (*PAST, *seasons))
    assert not (short & ~both).any()
    assert (~both).mean(axis=0).min() >= 0.25
    paths = forecast(past=(*PAST, *seasons)).paths.requests_per_second
    assert np.isfinite(paths).all()
    assert (paths >= 0).all()
