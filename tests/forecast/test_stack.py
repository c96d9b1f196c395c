"""The stack: members that find what is there, weights from earlier campaigns only, tails from peaks over threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import genpareto
from small_shop import SETTINGS, sale, shop

from forecast.backtest import again
from forecast.backtest.judged import judged_in_order, over_before, stack_of
from forecast.epochs import HOUR, epoch
from forecast.paths.tail import LEVEL, THRESHOLD, Tail, tail_from, tailed_draws
from forecast.stack.arma import Errors, arma_log_rates, errors_of
from forecast.stack.columns import event_columns, with_rhythm
from forecast.stack.course import course_from, missed
from forecast.stack.stack import (
    ARMA,
    BOOSTING,
    MEMBERS,
    OUTSIDE,
    PROPHET_HELD,
    STRUCTURAL,
    Stack,
    hours_since,
    stacked,
)
from forecast.stack.weights import weights_from

PAST = tuple(sale(day, reach=reach) for day, reach in ((20, 3e5), (30, 5e5), (41, 2e5), (52, 4e5)))


@pytest.fixture(scope="module")
def tests() -> list[again.Tested]:
    evidence, _ = shop(PAST, 60)
    found = [again.forecast_again(evidence, plan, PAST, SETTINGS, 3.0) for plan in PAST]
    return [one for one in found if one is not None]


def test_without_earlier_campaigns_the_structural_model_stands_alone() -> None:
    assert weights_from([], [], 0.0) == {STRUCTURAL: 1.0, PROPHET_HELD: 0.0, BOOSTING: 0.0, ARMA: 0.0}


def test_members_count_by_the_campaigns_they_learned_from_before_any_could_be_tested() -> None:
    alone = [weights_from([], [], known)[STRUCTURAL] for known in (0.0, 1.0, 3.0, 30.0)]
    assert alone == sorted(alone, reverse=True)
    assert alone[-1] == pytest.approx(0.25, abs=0.02)


def test_the_closest_member_on_earlier_campaigns_counts_most_and_weights_sum_to_one() -> None:
    losses = [{STRUCTURAL: 0.5, PROPHET_HELD: 0.4, BOOSTING: 0.2, ARMA: 0.6}] * 8
    weights = weights_from(losses, [1.0] * 8, 8.0)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert max(weights, key=lambda name: weights[name]) == BOOSTING
    assert weights[ARMA] < weights[STRUCTURAL] < weights[BOOSTING]


def test_errors_on_campaigns_of_another_kind_count_less() -> None:
    mine, other = ({STRUCTURAL: 0.5, PROPHET_HELD: 0.5, BOOSTING: b, ARMA: 0.5} for b in (0.2, 1.0))
    shares = [weights_from([mine, other], [1.0, count], 2.0)[BOOSTING] for count in (0.0, 1.0 / 3.0, 1.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(weights_from([mine], [1.0], 2.0)[BOOSTING])


@given(st.lists(st.floats(0.01, 3.0), min_size=4, max_size=4), st.integers(1, 20))
def test_weights_are_never_negative_and_sum_to_one(losses: list[float], count: int) -> None:
    weights = weights_from([dict(zip(MEMBERS, losses, strict=True))] * count, [1.0] * count, float(count))
    assert all(weight >= 0.0 for weight in weights.values())
    assert sum(weights.values()) == pytest.approx(1.0)


def test_the_stack_is_the_weighted_geometric_mean() -> None:
    members = {STRUCTURAL: np.array([1.0, 4.0]), ARMA: np.array([4.0, 4.0])}
    assert stacked(members, {STRUCTURAL: 0.5, ARMA: 0.5, BOOSTING: 0.7}) == pytest.approx([2.0, 4.0])
    assert stacked(members, {BOOSTING: 1.0}) is members[STRUCTURAL]


def test_a_course_that_every_campaign_of_a_kind_took_is_learned_and_the_sooner_the_more_there_were() -> None:
    hours = np.arange(24)
    evening = 0.4 * np.exp(-0.5 * ((hours - 20) / 2.0) ** 2)
    forecast = np.full(24, 50.0)
    misses = [(hours, missed(factor * forecast * np.exp(evening), forecast)) for factor in (0.5, 1.0, 2.0, 1.5)]
    lifts = [np.ptp(course_from(misses[:count])) / np.ptp(evening) for count in (1, 2, 4)]
    assert lifts == pytest.approx([1 / 4, 2 / 5, 4 / 7], rel=0.1)
    assert course_from(misses).argmax() == 20


def test_a_course_moves_hours_and_keeps_what_comes_in_all() -> None:
    members = {STRUCTURAL: np.array([1.0, 4.0, 2.0, 1.0])}
    found = Stack({STRUCTURAL: 1.0}, np.array([0.5, -0.5])).middle(members, np.array([OUTSIDE, 0, 1, OUTSIDE]))
    assert found[[0, 3]] == pytest.approx([1.0, 1.0])
    assert found[1:3].sum() == pytest.approx(6.0)
    assert found[1] / found[2] == pytest.approx(2.0 * np.exp(1.0))


def test_hours_in_which_nothing_is_known_teach_no_course() -> None:
    known = missed(np.array([np.nan, 0.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0, 1.0]))
    assert np.isnan(known).tolist() == [True, True, False, False]
    assert course_from([(np.arange(4), np.full(4, np.nan))]) == pytest.approx(np.zeros(4))
    assert len(course_from([])) == 0


def test_hours_are_counted_from_the_one_a_campaign_starts_in() -> None:
    at = np.array([9, 10, 11, 12]) * HOUR
    assert hours_since(10 * HOUR + 1800, 12 * HOUR, at).tolist() == [OUTSIDE, 0, 1, OUTSIDE]


def test_weights_and_calibration_come_from_campaigns_that_were_over(tests: list[again.Tested]) -> None:
    for one in tests:
        assert all(int(other.hours[-1]) + HOUR <= epoch(one.as_of) for other in over_before(tests, one))
    first = judged_in_order(tests)[0]
    assert np.array_equal(first.middle, tests[0].middle)
    alone = judged_in_order(tests[:2])
    assert np.array_equal(judged_in_order(tests)[1].peak_hours, alone[1].peak_hours)


def test_every_member_speaks_for_every_hour_and_the_stack_is_no_worse_than_the_worst(tests: list[again.Tested]) -> None:
    last = tests[-1]
    assert set(last.members) == set(MEMBERS)
    assert all(np.isfinite(middle).all() and (middle > 0).all() for middle in last.members.values())
    wapes = [np.abs(last.actual - middle).sum() for middle in last.members.values()]
    middle = stacked(last.members, stack_of(tests[:-1], "sale", 3.0).weights)
    assert np.abs(last.actual - middle).sum() <= max(wapes)


def test_columns_have_what_is_pooled_what_is_the_kinds_own_and_the_parts_of_the_day() -> None:
    evidence, _ = shop(PAST, 60)
    columns = with_rhythm(event_columns(evidence.hours, PAST[-1], PAST), evidence.hours, SETTINGS.zone, "sale")
    assert {"campaign/plateau", "sale:campaign/plateau", "app-push/pulse", "sale:opening/surge"} & set(columns.names)
    window = columns.values[:, columns.names.index("campaign/plateau")]
    parts = [i for i, name in enumerate(columns.names) if name.startswith("campaign/plateau@")]
    assert columns.values[:, parts].sum(axis=1) == pytest.approx(window.clip(0.0, 1.0))
    assert "campaign/opening" not in columns.without(("opening", "closing")).names


def test_arma_errors_are_found_and_carried_ahead() -> None:
    rng = np.random.default_rng(1)
    errors = lfilter([1.0, 0.4], [1.0, -0.9], 0.1 * rng.standard_normal(6000))
    found = errors_of(errors, np.ones(6000, dtype=bool))
    assert found == Errors(pytest.approx(0.9, abs=0.03), pytest.approx(0.4, abs=0.05), pytest.approx(0.1, abs=0.01))
    logs = np.concatenate([errors, np.full(50, np.nan)])
    ahead = arma_log_rates(logs, np.ones((6050, 1)), np.zeros(1), np.zeros((6050, 1)), np.ones(1))[6000:]
    assert np.all(np.diff(np.abs(ahead - ahead[-1])) <= 1e-9)


def test_the_regression_finds_an_events_effect_and_leaves_it_out_elsewhere() -> None:
    rng = np.random.default_rng(2)
    event = (np.arange(3000) % 500 < 10).astype(float)
    logs = 1.0 + 0.8 * event + 0.05 * rng.standard_normal(3000)
    logs[2400:] = np.nan
    found = arma_log_rates(logs, np.ones((3000, 1)), np.zeros(1), event[:, None], np.array([0.6]))[2400:]
    assert found[event[2400:] > 0] == pytest.approx(1.8, abs=0.05)
    assert found[event[2400:] == 0] == pytest.approx(1.0, abs=0.05)


def test_the_tail_is_scipys_generalised_pareto() -> None:
    tail = Tail(0.2, 0.5, 1.0)
    levels = np.array([0.9, 0.99, 0.999])
    assert tail.beyond(levels) == pytest.approx(genpareto(0.2, scale=0.5).ppf((levels - LEVEL) / (1 - LEVEL)))


def test_few_campaigns_leave_the_tail_near_a_normal_one_and_wild_ones_lengthen_it() -> None:
    calm = tail_from(np.array([0.1, -0.4, 0.3]), np.ones(3))
    wild = tail_from(np.tile([0.1, -0.5, 0.2, 3.0, 2.5], 6), np.ones(30))
    p99 = [THRESHOLD + float(tail.beyond(np.array([0.99]))[0]) for tail in (calm, wild)]
    assert p99[0] == pytest.approx(2.33, abs=0.35)
    assert p99[1] > 3.5
    assert calm.say_ratio < 0.5 < wild.say_ratio


def test_the_tail_keeps_the_order_of_paths_and_the_lower_four_fifths() -> None:
    apart = np.random.default_rng(3).standard_t(5, 1000) * 0.2
    moved = tailed_draws(apart, Tail(0.1, 0.5, 0.8))
    assert np.array_equal(np.argsort(apart), np.argsort(moved))
    low = apart <= np.quantile(apart, LEVEL)
    assert np.array_equal(moved[low], apart[low])
    assert tailed_draws(apart, Tail()) is apart
