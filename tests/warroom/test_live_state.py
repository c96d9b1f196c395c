"""The live state before and after something was stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.store.live import Measured
from campaign.workspace import open_workspace
from tests.warroom.live_event import CAMPAIGN, START, model_files
from warroom.live.expected.yardstick import TOTAL
from warroom.live.messages.digest import number
from warroom.live.state import live_state, live_store

NOON = START + timedelta(hours=2, minutes=20)


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return folder


def test_before_any_forecast_there_is_a_clock_and_nothing_else(folder: Path) -> None:
    state = live_state(open_workspace(folder), CAMPAIGN, NOON)
    assert (state.clock.phase, state.clock.since_start) == ("running", timedelta(hours=2, minutes=20))
    assert state.clock.minute_watch
    assert state.clock.next_sync_at is not None
    assert timedelta(minutes=46) <= state.clock.next_sync_at - NOON < timedelta(minutes=52)
    assert (state.yardstick.model_hash, state.metrics, state.minutes, state.alerts) == (None, (), {}, ())
    assert (state.synced_at, state.tightest, state.oldest_watermark, state.head) == (None, None, None, None)


def test_before_the_first_sync_the_band_is_there_and_no_actual(folder: Path) -> None:
    model_files(folder)
    state = live_state(open_workspace(folder), CAMPAIGN, NOON)
    assert not state.yardstick.frozen
    requests = next(metric for metric in state.metrics if metric.name == "requests")
    assert [hour.starts_at for hour in requests.hours] == [START, START + timedelta(hours=1)]
    assert all(hour.missing and hour.preliminary and hour.frozen for hour in requests.hours)
    assert requests.newest is None
    assert set(state.minutes) == {"storefront", "total"}
    assert state.capacities["storefront"].basis == "planned"
    assert state.capacities["storefront"].requests_per_second == 4000


def test_what_was_stored_is_read_back_against_the_band(folder: Path) -> None:
    model_files(folder)
    at = int(START.timestamp())
    values = [
        Measured("requests", "total", 3600, at, 1000.0, True),
        Measured("requests", "total", 3600, at + 3600, 2000.0, False),
        *(Measured("requests", "storefront", 60, at + 60 * n, 5000.0, False) for n in range(130, 140)),
    ]
    workspace = open_workspace(folder)
    live_store(workspace).keep(CAMPAIGN, values)
    state = live_state(workspace, CAMPAIGN, NOON)
    first, second = next(metric for metric in state.metrics if metric.name == "requests").hours
    assert first.percentile_ratio == pytest.approx(0.5, abs=0.05)
    assert (first.preliminary, second.preliminary) == (False, True)
    assert second.z is not None
    assert second.z > 3
    series = state.minutes["storefront"]
    assert series.actual[series.starts_at.index(at + 130 * 60)] == 5000.0
    assert state.capacities["storefront"].headroom_ratio == pytest.approx(-0.25)
    assert state.minutes_at == START + timedelta(minutes=139)


def test_an_unknown_campaign_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="there is no campaign"):
        live_state(open_workspace(folder), "nowhere", datetime(2026, 1, 1, tzinfo=UTC))


def test_an_hour_of_which_nothing_is_expected_has_no_place_in_a_band(folder: Path) -> None:
    """A desk that is shut: none expected, none came."""
    model_files(folder)
    demand = folder / "out" / CAMPAIGN / "demand.csv"
    shut = [
        ",".join([*line.split(",")[:4], *"0000"]) if "2026-11-10T12:" in line and ",contacts," in line else line
        for line in demand.read_text("utf-8").splitlines()
    ]
    demand.write_text("\n".join(shut) + "\n", "utf-8")
    workspace = open_workspace(folder)
    live_store(workspace).keep(CAMPAIGN, [Measured("contacts", TOTAL, 3600, int(START.timestamp()), 0.0, True)])
    contacts = next(m for m in live_state(workspace, CAMPAIGN, NOON).metrics if m.name == "contacts")
    assert contacts.hours[0].frozen is not None
    assert contacts.hours[0].percentile_ratio is None
    assert str(number(contacts, START)) == "Support contacts in the hour: 0 contacts"
