"""Checklist and support pages: attach, sign, waive; files down and back."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.store.database import STORE
from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from tests.warroom.conftest import fields_of, form_token, held
from warroom.service.memory import Memory
from warroom.service.run import site_app
from warroom.service.site import Site

ITEM = "/campaigns/d11/checklist/third-parties-told"


def as_sre(browser: TestClient) -> str:
    browser.post("/me", data={"name": "wang", "role": "sre", "form_token": form_token(browser, "/me")})
    return form_token(browser, ITEM)


def test_an_item_is_signed_with_a_photo_in_two_taps(browser: TestClient, folder: Path) -> None:
    token = as_sre(browser)
    photo = {"file": ("确认 函.png", b"\x89PNG....")}
    answer = browser.post(ITEM, data={"form_token": token, "note": "told", "action": "sign"}, files=photo)
    assert "Recorded." in answer.text
    assert "passed" in answer.text
    event = workspace_log(open_workspace(folder)).events()[-1]
    assert (event.actor, event.subject) == ("wang", "third-parties-told")
    kept = list((folder / "evidence" / "d11").iterdir())
    assert [path.name.split("-")[0] for path in kept] == ["确认"]
    assert kept[0].read_bytes() == b"\x89PNG...."


def test_a_signature_without_words_shows_what_was_attached(browser: TestClient) -> None:
    photo = {"file": ("night.png", b"\x89PNG....")}
    answer = browser.post(ITEM, data={"form_token": as_sre(browser), "note": "", "action": "sign"}, files=photo)
    assert re.search(r"wang: night-[0-9a-f]{12}\.png", answer.text)


def test_a_waiver_without_a_reason_is_refused_on_the_page(browser: TestClient, folder: Path) -> None:
    token = as_sre(browser)
    answer = browser.post(ITEM, data={"form_token": token, "action": "waive", "until": "2026-10-25T10:00"})
    assert answer.status_code == 422
    assert workspace_log(open_workspace(folder)).events() == []


def test_what_was_typed_stays_where_a_waiver_is_refused(browser: TestClient) -> None:
    sent = {"form_token": form_token(browser, ITEM), "reason": "no vendor", "until": "soon", "action": "waive"}
    page = browser.post(ITEM, data=sent).text
    assert 'value="no vendor"' in page
    assert "<details open>" in page
    assert "--" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)


def test_a_program_is_no_evidence(browser: TestClient, folder: Path) -> None:
    token = as_sre(browser)
    answer = browser.post(
        ITEM, data={"form_token": token, "note": "x", "action": "sign"}, files={"file": ("../../run.sh", b"rm")}
    )
    assert answer.status_code == 422
    assert "run.sh is not a kind of file that is kept" in answer.text
    assert not (folder / "evidence").exists()


def test_a_role_that_owns_nothing_there_is_refused(browser: TestClient) -> None:
    browser.post("/me", data={"name": "guest", "role": "viewer", "form_token": form_token(browser, "/me")})
    answer = browser.post(ITEM, data={"form_token": form_token(browser, ITEM), "note": "x", "action": "sign"})
    assert answer.status_code == 403


def test_the_checklist_shows_one_owners_items(browser: TestClient) -> None:
    mine = browser.get("/campaigns/d11/checklist", params={"owner": "marketing"}).text
    assert "/campaigns/d11/checklist/compliance-cleared" in mine
    assert "/campaigns/d11/checklist/third-parties-told" not in mine


def test_what_is_overdue_is_red_in_the_list_and_on_its_own_page(browser: TestClient) -> None:
    red = '<span class="badge fail">overdue</span>'
    for path in ("/campaigns/d11/checklist?lang=en", "/campaigns/d11/checklist/metrics-agreed?lang=en"):
        page = browser.get(path).text
        assert red in page
        assert '<span class="badge pending">overdue' not in page
    assert re.search(
        r"<h2><a [^>]*>G1 .*\d of \d left</small></h2>", browser.get("/campaigns/d11/checklist?lang=en").text
    )


def test_support_hears_that_there_is_no_plan_yet(browser: TestClient) -> None:
    page = browser.get("/campaigns/d11/support")
    assert page.status_code == 200
    assert "There is no staffing plan yet" in page.text


def test_replay_results_are_kept_where_the_gate_reads_them(browser: TestClient, folder: Path) -> None:
    token = form_token(browser, "/campaigns/d11/support")
    table = b"offer,question,passed\ncut,how,yes\ncut,when,no\n"
    path = "/campaigns/d11/support/bot-replay"
    answer = browser.post(path, data={"form_token": token}, files={"file": ("r.csv", table)})
    assert "bot, cut: 1 of 2 questions answered rightly" in answer.text
    assert (folder / "evidence" / "d11" / "bot_replay.csv").read_bytes() == table
    wrong = browser.post(path, data={"form_token": token}, files={"file": ("r.csv", b"a,b\n1,2\n")})
    assert wrong.status_code == 422
    assert (folder / "evidence" / "d11" / "bot_replay.csv").read_bytes() == table


CONTACTS = "日期,小时,技能组,会话量\n2026-10-18,20,chat,120\n2026-10-18,21,chat,1300\n"


def test_a_contact_export_is_added_to_history_once(browser: TestClient, folder: Path) -> None:
    token = form_token(browser, "/campaigns/d11/support")

    def bring(text: str) -> str:
        file = {"file": ("会话报表.csv", text.encode("gb18030"))}
        return browser.post("/campaigns/d11/support/contacts", data={"form_token": token}, files=file).text

    assert "2 intervals are new and kept, 0 were known." in bring(CONTACTS)
    kept = (folder / "history" / "contacts-brought.csv").read_text("utf-8")
    assert "2026-10-18T12:00Z,chat,,120" in kept
    told = bring(CONTACTS.replace("1300", "1400"))
    assert "0 intervals are new and kept, 2 were known." in told
    assert "1 differ from what history has" in told
    assert (folder / "history" / "contacts-brought.csv").read_text("utf-8") == kept


def test_a_table_without_contacts_is_refused(browser: TestClient, folder: Path) -> None:
    token = form_token(browser, "/campaigns/d11/support")
    file = {"file": ("x.csv", b"a,b\n1,2\n")}
    answer = browser.post("/campaigns/d11/support/contacts", data={"form_token": token}, files=file)
    assert answer.status_code == 422
    assert "x.csv: holds no contacts" in answer.text
    assert not (folder / "history").exists()


def test_a_page_that_says_nothing_new_is_not_sent_again(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    token, path = as_sre(browser), "/campaigns/d11/checklist"
    first = browser.get(path)
    known = {"if-none-match": first.headers["etag"]}
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)  # tokens carry the time at which they were made
    again = browser.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert browser.get(path, headers=known | {"cookie": "surgeplan_browser=another"}).status_code == 200
    assert browser.get(f"{path}?lang=zh", headers=known).status_code == 200
    browser.post(ITEM, data={"form_token": token, "note": "told", "action": "sign"})
    assert browser.get(path, headers=known).status_code == 200


@pytest.mark.parametrize("seen_before", [True, False])
@pytest.mark.parametrize("readable", [True, False])
def test_a_signature_on_a_locked_store_keeps_what_was_typed_and_attached(
    browser: TestClient, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, *, readable: bool, seen_before: bool
) -> None:
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    form = {"form_token": as_sre(browser), "title": "Third parties", "note": "told all of them", "action": "sign"}
    browser.post(ITEM, data=form | {"note": "not all", "action": "fail"})
    phone = browser if seen_before else TestClient(site_app(replace(site, memory=Memory())), cookies=browser.cookies)
    with held(folder, readable=readable):
        began = time.monotonic()
        told = phone.post(f"{ITEM}?lang=en", data=form, files={"file": ("night.png", b"\x89PNG....")})
        assert time.monotonic() - began < 5  # without it: half a minute
    assert told.status_code == 503
    assert "Nothing was written yet" in told.text
    assert len(workspace_log(open_workspace(folder)).events()) == 1
    again = fields_of(told.text)
    assert again["note"] == "told all of them"
    for _tap in range(2):
        assert "Recorded." in phone.post(f"{ITEM}?lang=en", data=again | {"action": "sign"}).text
    _, event = workspace_log(open_workspace(folder)).events()
    assert (event.body["verdict"], event.body["note"]) == ("pass", "told all of them")
    assert [Path(path).name[:6] for path in event.body["attachments"]] == ["night-"]


def test_a_checklist_whose_log_is_locked_stands_as_it_was_and_says_so(
    browser: TestClient, site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warroom.service.protection.PATIENCE_MS", 20)
    path = "/campaigns/d11/checklist?lang=en"
    browser.post(ITEM, data={"form_token": as_sre(browser), "note": "told", "action": "sign"})
    assert browser.get(path).status_code == 200
    started_now = TestClient(site_app(replace(site, memory=Memory())), cookies=browser.cookies)
    with held(folder, readable=False):
        os.utime(folder / STORE)  # as after an act of somebody else
        site.memory.doubt("d11")
        page, item = browser.get(path), browser.get(f"{ITEM}?lang=en")
        never = started_now.get(path)
    for told in (page, item):
        assert told.status_code == 200
        assert "newer cannot be read: state/surgeplan.db: is locked" in told.text
    assert ITEM in page.text
    assert never.status_code == 503
    assert 'http-equiv="refresh"' in never.text
    assert "newer cannot be read" not in browser.get(path).text


DECIDED = "/campaigns/d11/checklist/go-no-go"


def as_commander(browser: TestClient) -> str:
    browser.post("/me", data={"name": "zhou", "role": "commander", "form_token": form_token(browser, "/me")})
    return form_token(browser, DECIDED)


def test_the_commander_decides_on_the_page_and_nothing_else_is_offered_there(browser: TestClient, folder: Path) -> None:
    token = as_commander(browser)
    page = browser.get(DECIDED).text
    assert re.findall(r'name="action" value="([^"]+)"', page) == ["go", "no-go", "go-with-limits"]
    answer = browser.post(DECIDED, data={"form_token": token, "action": "no-go"})
    assert "Recorded." in answer.text
    assert "NO-GO by zhou" in answer.text
    assert workspace_log(open_workspace(folder)).events()[-1].body["verdict"] == "no-go"


def test_go_is_refused_with_all_that_is_missing(browser: TestClient, folder: Path) -> None:
    answer = browser.post(DECIDED, data={"form_token": as_commander(browser), "action": "go"})
    assert answer.status_code == 422
    assert "third-parties-told is" in answer.text
    assert "marketing has not signed" in answer.text
    assert workspace_log(open_workspace(folder)).events() == []


def test_caps_are_read_as_people_write_them_and_stay_where_they_are_refused(browser: TestClient) -> None:
    sent = {"form_token": as_commander(browser), "action": "go-with-limits", "push_per_second": "lots"}
    page = browser.post(DECIDED, data=sent).text
    assert "lots is not a number" in page
    assert 'value="lots"' in page
    missing = browser.post(DECIDED, data=sent | {"push_per_second": "0.5万"}).text
    assert "is not a number" not in missing
    assert "marketing has not signed" in missing


def test_who_is_no_commander_does_not_decide(browser: TestClient, folder: Path) -> None:
    answer = browser.post(DECIDED, data={"form_token": as_sre(browser), "action": "no-go"})
    assert "the commander decides; wang is not" in answer.text
    assert workspace_log(open_workspace(folder)).events() == []


def test_an_item_that_its_evidence_decides_offers_no_signature(browser: TestClient) -> None:
    page = browser.get("/campaigns/d11/checklist/plan-submitted").text
    assert "The evidence decides this item, no signature does." in page
    assert re.findall(r'name="action" value="([^"]+)"', page) == ["waive"]
