"""Desks in a rehearsal: what reaches people, what lost orders change, how surely a promise breaks, what helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaign.console import no_progress
from campaign.errors import UserError
from campaign.language import say
from campaign.settings import Bot, RatioRange
from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse, with_demand
from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.stories import stories
from playbooks.rehearsal.support import (
    Support,
    SupportDesk,
    TicketRules,
    by_half_hour,
    lagged,
    people_asked,
    play_support,
    with_agents,
    with_better_bot,
)
from playbooks.rehearsal.support_judging import outcomes, supported, with_desks
from playbooks.rehearsal.support_levers import support_levers
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.retries import NO_RETRIES
from playbooks.staffing.requirement import Rules

STARTS_AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
HALF_HOURS = 12
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
BOT = Bot(resolved_ratio=RatioRange(low=0.4, mid=0.4, high=0.4))
LOST = shipped_policy().lost_orders


def support(contacts: list[float], seats: float = 60, bot: Bot | None = BOT) -> Support:
    """A chat desk and tickets, the same contacts on each in every half-hour of a path, one path for each figure."""
    every = np.repeat(np.array(contacts)[:, None], HALF_HOURS, axis=1)
    always = np.ones(HALF_HOURS, bool)
    chat = SupportDesk(
        "chat", every, always, always, np.full(HALF_HOURS, seats), 0.75, CHAT, 0.8, 30, bot=bot, cost_per_agent_hour=40
    )
    tickets = SupportDesk(
        "ticket", every / 10, always, always, np.full(HALF_HOURS, 10.0), 1.0, TicketRules(3.0, 4), 0.9, 7200
    )
    draws = (np.arange(len(contacts)) + 0.5) / len(contacts)
    orders = np.full_like(every, 100.0)
    return Support(STARTS_AT, (chat, tickets), orders, LOST, draws, np.ones(HALF_HOURS), 0.1)


def event(contacts: list[float], rate: float = 500.0, **desks: float) -> Inputs:
    """Ten replicas of 100 requests a second; an order every tenth request; desks as `support` makes them."""
    minutes = HALF_HOURS * 30
    demand = np.full((1, len(contacts), minutes), rate, np.float32)
    return Inputs(
        services=("checkout",),
        starts_at_utc=STARTS_AT,
        demand=Demand(demand),
        fleets=(Fleet(0, 100.0, np.full(minutes, 10), ceiling=100, target_ratio=None),),
        limits=(),
        error_ratios=(0.001,),
        orders_per_request=(0.1,),
        costs_per_replica_hour=(3.0,),
        retries=NO_RETRIES,
        support=support(contacts, **desks),
    )


def test_people_are_asked_what_the_bot_leaves_and_everything_while_it_is_down() -> None:
    inputs = injected(event([100.0, 200.0]), "bot-down:21:00-22:00", ZONE)
    assert inputs.support is not None
    asked = people_asked(inputs.support, inputs.support.desks[0], inputs.support.desks[0].contacts)
    assert asked[0].tolist() == pytest.approx([60, 60, 100, 100, *[60] * 8])
    whole = injected(event([100.0]), "bot-down", ZONE).support
    assert whole is not None
    assert people_asked(whole, whole.desks[0], whole.desks[0].contacts).min() == pytest.approx(100)


def test_a_bot_that_fails_breaks_a_promise_that_was_kept() -> None:
    calm, drilled = (event([700.0] * 20, seats=80), injected(event([700.0] * 20, seats=80), "bot-down", ZONE))
    kept, broken = (outcomes(one.support, supported(one, rehearse(one)))[0] for one in (calm, drilled))
    assert kept.breaks_ratio == 0
    assert broken.breaks_ratio == 1.0
    assert broken.given_up.p50 > 10 * max(kept.given_up.p50, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("bot-down:22", "write bot-down[:HH:MM-HH:MM]"), ("bot-dwn", "did you mean bot-down?")],
)
def test_a_drill_of_the_bot_says_what_it_needs(fault: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        injected(event([100.0]), fault, ZONE)


def test_without_a_bot_there_is_none_to_fail() -> None:
    inputs = event([100.0])
    assert inputs.support is not None
    inputs = replace(inputs, support=support([100.0], bot=None))
    with pytest.raises(UserError, match="changes nothing"):
        injected(inputs, "bot-down", ZONE)


def test_lost_orders_ask_nothing_later_and_some_complain_at_once() -> None:
    whole = support([100.0], bot=None)
    lost = np.zeros((1, HALF_HOURS))
    lost[0, 2] = 50
    before, after = play_support(whole, np.zeros_like(lost)), play_support(whole, lost)
    change = (after["chat"].attempts - before["chat"].attempts)[0]
    assert change[:2] == pytest.approx(0)
    assert change[2] == pytest.approx(0.1 * 50 - 0.8 * 100 * lagged(lost, LOST.lags_hours)[0, 2] / 100, abs=0.1)
    assert (change[3:] < 0).all()
    assert (np.diff(change[3:]) > 0).all()
    tickets = (after["ticket"].attempts - before["ticket"].attempts)[0]
    assert (tickets[2:] < 0).all()
    assert after["chat"].attempts.min() >= 0


def test_minutes_are_summed_in_the_half_hours_they_lie_in() -> None:
    whole = replace(support([1.0]), starts_at_utc=STARTS_AT - timedelta(hours=1))
    minutes = np.ones((1, 100))
    assert by_half_hour(minutes, STARTS_AT, whole)[0].tolist() == [0, 0, 30, 30, 30, 10, 0, 0, 0, 0, 0, 0]
    early = by_half_hour(minutes, STARTS_AT - timedelta(minutes=90), whole)
    assert early[0, :3].tolist() == [30, 30, 10]


def test_a_desk_that_surely_breaks_its_promise_too_often_is_a_no_go_that_names_it() -> None:
    inputs = event([300.0, 300.0, 900.0] * 20, seats=30)
    desks = outcomes(inputs.support, supported(inputs, rehearse(inputs)))
    assert [round(desk.breaks_ratio, 2) for desk in desks] == [0.33, 0.33]
    verdict, why = with_desks("go", say("GO"), desks)
    assert verdict == "no-go"
    assert "chat" in str(why)
    assert with_desks("no-go", say("NO-GO"), desks) == ("no-go", say("NO-GO"))
    for accepted, expected in ((0.5, "go-with-limits"), (0.3, "too-close")):
        asked = tuple(desk.model_copy(update={"accepted_ratio": accepted}) for desk in desks)
        assert with_desks("go-with-limits", say("GO"), asked)[0] == expected


def test_the_story_of_a_bad_path_tells_its_queues() -> None:
    inputs = event([300.0, 300.0, 900.0], seats=30)
    played = rehearse(inputs)
    told = stories(inputs, played, ZONE, supported(inputs, played))
    assert [story.path for story in told] == [2]
    assert re.search(
        r"chat: [\d.]+ % in time, wait up to \d+ min, below its promise until 11-11 02:00", told[0].told.en
    )
    assert re.search(r"ticket: .* late", told[0].told.en)


def test_people_and_a_better_bot_are_levers_found_by_playing_again() -> None:
    inputs = event([300.0] * 9 + [450.0] * 2, seats=30)
    found = support_levers(inputs, rehearse(inputs), no_progress)
    people = next(lever for lever in found if "people on chat" in lever.change.en)
    assert people.effect is not None
    assert "promise broken in 0 % of events instead of 18" in people.effect.en
    more = int(people.change.en.split()[0])
    assert people.cost == pytest.approx(more * HALF_HOURS / 2 * 40)
    assert any("bot of chat" in lever.change.en for lever in found)


def test_fewer_paths_and_more_demand_reach_the_desks_too() -> None:
    inputs = event([100.0, 200.0, 300.0])
    fewer, more = on_paths(inputs, np.array([0, inputs.demand.paths - 1])).support, with_demand(inputs, 1.5).support
    assert fewer is not None
    assert more is not None
    assert fewer.desks[0].contacts[:, 0].tolist() == [100, 300]
    assert more.desks[0].contacts[:, 0].tolist() == [150, 300, 450]


@settings(max_examples=8)
@given(st.lists(st.floats(0, 900), min_size=2, max_size=4), st.integers(5, 60), st.integers(1, 20))
@example([0.0, 1e-12], 5, 1)
def test_more_people_and_a_better_bot_never_lower_a_level(contacts: list[float], seats: int, more: int) -> None:
    whole = support(contacts, seats)
    helped: list[Callable[[], Support]] = [
        lambda: with_agents(whole, "chat", more),
        lambda: with_better_bot(whole, "chat", 5.0),
    ]
    nothing = np.zeros((len(contacts), HALF_HOURS))
    before = play_support(whole, nothing, "chat")["chat"].event_level_ratio()
    for change in helped:
        assert (play_support(change(), nothing, "chat")["chat"].event_level_ratio() >= before - 1e-6).all()
