"""Bots and scalpers: no part of people's demand, but of what capacity must serve."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from small_shop import SETTINGS, sale, shop

from campaign.plan import Moment
from forecast.demand.bots import added, bot_paths, learn_bots
from forecast.epochs import HOUR, epoch
from forecast.evidence import Disturbed, Evidence, known_before
from forecast.model import Forecast, build_traffic_model

PAST = tuple(sale(day) for day in (20, 30, 41, 52))
NEXT = sale(63)
AS_OF = NEXT.starts_at - timedelta(days=3)
BOT_RATE = 500.0


def evidence(visited: int) -> Evidence:
    """The small shop; in the last `visited` campaigns bots stay on `web` for an hour, an hour after the opening."""
    made, _ = shop(PAST, 62)
    known = known_before(made, epoch(AS_OF))
    windows = []
    stretches, hourly = list(known.stretches), known.hourly.copy()
    for plan in PAST[len(PAST) - visited :]:
        first = epoch(plan.starts_at) + 3 * HOUR
        windows.append(Disturbed("web", first, first + HOUR, "bot"))
        web = stretches[0]
        inside = (web.starts >= first) & (web.starts < first + HOUR)
        stretches[0] = replace(web, rates=np.where(inside, web.rates + BOT_RATE, web.rates))
        hourly.loc[known.hours == first, "web"] += BOT_RATE
    return replace(known, stretches=tuple(stretches), hourly=hourly, disturbed=tuple(windows))


def forecast(given: Evidence, **more: object) -> Forecast:
    plan = NEXT.model_copy(update=more)
    return build_traffic_model(given, plan, (*PAST, plan), SETTINGS, AS_OF, 0, paths=400, prophet=False)


def test_what_bots_added_is_measured_against_the_hours_beside_them() -> None:
    known = evidence(2)
    assert added(known, known.disturbed[0]) == pytest.approx(BOT_RATE, rel=0.15)
    found = learn_bots(known, PAST)
    assert found.visited == (PAST[2].id, PAST[3].id)
    assert {visit.after_seconds for visit in found.visits} == {3.0 * HOUR}


def test_paths_with_bots_have_them_at_their_distance_from_the_start_and_on_their_service_only() -> None:
    known = evidence(3)
    starts = epoch(NEXT.starts_at) + 60 * np.arange(480)
    drawn = bot_paths(learn_bots(known, PAST), known, NEXT, starts, np.full(480, 60), 2000, 0)
    assert drawn is not None
    assert not drawn[:, 1].any()
    comes = drawn[:, 0].any(axis=1)
    assert float(comes.mean()) == pytest.approx(3.5 / 5.0, abs=0.05)
    middle = np.median(drawn[comes, 0], axis=0)
    assert middle[195:225].mean() == pytest.approx(BOT_RATE, rel=0.2)
    assert middle[:150].max() == 0
    assert middle[300:].max() == 0


def test_capacity_serves_them_and_ordinary_demand_does_not_learn_them() -> None:
    clean, visited = forecast(evidence(0)), forecast(evidence(4))
    around = slice(9 * 60 + 15, 9 * 60 + 45)
    calm, busy = (np.quantile(m.paths.requests_per_second[:, 0, around].mean(axis=1), 0.9) for m in (clean, visited))
    assert busy - calm > 0.6 * BOT_RATE
    people = [np.median(m.prediction.rates[:, 0, around]) for m in (clean, visited)]
    assert people[1] == pytest.approx(people[0], rel=0.1)
    assert any(
        said.startswith("bots came in 4 of 4 past campaigns: on top of people's demand, up to ")
        for said in visited.model.assumptions
    )
    effect = next(e for e in visited.model.effects if e.driver == "bots")
    assert effect.service == "web"
    assert effect.added_requests_per_second.p90 > 0.6 * BOT_RATE


def test_a_coveted_drop_without_known_bots_says_that_none_are_added() -> None:
    moments = (Moment(at=NEXT.starts_at, kind="coupon-drop"),)
    said = "no bots are known in past campaigns, so none are added for scalpers"
    assert any(text.startswith(said) for text in forecast(evidence(0), moments=moments).model.assumptions)
    assert not any(text.startswith(said) for text in forecast(evidence(0)).model.assumptions)


def test_bots_away_from_any_campaign_are_no_part_of_the_next_one() -> None:
    known = evidence(0)
    quiet = epoch(PAST[0].starts_at) - 5 * 86400
    found = learn_bots(replace(known, disturbed=(Disturbed("web", quiet, quiet + HOUR, "bot"),)), PAST)
    assert found.visits == ()
