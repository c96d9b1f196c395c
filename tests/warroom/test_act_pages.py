"""Deciding and asking on a phone: one page an action, two taps, forms of our own only."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.workspace import open_workspace
from tests.warroom.conftest import fields_of, form_token, held
from tests.warroom.live_event import CAMPAIGN
from tests.warroom.test_levers import NOW, event_in
from warroom.live.deciding.decisions import decisions, requests
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

HOLD = "hold:app-push@20261110T130000Z"
ACT = f"/live/{CAMPAIGN}/act"


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return event_in(tmp_path_factory.mktemp("event"))


@pytest.fixture
def folder(event: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Path(shutil.copytree(event, tmp_path / "shop"))


@pytest.fixture
def phones(folder: Path) -> dict[str, TestClient]:
    """Two phones, marketing's and the commander's, and one that may only look; the service runs at NOW."""
    site = Site(folder, Door("local", "a secret of this test", {}), lambda: NOW)
    app = site_app(site)
    found = {}
    for name, role in (("lin", "marketing"), ("zhou", "commander")):
        found[name] = TestClient(app)
        token = form_token(found[name], "/me")
        found[name].post("/me", data={"name": name, "role": role, "form_token": token})
    return found | {"": TestClient(app)}


def tap(phone: TestClient, verb: str, lever: str = HOLD, **fields: str) -> int:
    token = form_token(phone, f"{ACT}?lever={lever}")
    sent = {"lever": lever, "verb": verb, "reason": "no room", "form_token": token} | fields
    return phone.post(ACT, data=sent, follow_redirects=False).status_code


def test_an_action_says_what_is_expected_who_decides_and_offers_the_tap_that_is_ones_own(
    phones: dict[str, TestClient],
) -> None:
    marketing, commander = (phones[name].get(f"{ACT}?lever={HOLD}&lang=en").text for name in ("lin", "zhou"))
    assert "hold the 21:00 send of app-push" in commander
    assert "storefront at 21:" in commander
    assert re.search(r"−\d+\Wrequests/s \(−", commander)
    assert "Decide: do it" in commander
    assert "Decide: do it" not in marketing
    assert "Ask for it" in marketing
    assert 'name="verb"' not in phones[""].get(f"{ACT}?lever={HOLD}").text


def test_marketing_asks_the_commander_sees_it_and_decides(phones: dict[str, TestClient], folder: Path) -> None:
    assert tap(phones["lin"], "request") == 303
    page = phones["zhou"].get(f"/live/{CAMPAIGN}?lang=en&done=1").text
    assert "asked for" in page
    assert "lin: no room" in page
    assert tap(phones["zhou"], "act", reason="storefront is full") == 303
    assert tap(phones["zhou"], "act", reason="storefront is full") == 303
    (decision,) = decisions(open_workspace(folder), CAMPAIGN)
    assert (decision.by, decision.asked_by, decision.reason) == ("zhou", "lin", "storefront is full")
    page = phones["zhou"].get(f"/live/{CAMPAIGN}?lang=en&done=1").text
    assert "Decided, and what came of it" in page
    assert "its effect is told an hour after it works" in page
    assert "decided: hold the 21:00 send of app-push (storefront is full)" in page


def test_marketing_cannot_decide_on_a_send(phones: dict[str, TestClient], folder: Path) -> None:
    assert tap(phones["lin"], "act") == 422
    assert decisions(open_workspace(folder), CAMPAIGN) == ()


def test_a_form_of_another_site_or_of_somebody_who_may_only_look_does_nothing(
    phones: dict[str, TestClient], folder: Path
) -> None:
    sent = {"lever": HOLD, "verb": "act", "reason": "x"}
    assert phones["zhou"].post(ACT, data=sent).status_code == 403
    looking = phones[""]
    token = form_token(looking, "/me")
    assert looking.post(ACT, data=sent | {"form_token": token}).status_code == 403
    assert requests(open_workspace(folder), CAMPAIGN) == ()


def test_another_number_may_be_typed_and_a_decision_taken_back(phones: dict[str, TestClient], folder: Path) -> None:
    sre = phones["lin"]
    sre.post("/me", data={"name": "wang", "role": "sre", "form_token": form_token(sre, "/me")})
    assert tap(sre, "act", "scale:storefront:12", amount="14") == 303
    assert [decision.amount for decision in decisions(open_workspace(folder), CAMPAIGN)] == [14]
    assert "Take back" in sre.get(f"{ACT}?lever=scale:storefront:14&lang=en").text
    assert tap(sre, "undo", "scale:storefront:14") == 303
    assert not decisions(open_workspace(folder), CAMPAIGN)[0].stands


def test_a_pulled_switch_is_shown_as_pulled(phones: dict[str, TestClient]) -> None:
    sre = phones["lin"]
    sre.post("/me", data={"name": "wang", "role": "sre", "form_token": form_token(sre, "/me")})
    assert tap(sre, "act", "switch:recommend-off") == 303
    page = sre.get(f"/live/{CAMPAIGN}?lang=en&done=1").text
    assert "pulled 20:30" in page
    assert "Put back" in page


@pytest.mark.parametrize("lever", ["hold:nothing", "", "switch:x"])
def test_an_action_that_does_not_exist_has_no_page(phones: dict[str, TestClient], lever: str) -> None:
    assert phones["zhou"].get(ACT, params={"lever": lever}).status_code == 404


def test_programs_see_and_do_the_same_in_json(phones: dict[str, TestClient]) -> None:
    phone, told = phones["zhou"], f"/api/campaigns/{CAMPAIGN}/levers"
    first = phone.get(told).json()
    assert {lever["kind"] for lever in first["levers"]} == {"scale", "switch", "hold", "stagger"}
    given = {"lever": HOLD, "verb": "act", "reason": "no room"}
    assert phone.post(f"/api/campaigns/{CAMPAIGN}/act", data=given).status_code == 422
    after = phone.post(f"/api/campaigns/{CAMPAIGN}/act", json=given).json()
    assert after["decisions"][0]["effects"][0]["hour"]["p50"] < 0
    assert after["decisions"][0]["outcome"] is None
    held = next(lever for lever in after["levers"] if lever["lever"] == HOLD)
    assert held["state"] == "done"
    assert after["levers"][-1] == held


@pytest.mark.parametrize(
    ("address", "asks_again"),
    [(f"{ACT}?lever={HOLD}&lang=en", True), (f"/api/campaigns/{CAMPAIGN}/levers?lang=en", False)],
)
def test_a_store_that_cannot_be_read_is_waited_for_no_longer_than_the_war_room_waits(
    phones: dict[str, TestClient], folder: Path, monkeypatch: pytest.MonkeyPatch, address: str, asks_again: bool
) -> None:
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    assert tap(phones["lin"], "request") == 303
    assert phones["zhou"].get(address).status_code == 200
    with held(folder, readable=False):
        began = time.monotonic()
        told = phones["zhou"].get(address)
        assert time.monotonic() - began < 3  # without it: the five seconds of a store, or the half-minute of a log
    assert "is locked: another program keeps writing to it" in told.text
    assert "what was to be written" not in told.text
    assert ('http-equiv="refresh"' in told.text) == asks_again
    assert phones["zhou"].get(address).status_code == 200


def as_role(phone: TestClient, name: str, role: str) -> None:
    phone.post("/me", data={"name": name, "role": role, "form_token": form_token(phone, "/me")})


@pytest.mark.parametrize("readable", [True, False])
def test_a_tap_on_a_locked_store_writes_nothing_keeps_what_was_typed_and_is_made_good_by_one_more_tap(
    phones: dict[str, TestClient], folder: Path, monkeypatch: pytest.MonkeyPatch, *, readable: bool
) -> None:
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    sre, lever = phones["lin"], "scale:storefront:12"
    as_role(sre, "wang", "sre")
    assert tap(sre, "act", "switch:recommend-off") == 303  # there is a store
    form = fields_of(sre.get(f"{ACT}?lever={lever}&lang=en").text)
    typed = form | {"amount": "14", "until": "2026-11-10T23:00", "reason": "storefront is nearly full", "verb": "act"}
    with held(folder, readable=readable):
        began = time.monotonic()
        told = sre.post(f"{ACT}?lang=en", data=typed)
        assert time.monotonic() - began < 5  # without it: half a minute
    assert told.status_code == 503
    assert "Nothing was written yet" in told.text
    assert f"<h1>{form['title']}</h1>" in told.text
    assert 'name="verb" value="act"' in told.text
    assert len(decisions(open_workspace(folder), CAMPAIGN)) == 1
    again = fields_of(told.text)
    assert {key: again[key] for key in ("lever", "amount", "until", "reason")} == {
        "lever": lever,
        "amount": "14",
        "until": "2026-11-10T23:00",
        "reason": "storefront is nearly full",
    }
    for _tap in range(2):
        assert sre.post(ACT, data=again | {"verb": "act"}, follow_redirects=False).status_code == 303
    _, decision = decisions(open_workspace(folder), CAMPAIGN)
    assert (decision.amount, decision.reason) == (14, "storefront is nearly full")


def test_a_tap_while_the_database_does_not_answer_is_told_soon_and_keeps_what_was_typed(
    phones: dict[str, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    form = fields_of(phones["zhou"].get(f"{ACT}?lever={HOLD}&lang=en").text)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        monkeypatch.setenv("SURGEPLAN_STATE", f"postgresql+psycopg://plan@127.0.0.1:{port}/postgres")
        began = time.monotonic()
        told = phones["zhou"].post(f"{ACT}?lang=en", data=form | {"verb": "act", "reason": "no room"})
        page = phones["zhou"].get(f"{ACT}?lever={HOLD}&lang=en")
        assert time.monotonic() - began < 15  # without it: minutes
    assert (told.status_code, page.status_code) == (503, 503)
    assert "Nothing was written yet" in told.text
    assert fields_of(told.text)["reason"] == "no room"
    assert "does not answer" in page.text


def test_two_taps_that_wait_for_the_same_lock_are_one_decision(
    phones: dict[str, TestClient], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 30_000)
    phone, answers = phones["zhou"], list[int]()
    assert tap(phones["lin"], "request") == 303  # there is a store
    taps = [threading.Thread(target=lambda: answers.append(tap(phone, "act"))) for _ in range(2)]
    with held(folder, readable=True):
        for each in taps:
            each.start()
    for each in taps:
        each.join()
    assert answers == [303, 303]
    assert len(decisions(open_workspace(folder), CAMPAIGN)) == 1


def test_what_was_typed_stays_where_an_action_is_refused(phones: dict[str, TestClient]) -> None:
    sre = phones["lin"]
    as_role(sre, "wang", "sre")
    form = fields_of(sre.get(f"{ACT}?lever=scale:storefront:12&lang=en").text)
    told = sre.post(f"{ACT}?lang=en", data=form | {"amount": "many", "reason": "nearly full", "verb": "act"})
    assert told.status_code == 422
    again = fields_of(told.text)
    assert (again["lever"], again["amount"], again["reason"]) == ("scale:storefront:12", "many", "nearly full")
