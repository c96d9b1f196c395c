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
from forecast.learning import Learned, learn, predict
from forecast.paths.grid import Grid
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
        {"starts_at": NEXT.starts_at + timedelta(minutes=30)},
    ],
)
def test_a_version_is_foreseen_the_same_with_and_without_another_one_before(more: dict[str, object]) -> None:
    changed = again(NEXT.model_copy(update=more))
    first, second = outlook(changed), outlook(changed, like=outlook(again(NEXT)))
    assert (first.peak_p50, first.peak_p90, first.peak_at) == (second.peak_p50, second.peak_p90, second.peak_at)
    np.testing.assert_array_equal(first.middle_requests_per_second, second.middle_requests_per_second)


def test_campaigns_to_come_are_taken_as_they_are_now_without_learning() -> None:
    nearer = LATER.model_copy(update={"starts_at": NEXT.starts_at, "ends_at": NEXT.ends_at, "moments": NEXT.moments})
    assert outlook(again(NEXT, nearer)).peak_p50 > 1.2 * outlook(again(NEXT)).peak_p50


@pytest.mark.parametrize(
    "changed",
    [
        NEXT.model_copy(update={"channels": (Channel(name="sms", sends=NEXT.sends),)}),
        NEXT.model_copy(update={"ends_at": NEXT.ends_at + timedelta(days=40)}),
        NEXT.model_copy(update={"drivers": {"audience": 4e5, "discount": 0.3}}),
    ],
)
def test_what_nothing_was_learned_for_is_said(changed: Plan) -> None:
    past = tuple(
        plan.model_copy(update={"drivers": {**plan.drivers, "discount": i / 10}}) for i, plan in enumerate(PAST)
    )
    assert with_plan(replace(learned(), past=past), changed, (*past, LATER)) is None


def test_a_new_campaign_at_the_same_time_is_learned_for() -> None:
    assert with_plan(learned(), NEXT, (*PLANS, sale(50, kind="other", id="beside"))) is None
