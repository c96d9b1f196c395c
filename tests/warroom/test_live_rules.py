"""Two windows and hysteresis, by hour and by minute; what is told once; which alert is answered first."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.documents import read_yaml
from campaign.settings import Risk, Service, Settings, Stage
from campaign.store.events import chained
from campaign.traffic import QUANTILES
from playbooks.growth.live_policy import LiveRules
from playbooks.growth.policy import SHIPPED, Response
from warroom.live.expected.percentile import percentile, z_scores
from warroom.live.judging.alerts import Standing, Told, Transition, capacity_standing, told_alerts, transitions
from warroom.live.judging.level import departures, level_before, usual_departure
from warroom.live.judging.respond import Figures, alerts_of, call_of
from warroom.live.judging.rules import Reading, episodes
from warroom.live.records import Capacity, Hour, Metric

T0 = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
RULES = LiveRules.model_validate(read_yaml(SHIPPED, "rules.yaml").content["live"])
RESPONSE = Response(order_by=("impact", "hours", "people"))


def ran(*z: float) -> list[tuple[str, int, int | None]]:
    """Episodes as direction, index fired and index cleared."""
    found = episodes([Reading(T0 + n * HOUR, value) for n, value in enumerate(z)], RULES.hourly)
    return [
        (e.direction, (e.fired_at - T0) // HOUR, (e.cleared_at - T0) // HOUR if e.cleared_at else None) for e in found
    ]


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ((0, 0, 2.5, 0, 0), []),  # one hour alone is noise
        ((0, 0, 2.5, 2.5), [("up", 3, None)]),
        ((0, 0, 3.5), [("up", 2, None)]),  # outside 99.9 % fires alone
        ((0, 0, -3.5, 0, 0), [("down", 2, 4)]),
        ((0, 2.5, 2.5, 1.0, 1.5, 1.0, 1.0), [("up", 2, 6)]),  # one hour inside does not clear it
        ((0, 3.5, 0, 0, 2.5), [("up", 1, 3)]),  # what was told is not told again by a mean that reaches back
        ((3.5, -3.5), [("up", 0, 1), ("down", 1, None)]),
        ((2.5,), []),  # the first hour has no second window
        ((math.nan, 2.5, math.nan, 2.5), [("up", 3, None)]),
    ],
)
def test_two_windows_fire_and_hysteresis_clears(z: tuple[float, ...], expected: list[object]) -> None:
    assert ran(*z) == expected


@given(st.lists(st.floats(-6, 6), max_size=60))
def test_episodes_never_overlap_and_only_the_last_may_stand(z: list[float]) -> None:
    found = ran(*z)
    for (_, _, cleared), (_, fired, _) in pairwise(found):
        assert cleared is not None
        assert cleared <= fired


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=40), st.data())
def test_what_comes_later_never_changes_when_something_fired(z: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(z)))
    whole = [(way, fired) for way, fired, _ in ran(*z) if fired < cut]
    assert [(way, fired) for way, fired, _ in ran(*z[:cut])] == whole


def test_the_mean_of_independent_readings_strays_by_their_root_and_of_equal_ones_not_less() -> None:
    free, same = (RULES.hourly.model_copy(update={"correlation": rho}) for rho in (0.0, 1.0))
    assert free.mean_z(4) == pytest.approx(1.96 / 2, abs=0.001)
    assert same.mean_z(4) == pytest.approx(1.96, abs=0.001)


def test_a_place_in_a_band_is_its_quantiles_and_goes_on_beyond_them() -> None:
    band = np.array([[80.0], [100.0], [120.0], [150.0]])
    for value, level in zip(band[:, 0], QUANTILES.values(), strict=True):
        assert percentile(float(z_scores(np.array([value]), band)[0])) == pytest.approx(level)
    further = z_scores(np.array([200.0, 300.0, 10.0]), np.repeat(band, 3, axis=1))
    assert further[1] > further[0] > 2.33
    assert further[2] < -3


def test_what_is_not_known_has_no_place() -> None:
    band = np.array([[80.0, np.nan], [100.0, np.nan], [120.0, np.nan], [150.0, np.nan]])
    assert np.isnan(z_scores(np.array([np.nan, 100.0]), band)).all()


def minutes(shift: dict[int, float], count: int = 120, noise: float = 0.02) -> np.ndarray:
    """Log ratios that wander a little, and steps from some minutes on."""
    ratios = np.random.default_rng(1).normal(0.4, noise, count)
    for at, by in shift.items():
        ratios[at:] += by
    return ratios


TIMES = [T0 + n * MINUTE for n in range(240)]
USUAL = np.full(240, 0.1)


def jumps(ratios: np.ndarray) -> list[tuple[str, int, int | None]]:
    found = departures(TIMES[: len(ratios)], ratios, USUAL[: len(ratios)], RULES.minute)
    return [(e.direction, TIMES.index(e.fired_at), TIMES.index(e.cleared_at) if e.cleared_at else None) for e in found]


def test_half_as_much_again_is_found_within_three_minutes_whatever_the_level_was() -> None:
    (found,) = jumps(minutes({60: math.log(1.5)}))
    assert found[0] == "up"
    assert 60 <= found[1] <= 62
    assert found[2] is None
    assert jumps(minutes({})) == []


def test_a_jump_that_lasts_is_the_level_after_an_hour_and_one_that_ends_clears() -> None:
    lasting = jumps(minutes({60: math.log(1.5)}, count=200))
    assert [(way, cleared) for way, _, cleared in lasting] == [("up", lasting[0][1] + 60)]
    short = jumps(minutes({60: math.log(1.5), 80: -math.log(1.5)}))
    assert short[0][0] == "up"
    assert short[0][2] is not None
    assert 84 <= short[0][2] <= 87


def test_a_slow_rise_is_no_jump() -> None:
    assert jumps(minutes({}) + np.linspace(0, 0.7, 120)) == []


def test_minutes_that_are_missing_do_no_harm() -> None:
    ratios = minutes({60: math.log(1.5)})
    ratios[20:58] = np.nan
    assert [way for way, _, _ in jumps(ratios)] == ["up"]
    assert jumps(np.full(60, np.nan)) == []


def test_the_level_looks_only_at_minutes_that_are_over_by_its_lag() -> None:
    ratios = np.arange(20.0)
    before = level_before(ratios, RULES.minute)
    changed = ratios.copy()
    changed[15:] = 99
    assert np.isnan(before[: RULES.minute.lag_minutes]).all()
    assert np.array_equal(before[: 15 + RULES.minute.lag_minutes], level_before(changed, RULES.minute)[:18], True)


def test_a_usual_departure_is_never_narrower_than_the_rule_says() -> None:
    rng = np.random.default_rng(0)
    calm, wild = rng.normal(0, 0.01, (50, 40)), rng.normal(0, 0.5, (50, 40))
    assert usual_departure(calm, RULES.minute)[10:] == pytest.approx(RULES.minute.narrowest_ratio)
    assert usual_departure(wild, RULES.minute)[10:].min() > 0.3


def standing(rule: str = "hourly", subject: str = "requests", level: int = 1, way: str = "up", at: int = 0) -> Standing:
    return Standing(rule, subject, way, level, T0 + at * HOUR)  # type: ignore[arg-type]


EVERY = frozenset({"hourly", "minute", "capacity"})


def changes(computed: list[Standing], told: list[Told], looked: frozenset[str] = EVERY) -> list[tuple[str, str]]:
    return [(each.change, each.standing.key) for each in transitions(computed, told, looked)]  # type: ignore[arg-type]


def test_only_changes_are_told() -> None:
    one = standing()
    assert changes([one], []) == [("fired", one.key)]
    assert changes([one], [Told(one)]) == []
    assert changes([standing(at=3)], [Told(one)]) == []
    assert changes([standing(level=2, at=3)], [Told(one)]) == [("raised", one.key)]
    assert changes([], [Told(one)]) == [("cleared", one.key)]
    assert changes([], [Told(one, T0 + HOUR)]) == []
    again = standing(at=5)
    assert changes([again], [Told(one, T0 + HOUR)]) == [("fired", again.key)]


def test_a_rule_that_was_not_looked_at_stays_as_it_is() -> None:
    assert changes([], [Told(standing())], frozenset({"minute"})) == []


def test_the_log_tells_what_stands() -> None:
    first = Transition("fired", standing()).act("d11", T0)
    raised = Transition("raised", standing(level=2)).act("d11", T0 + HOUR)
    ended = Transition("cleared", standing(level=2)).act("d11", T0 + 2 * HOUR)
    events = []
    for n, act in enumerate((first, raised, ended), start=1):
        events.append(chained(act, n, events[-1].hash if events else "0" * 64))
    assert told_alerts(events[:2], "d11") == (Told(standing(level=2)),)
    assert told_alerts(events, "d11") == (Told(standing(level=2), T0 + 2 * HOUR),)
    assert told_alerts(events, "another") == ()


def capacity(minutes_left: float | None) -> Capacity:
    left = None if minutes_left is None else minutes_left * MINUTE
    return Capacity("shop", 100.0, "tested", None, 0.5, T0, left)


@pytest.mark.parametrize(
    ("left", "stands", "expected"),
    [(61, False, 0), (60, False, 1), (0, False, 1), (75, True, 1), (91, True, 0), (None, True, 0)],
)
def test_capacity_fires_within_the_hour_and_clears_further_off(left: float | None, stands: bool, expected: int) -> None:
    told = [Told(standing("capacity", "shop", 3))] if stands else []
    assert len(list(capacity_standing([capacity(left)], told, T0, RULES))) == expected


SETTINGS = Settings(
    time_zone="UTC",
    services=(Service(name="shop"),),
    risk=Risk(value_lost_per_refused_order=100),
    funnel=(Stage(stage="visit", requests={"shop": 10.0}),),
)


def metric(name: str, actual: float, p50: float) -> Metric:
    from campaign.language import say
    from campaign.traffic import Quantiles

    band = Quantiles(p10=p50 * 0.9, p50=p50, p90=p50 * 1.1, p99=p50 * 1.2)
    return Metric(name, say("orders"), say("orders"), (Hour(T0, actual, band, 0.1, -2.5, False),))


def test_alerts_are_answered_by_impact_then_time_then_people() -> None:
    told = [
        Told(standing("hourly", "orders", 2, "down")),
        Told(standing("hourly", "requests", 1, "down")),
        Told(standing("minute", "shop", 2, "up")),
        Told(standing("hourly", "contacts", 1, "up")),
        Told(standing("hourly", "requests", 2, "up", at=-1), T0),
    ]
    figures = Figures(
        {"orders": metric("orders", 900, 1000), "requests": metric("requests", 90, 100)}, {}, {"shop": capacity(30)}
    )
    made = alerts_of(told, figures, SETTINGS, RULES, RESPONSE, T0 + HOUR)
    assert [alert.impact_per_hour for alert in made[:2]] == [360_000.0, 10_000.0]
    assert [(a.subject, a.open) for a in made] == [
        ("requests", True), ("orders", True), ("shop", True), ("contacts", True), ("requests", False),
    ]  # fmt: skip
    assert [a.owner for a in made[:3]] == ["marketing", "data", "sre"]
    assert call_of(made) == "act"
    assert str(made[1].title) == "orders below the frozen forecast: 900, expected 1,000"


def test_more_demand_within_the_capacity_costs_nothing() -> None:
    told = [Told(standing("hourly", "requests", 1, "up"))]
    figures = Figures({"requests": metric("requests", 200, 100)}, {}, {})
    assert alerts_of(told, figures, SETTINGS, RULES, RESPONSE, T0)[0].impact_per_hour == 0.0


def test_the_shipped_rules_answer_every_direction() -> None:
    for rule, ways in (("hourly", ("up", "down")), ("minute", ("up", "down")), ("capacity", ("up",))):
        for way in ways:
            assert RULES.response(rule, way, 2).direction == way  # type: ignore[arg-type]
