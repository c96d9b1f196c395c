"""A gate on a phone: what holds it shut, a role's signature; and the hand-over at D-3."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.testclient import TestClient

from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from tests.warroom.conftest import NOW, form_token, held
from tests.warroom.live_event import model_files, paths_of
from warroom.service.access import PROXY_HEADER, Door
from warroom.service.run import site_app
from warroom.service.site import Site

GATE, FREEZING = "/campaigns/d11/gates/G0", "/campaigns/d11/checklist/plan-frozen"
UNTIL = "2026-11-12T00:00"


def as_somebody(browser: TestClient, name: str, role: str) -> str:
    browser.post("/me", data={"name": name, "role": role, "form_token": form_token(browser, "/me")})
    return form_token(browser, "/me")


def waived(browser: TestClient, *items: str, by: str = "zhou") -> None:
    """The commander lets items go, so that a gate has nothing left but its signatures."""
    token = as_somebody(browser, by, "commander")
    for item in items:
        sent = {"form_token": token, "action": "waive", "reason": "as in May", "until": UNTIL}
        assert "Recorded." in browser.post(f"/campaigns/d11/checklist/{item}", data=sent).text


def roles_offered(page: str) -> list[str]:
    return re.findall(r'<button name="role" value="([^"]+)"', page)


def test_a_gate_says_what_is_missing_and_who_has_not_signed(browser: TestClient) -> None:
    page = browser.get(GATE).text
    assert "G0 Intake" in page
    assert "items missing" in page
    for item in missing(browser, "G0"):
        assert f'href="/campaigns/d11/checklist/{item}"' in page
    assert re.findall(r'badge pending">(\w+)</span> (\w+)', page) == [("missing", "marketing"), ("missing", "SRE")]


def test_a_marketer_signs_a_gate_with_one_tap(browser: TestClient, folder: Path) -> None:
    waived(browser, *missing(browser, "G0"))
    token = as_somebody(browser, "lin", "marketing")
    assert roles_offered(browser.get(GATE).text) == ["marketing"]
    answer = browser.post(GATE, data={"form_token": token, "role": "marketing"})
    assert "Recorded." in answer.text
    assert "signed by lin" in answer.text
    assert roles_offered(answer.text) == []
    event = workspace_log(open_workspace(folder)).events()[-1]
    assert (event.kind, event.subject, event.actor, event.role) == ("sign", "G0", "lin", "marketing")


def missing(browser: TestClient, gate: str) -> list[str]:
    found = browser.get(f"/api/campaigns/d11/gates/{gate}").json()["missing"]
    assert isinstance(found, list)
    return found


def test_a_gate_is_open_once_all_have_signed(browser: TestClient) -> None:
    waived(browser, *missing(browser, "G0"))
    for name, role in (("lin", "marketing"), ("wang", "sre")):
        browser.post(GATE, data={"form_token": as_somebody(browser, name, role), "role": role})
    assert "gate open" in browser.get(GATE).text
    assert browser.get("/api/campaigns/d11/gates/G0").json()["open"] is True
    assert "marketing: signed by lin · SRE: signed by wang" in browser.get("/campaigns/d11/checklist").text


def test_whoever_owes_an_item_is_told_so_instead_of_signing(browser: TestClient, folder: Path) -> None:
    token = as_somebody(browser, "wang", "sre")
    page = browser.get("/campaigns/d11/gates/G1").text
    assert roles_offered(page) == []
    assert "SRE can sign once its own items below are done or waived." in page
    answer = browser.post("/campaigns/d11/gates/G1", data={"form_token": token, "role": "sre"})
    assert answer.status_code == 422
    assert "sre still owes " in answer.text
    assert "--" not in re.sub(r"<style>.*?</style>", "", answer.text, flags=re.S)
    assert workspace_log(open_workspace(folder)).events() == []


def test_who_did_an_item_cannot_sign_its_gate(browser: TestClient) -> None:
    waived(browser, *missing(browser, "G1"), by="wang")
    answer = browser.post(
        "/campaigns/d11/gates/G1", data={"form_token": as_somebody(browser, "wang", "sre"), "role": "sre"}
    )
    assert answer.status_code == 422
    assert "four eyes: wang did " in answer.text


def test_whoever_is_not_asked_is_offered_no_button(browser: TestClient) -> None:
    assert roles_offered(browser.get("/campaigns/d11/gates/G1").text) == []
    token = as_somebody(browser, "wu", "support")
    answer = browser.post(GATE, data={"form_token": token, "role": "support"})
    assert "G0 does not ask wu for a signature" in answer.text


def test_there_is_no_gate_of_another_name(browser: TestClient) -> None:
    assert browser.get("/campaigns/d11/gates/G9").status_code == 404
    assert (
        browser.post("/campaigns/d11/gates/x", data={"form_token": as_somebody(browser, "l", "sre")}).status_code == 404
    )


def test_a_viewer_and_another_site_sign_nothing(browser: TestClient, folder: Path) -> None:
    assert browser.post(GATE, data={"role": "marketing"}).status_code == 403
    token = as_somebody(browser, "guest", "viewer")
    assert browser.post(GATE, data={"form_token": token, "role": "marketing"}).status_code == 403
    assert workspace_log(open_workspace(folder)).events() == []


def test_a_locked_log_takes_no_signature_and_the_page_says_so(browser: TestClient, folder: Path) -> None:
    waived(browser, *missing(browser, "G0"))
    token = as_somebody(browser, "lin", "marketing")
    with held(folder, readable=True):
        answer = browser.post(GATE, data={"form_token": token, "role": "marketing"})
    assert answer.status_code == 503
    assert "Nothing was written yet" in answer.text
    assert roles_offered(answer.text) == ["marketing"]


def test_a_program_signs_for_one_of_several_roles(folder: Path) -> None:
    roles = {"wang": "sre", "zhou": "commander"}
    site = Site(folder, Door("proxy", "a secret of this test", roles), lambda: NOW)
    with TestClient(site_app(site)) as client:
        for item in client.get("/api/campaigns/d11/gates/G2", headers={PROXY_HEADER: "wang"}).json()["missing"]:
            given = {"action": "waive", "reason": "as in May", "until": UNTIL}
            path = f"/api/campaigns/d11/checklist/{item}"
            assert client.post(path, json=given, headers={PROXY_HEADER: "zhou"}).status_code == 200
        path = "/api/campaigns/d11/gates/G2"
        unsure = client.post(path, json={}, headers={PROXY_HEADER: "wang"})
        signed = client.post(path, json={"role": "ops"}, headers={PROXY_HEADER: "wang"}).json()
    assert "wang could sign as sre, ops" in unsure.json()["detail"]
    assert {each["role"]: each["by"] for each in signed["signatures"]} == {"sre": None, "ops": "wang"}


def test_plan_and_model_are_handed_over_on_the_page_and_the_message_is_there_to_post(
    browser: TestClient, folder: Path
) -> None:
    model_files(folder, paths_of())
    token = as_somebody(browser, "lin", "marketing")
    page = browser.get(FREEZING).text
    assert re.findall(r'name="action" value="([^"]+)"', page) == ["freeze", "waive"]
    answer = browser.post(FREEZING, data={"form_token": token, "action": "freeze"})
    assert "Recorded." in answer.text
    assert "[D-3 hand-over] d11" in answer.text
    (bundle,) = (folder / "out" / "d11" / "frozen").iterdir()
    assert f"Bundle {bundle.name}" in answer.text
    assert "【D-3 交接】d11" in browser.get(f"{FREEZING}?lang=zh").text


def test_a_second_tap_freezes_nothing_new(site: Site, browser: TestClient, folder: Path) -> None:
    model_files(folder, paths_of())
    token = as_somebody(browser, "lin", "marketing")
    for _tap in range(2):
        assert "Recorded." in browser.post(FREEZING, data={"form_token": token, "action": "freeze"}).text
    assert [event.kind for event in workspace_log(open_workspace(folder)).events()] == ["freeze"]


def test_without_a_forecast_there_is_nothing_to_hand_over(browser: TestClient, folder: Path) -> None:
    answer = browser.post(FREEZING, data={"form_token": as_somebody(browser, "lin", "marketing"), "action": "freeze"})
    assert answer.status_code == 422
    assert "then freeze again" in answer.text
    assert not (folder / "out" / "d11" / "frozen").exists()
    assert workspace_log(open_workspace(folder)).events() == []


def test_a_message_that_is_out_of_date_is_not_offered(browser: TestClient, folder: Path) -> None:
    model_files(folder, paths_of())
    token = as_somebody(browser, "lin", "marketing")
    browser.post(FREEZING, data={"form_token": token, "action": "freeze"})
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(plan.read_text("utf-8").replace("T20:00:00", "T21:00:00"), "utf-8")
    page = browser.get(FREEZING).text
    assert "[D-3 hand-over]" not in page
    assert 'value="freeze"' in page


def test_what_is_refused_on_a_frozen_plan_keeps_its_message(browser: TestClient, folder: Path) -> None:
    model_files(folder, paths_of())
    token = as_somebody(browser, "lin", "marketing")
    browser.post(FREEZING, data={"form_token": token, "action": "freeze"})
    for action in ("sign", "waive", "x"):
        refused = browser.post(FREEZING, data={"form_token": token, "action": action})
        assert refused.status_code == 422, action
        assert "[D-3 hand-over]" in refused.text
