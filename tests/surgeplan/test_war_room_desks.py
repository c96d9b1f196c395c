"""Desks in a rehearsal with a war room: whom it calls in and when, and what that and moved visits change for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from campaign.settings import Desk
from playbooks.growth.live_policy import Windows
from playbooks.rehearsal.called import Called
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.support import Support, SupportDesk, changed_contacts, play_changed, play_support
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules
from surgeplan.war_room.calling import CallIn, call_in_of
from warroom.live.actions.desks import DeskAhead

STARTS_AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
HALF_HOURS, PATHS, SEATS = 12, 60, 34.0
PHONE = Rules((300.0,), 120.0, "served_within", 0.8, 20.0)
TABLE = level_table(PHONE, 150.0)
HOURLY = Windows(
    outside_ratio=0.95, mean_readings=3, at_once_ratio=0.999, clear_ratio=0.8, clear_readings=2, correlation=0.5
)
DESK = Desk.model_validate(
    {
        "name": "phone",
        "channel": "phone",
        "handle_seconds": 300,
        "patience_seconds": 120,
        "service_level": {"ratio": 0.8, "seconds": 20},
        "agents_max": 60,
    }
)


def event() -> Inputs:
    """One phone desk, about 180 contacts in every half-hour, and people for nine of ten paths."""
    rng = np.random.default_rng(3)
    contacts = 180 * rng.lognormal(0, 0.08, (PATHS, 1)) * np.ones((PATHS, HALF_HOURS))
    always = np.ones(HALF_HOURS, bool)
    phone = SupportDesk(
        "phone", contacts, always, always, np.full(HALF_HOURS, SEATS), 1.0, PHONE, 0.8, 20, cost_per_agent_hour=40
    )
    support = Support(
        STARTS_AT, (phone,), np.full_like(contacts, 100.0), shipped_policy().lost_orders, np.full(PATHS, 0.5),
        np.ones(HALF_HOURS), 0.1,
    )  # fmt: skip
    minutes = 30 * HALF_HOURS
    return Inputs(
        services=("checkout",),
        starts_at_utc=STARTS_AT,
        demand=Demand(np.full((1, PATHS, minutes), 100.0, np.float32)),
        fleets=(Fleet(0, 100.0, np.full(minutes, 10)),),
        limits=(),
        error_ratios=(0.001,),
        orders_per_request=(0.1,),
        costs_per_replica_hour=(3.0,),
        support=support,
    )


def support_of(inputs: Inputs) -> Support:
    assert inputs.support is not None
    return inputs.support


def room_of(inputs: Inputs) -> CallIn:
    starts = int(STARTS_AT.timestamp()) + 1800 * np.arange(HALF_HOURS)
    human = np.quantile(support_of(inputs).desks[0].contacts, [0.5, 0.9], axis=0)
    ahead = DeskAhead(
        DESK, starts, np.ones(HALF_HOURS, bool), human, human / 1800 * 300, np.full(HALF_HOURS, SEATS), TABLE
    )
    found = call_in_of(inputs, {"phone": ahead}, HOURLY, 0.5)
    assert found is not None
    return found


def called_for(contacts: NDArray[np.float64]) -> Called:
    return room_of(event())(contacts)["phone"]


def twice_from(half_hour: int) -> NDArray[np.float64]:
    contacts = support_of(event()).desks[0].contacts.copy()
    contacts[:, half_hour:] *= 1.6
    return contacts


def test_it_calls_nobody_in_where_contacts_stay_inside_their_band() -> None:
    assert (called_for(support_of(event()).desks[0].contacts).times > 0).mean() <= 0.1


def test_people_come_after_their_notice_and_stay_two_hours() -> None:
    """Contacts rise at 13:00: the sync of 14:12 knows that hour, and who is called in comes at 14:42."""
    called = called_for(twice_from(2))
    assert (called.times > 0).all()
    late = np.flatnonzero(called.first_at == int(datetime(2026, 11, 10, 14, 12, tzinfo=UTC).timestamp()))
    assert len(late) > 0.9 * PATHS
    assert not called.people[late, :5].any()
    more = called.people[late, 6]
    assert (more > 0).all()
    assert called.people[late, 5] == pytest.approx(0.6 * more)  # from 14:42 on
    assert (SEATS + called.people.max(axis=1) <= 60).all()


def test_what_comes_after_a_sync_does_not_change_who_is_called_in_at_it() -> None:
    calm = twice_from(2)
    calm[:, 6:] *= 0.3  # from 15:00 on
    assert np.array_equal(called_for(twice_from(2)).people[:, :7], called_for(calm).people[:, :7])


def test_who_is_called_in_is_who_serves_and_only_changed_paths_are_played_again() -> None:
    support, contacts = support_of(event()), twice_from(2)
    crowded = replace(support, desks=(replace(support.desks[0], contacts=contacts),))
    before = play_support(crowded, np.zeros_like(contacts))
    called = called_for(contacts)
    paths = np.arange(0, PATHS, 2)
    met = play_changed(crowded, [contacts], {"phone": called}, paths, before)["phone"]
    assert (met.abandoned[paths].sum(axis=1) < before["phone"].abandoned[paths].sum(axis=1)).all()
    assert np.array_equal(met.abandoned[1::2], before["phone"].abandoned[1::2])
    nobody = play_changed(crowded, [contacts], {}, paths, before)["phone"]
    assert np.array_equal(nobody.level_ratio, before["phone"].level_ratio)


def test_visits_that_are_moved_take_their_questions_with_them_and_nobody_complains() -> None:
    support = support_of(event())
    none, moved = np.zeros((2, PATHS, HALF_HOURS))
    moved[:, 2], moved[:, 8] = 50.0, -50.0
    contacts = changed_contacts(support, none, moved)[0]
    planned = support.desks[0].contacts
    assert (contacts[:, 2:8] < planned[:, 2:8]).all()
    lost = changed_contacts(support, np.maximum(moved, 0.0))[0]
    assert (lost[:, 2] > contacts[:, 2]).all()
    assert contacts[:, 8].mean() > contacts[:, 7].mean()
