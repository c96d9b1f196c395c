"""A changed plan and one more send are foreseen from what is known, as if all had been drawn anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from small_shop import SETTINGS, sale, shop

from campaign.plan import Channel, Plan, Send
from forecast.ahead import ahead_of
from forecast.epochs import HOUR, MINUTE, epoch
from forecast.evidence import Evidence
from forecast.learning import Learned, grid_for, learn, predict
from forecast.paths.grid import Grid
from forecast.preview import PATHS as PREVIEWED
from forecast.preview import outlook, with_plan, with_send

PAST = tuple(sale(day, drivers={"audience": people}) for day, people in ((14, 2e5), (22, 3e5), (30, 4e5), (38, 5e5)))
NEXT = sale(50, drivers={"audience": 4e5})
LATER = sale(51, kind="other")
PLANS = (*PAST, NEXT, LATER)
AS_OF = NEXT.starts_at - timedelta(days=5)
PATHS = 40


@cache
def evidence() -> Evidence:
    return shop(PAST, 45)[0]


@cache
def learned() -> Learned:
    return learn(evidence(), NEXT, PLANS, SETTINGS, AS_OF)


def again(plan: Plan, *others: Plan) -> Learned:
    found = with_plan(learned(), plan, (*PAST, *(others or (LATER,))))
    assert found is not None
    return found


@pytest.mark.parametrize(("per_second", "after"), [(None, 0), (2000.0, 30), (100.0, 90)])
def test_a_send_laid_on_top_is_the_whole_model_with_the_send_in_its_plan(per_second: float | None, after: int) -> None:
    at = NEXT.starts_at + timedelta(minutes=after)
    usual = Send(at=at, reach=400_000.0, open_ratio=0.05, per_second=per_second)  # as large as every other: typical
    starts = epoch(NEXT.starts_at) - HOUR
    ahead = ahead_of(again(NEXT), starts, 240, PATHS, 0)
    minutes = Grid(starts + MINUTE * np.arange(240, dtype=np.int64), np.full(240, MINUTE, dtype=np.int64))
    whole = predict(again(with_send(NEXT, "push", usual)), minutes, PATHS, 0).rates
    first = (epoch(at) - starts) // MINUTE
    np.testing.assert_allclose(ahead.minutes(at, 60, "push", usual), whole[:, :, first : first + 60], rtol=1e-4)
    assert (ahead.minutes(at, 60, "push", usual) >= ahead.minutes(at, 60)).all()


def test_twice_the_people_of_a_channel_without_a_past_bring_about_twice_the_requests() -> None:
    at = NEXT.starts_at + timedelta(hours=2)
    model = learn(evidence(), with_send(NEXT, "new", Send(at=at, reach=1.0)), PLANS, SETTINGS, AS_OF)
    plain = with_plan(model, NEXT, PLANS)
    assert plain is not None
    ahead = ahead_of(plain, epoch(at), 60, PATHS, 0)
    sends = [Send(at=at, reach=reach, open_ratio=0.05) for reach in (1e5, 2e5)]
    once, twice = (ahead.minutes(at, 60, "new", send) - ahead.minutes(at, 60) for send in sends)
    assert float(twice.sum() / once.sum()) == pytest.approx(2.0, rel=0.01)


def test_a_larger_audience_in_the_plan_is_a_larger_peak() -> None:
    peaks = [outlook(again(NEXT.model_copy(update={"drivers": {"audience": n}}))).peak_p50 for n in (2e5, 4e5, 6e5)]
    assert peaks[0] < peaks[1] < peaks[2]


@pytest.mark.parametrize(
    "more",
    [
        {"drivers": {"audience": 5e5}},
        {"ends_at": NEXT.ends_at + timedelta(hours=3)},
        {"channels": ()},
        {"moments": (*NEXT.moments, NEXT.moments[0])},
        {"starts_at": NEXT.starts_at + timedelta(minutes=30)},
    ],
)
def test_a_version_is_foreseen_the_same_with_and_without_another_one_before(more: dict[str, object]) -> None:
    changed = again(NEXT.model_copy(update=more))
    first, second = outlook(changed), outlook(changed, like=outlook(again(NEXT)))
    assert second.peak_at == first.peak_at
    np.testing.assert_allclose((second.peak_p50, second.peak_p90), (first.peak_p50, first.peak_p90), rtol=1e-5)
    np.testing.assert_allclose(second.middle_requests_per_second, first.middle_requests_per_second, rtol=1e-5)


def test_an_outlook_is_the_whole_models_prediction() -> None:
    seen = outlook(again(NEXT))
    whole = predict(again(NEXT), grid_for(NEXT, again(NEXT).others, 60), PREVIEWED, 0).rates.sum(axis=1)
    np.testing.assert_allclose(seen.middle_requests_per_second, np.median(whole, axis=0), rtol=1e-4)


def test_campaigns_to_come_are_taken_as_they_are_now_without_learning() -> None:
    nearer = LATER.model_copy(update={"starts_at": NEXT.starts_at, "ends_at": NEXT.ends_at, "moments": NEXT.moments})
    assert outlook(again(NEXT, nearer)).peak_p50 > 1.2 * outlook(again(NEXT)).peak_p50


@pytest.mark.parametrize(
    "changed",
    [
        NEXT.model_copy(update={"ends_at": NEXT.ends_at + timedelta(days=40)}),
        NEXT.model_copy(update={"drivers": {"audience": 4e5, "discount": 0.3}}),
    ],
)
def test_what_must_be_learned_anew_is_said(changed: Plan) -> None:
    past = tuple(
        plan.model_copy(update={"drivers": {**plan.drivers, "discount": i / 10}}) for i, plan in enumerate(PAST)
    )
    assert with_plan(replace(learned(), past=past), changed, (*past, LATER)) is None


SMS = NEXT.model_copy(update={"channels": (*NEXT.channels, Channel(name="sms", sends=NEXT.channels[0].sends))})
BESIDE = sale(50, kind="other", id="beside")


@pytest.mark.parametrize(("plan", "others"), [(SMS, (LATER,)), (NEXT, (LATER, BESIDE))])
def test_what_has_no_past_is_as_if_it_had_been_learned_for(plan: Plan, others: tuple[Plan, ...]) -> None:
    found = again(plan, *others).uplift
    anew = learn(evidence(), plan, (*PAST, plan, *others), SETTINGS, AS_OF).uplift
    assert len(found.mean) > len(learned().uplift.mean)
    theirs = [anew.layout.index[name] for name in found.layout.names]
    np.testing.assert_allclose(found.mean, anew.mean[theirs], atol=0.01)
    sds, own = np.sqrt(np.diag(anew.covariance))[theirs], np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose(own, sds, rtol=0.06)


def test_versions_with_and_without_a_new_channel_are_compared_on_the_same_chance() -> None:
    with_sms, without = outlook(again(SMS)), outlook(again(NEXT))
    added, gone = outlook(again(SMS), like=without), outlook(again(NEXT), like=with_sms)
    assert added.peak_p50 > without.peak_p50
    assert gone.peak_p50 < with_sms.peak_p50
    before = without.starts < epoch(NEXT.starts_at) - HOUR
    np.testing.assert_allclose(
        added.middle_requests_per_second[before], without.middle_requests_per_second[before], rtol=1e-5
    )
