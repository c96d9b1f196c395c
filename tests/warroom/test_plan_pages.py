"""The marketers' door as a browser sees it."""

from __future__ import annotations

import signal
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.pages import unbroken
from tests.warroom.conftest import PLAN, fields_of
from warroom.plans.revisions import catch_up, commit

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout


def test_campaigns_to_come_say_what_their_plans_owe(browser: TestClient) -> None:
    page = browser.get("/").text
    assert "d11" in page
    assert "in 21 days" in page
    assert "the offers that customers will ask about" in page


def test_a_submission_is_saved_with_its_comments_and_committed_in_the_senders_name(
    browser: TestClient, folder: Path
) -> None:
    sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "90万", "action": "save"}
    answer = browser.post("/campaigns/d11", data=sent)
    assert "Saved and submitted" in answer.text
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN.replace("1800000", "900000")
    assert git(folder, "log", "--format=%an|%s").strip() == (
        "lin|d11: app-push 11-10 19:55, People reached: 1.8 M → 900,000"
    )


def test_every_problem_stands_beside_its_field_and_nothing_is_written(browser: TestClient, folder: Path) -> None:
    wrong = {"sends-0-reach": "many", "sends-0-open_ratio": "4", "ends_at": "2026-11-09T00:00", "action": "save"}
    answer = browser.post("/campaigns/d11", data=fields_of(browser.get("/campaigns/d11").text) | wrong)
    assert answer.status_code == 422
    assert 'id="sends-0-reach-wrong">many is not a number' in answer.text
    assert 'id="sends-0-open_ratio-wrong">4 must be ≤ 1' in answer.text
    right = {"sends-0-reach": "5", "sends-0-open_ratio": "4%", "ends_at": "2026-11-09T00:00", "action": "save"}
    answer = browser.post("/campaigns/d11", data=fields_of(answer.text) | right)
    assert 'id="ends_at-wrong">the end, 2026-11-09 00:00, is not after the start, 2026-11-10 20:00: swap' in answer.text
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_an_impossible_window_is_said_at_once_beside_what_else_is_wrong(browser: TestClient, folder: Path) -> None:
    page = browser.get("/campaigns/new/plan", params={"id": "d12", "starts_at": "2026-12-11T20:00"}).text
    sent = fields_of(page) | {"ends_at": "2026-12-11T08:00", "action": "save"}
    saved = browser.post("/campaigns/d12", data=sent).text
    assert 'id="kind-wrong">fill this in' in saved
    assert 'id="ends_at-wrong">the end, 2026-12-11 08:00, is not after the start, 2026-12-11 20:00' in saved
    more = browser.post("/campaigns/d12", data=sent | {"action": "more-moments"}).text
    assert 'id="ends_at-wrong">the end, ' in more
    assert "fill this in" not in more
    assert not (folder / "campaigns" / "d12.yaml").exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the end, 2026-11-10 08:00, is not after the start, 2026-11-10 20:00: swap them, or correct the date"),
        ("zh", "结束时间 2026-11-10 08:00 不晚于开始时间 2026-11-10 20:00：请对调两者，或改正日期"),
    ],
)
def test_the_script_is_told_what_is_wrong_with_the_fields_that_say_something(
    browser: TestClient, folder: Path, language: str, words: str
) -> None:
    sent = fields_of(browser.get("/campaigns/d11").text) | {"ends_at": "2026-11-10T08:00", "kind": ""}
    sent |= {"slots-0-starts_at": "", "slots-3-channel": "live", "slots-3-starts_at": "2026-11-10T23:00"}
    sent |= {"slots-3-ends_at": "2026-11-10T22:00", "slots-3-expected_viewers": "many"}
    told = browser.post(f"/campaigns/d11/problems?lang={language}", data=sent).json()
    assert told.pop("ends_at") == words
    assert set(told) == {"slots-3-ends_at", "slots-3-expected_viewers"}  # as the page calls them; nothing of `kind`
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_of_two_editors_the_second_sees_both_versions_and_may_save_again(browser: TestClient, folder: Path) -> None:
    mine = fields_of(browser.get("/campaigns/d11").text) | {"name": "mine", "action": "save"}
    theirs = PLAN.replace("reach: 1800000", "reach: 7")
    (folder / "campaigns" / "d11.yaml").write_text(theirs, "utf-8")
    answer = browser.post("/campaigns/d11", data=mine)
    assert answer.status_code == 409
    assert "Nothing of yours is lost" in answer.text
    assert 'value="mine"' in answer.text
    assert "reach: 7" in answer.text
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == theirs
    again = browser.post("/campaigns/d11", data=fields_of(answer.text) | {"action": "save"})
    assert again.status_code == 200
    assert "name: mine" in (folder / "campaigns" / "d11.yaml").read_text("utf-8")


def test_a_new_campaign_begins_as_a_copy_of_an_old_one(browser: TestClient, folder: Path) -> None:
    draft = browser.get("/campaigns/new/plan", params={"id": "d12", "starts_at": "2026-12-11T20:00", "copy": "d11"})
    assert not (folder / "campaigns" / "d12.yaml").exists()
    answer = browser.post("/campaigns/d12", data=fields_of(draft.text) | {"action": "save"})
    assert "Saved and submitted" in answer.text
    written = (folder / "campaigns" / "d12.yaml").read_text("utf-8")
    assert "2026-12-11T19:55" in written
    assert "d12" in browser.get("/").text


def test_plans_to_copy_are_told_apart_by_their_day(browser: TestClient) -> None:
    assert "d11 · 2026-11-10</option>" in browser.get("/campaigns/new").text


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"id": "d11", "starts_at": "2026-12-11T20:00"}, "d11 is the id of another campaign"),
        ({"id": "双12", "starts_at": "2026-12-11T20:00"}, "双12 is not a short name"),
        ({"id": "d12", "starts_at": "11.11"}, "11.11 is not a time: write it as 2026-11-10 20:00"),
        ({"id": "d12", "starts_at": ""}, "- is not a time"),
    ],
)
def test_what_no_plan_can_begin_with_is_said_where_it_was_typed(
    browser: TestClient, given: dict[str, str], why: str
) -> None:
    page = browser.get("/campaigns/new/plan", params={**given, "copy": "d11"})
    assert page.status_code == 422
    assert why in page.text
    assert {**given, "copy": "d11"}.items() <= fields_of(page.text).items()


def test_back_from_a_new_plan_that_was_saved_leads_to_it(browser: TestClient) -> None:
    page = browser.get("/campaigns/new/plan", params={"id": "d11", "starts_at": "2026-11-10T20:00"})
    assert '<a href="/campaigns/d11">Open it</a>' in page.text


def test_a_send_of_last_year_is_refused_at_its_field(browser: TestClient, folder: Path) -> None:
    page = browser.get("/campaigns/d11").text
    answer = browser.post("/campaigns/d11", data=fields_of(page) | {"sends-0-at": "2025-11-10T19:55", "action": "save"})
    assert answer.status_code == 422
    assert "2025-11-10 19:55 is more than 60 days from the campaign: it runs from 2026-11-10 20:00" in answer.text
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_what_is_hardly_meant_is_asked_and_saved_all_the_same(browser: TestClient, folder: Path) -> None:
    other = PLAN.replace("d11", "d10").replace("1800000", "900000").replace("2026-11-1", "2026-10-1")
    (folder / "campaigns" / "d10.yaml").write_text(other, "utf-8")
    page = browser.get("/campaigns/d11").text
    assert "Is this meant?" not in page
    slips = {"sends-0-at": "2026-11-11T03:00", "sends-0-reach": "1,800万", "action": "preview"}
    asked = browser.post("/campaigns/d11", data=fields_of(page) | slips).text
    assert "app-push is sent at 2026-11-11 03:00, in the small hours: is the hour right?" in unescape(asked)
    assert unbroken("app-push, People reached: 18 M is 20 times the most of any other plan, 900,000") in asked
    assert "Saved and submitted" in browser.post("/campaigns/d11", data=fields_of(asked) | {"action": "save"}).text


def test_programs_are_asked_what_is_hardly_meant_too(browser: TestClient) -> None:
    content = browser.get("/api/campaigns/d11").json()["content"]
    content["channels"][0]["sends"][0]["at"] = "2026-11-12T20:00+08:00"
    told = browser.post("/api/campaigns/d11/preview", json=content).json()
    assert told["doubts"] == ["app-push is sent at 2026-11-12 20:00, after the end: is the day right?"]


def test_more_rows_are_given_without_a_script_and_without_saving(browser: TestClient, folder: Path) -> None:
    page = browser.get("/campaigns/d11").text
    assert "moments-1-at" in page
    assert "moments-2-at" not in page
    more = browser.post("/campaigns/d11", data=fields_of(page) | {"action": "more-moments", "name": "typed"}).text
    assert "moments-5-at" in more
    assert 'value="typed"' in more
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_markup_in_a_name_stays_text(browser: TestClient) -> None:
    sent = fields_of(browser.get("/campaigns/d11").text) | {"name": "<script>alert(1)</script>", "action": "save"}
    assert browser.post("/campaigns/d11", data=sent).status_code == 200
    for page in ("/", "/campaigns/d11", "/campaigns/d11/revisions", "/campaigns/d11/checklist"):
        assert "<script>alert" not in browser.get(page).text


def test_revisions_tell_differences_in_words(browser: TestClient) -> None:
    for reach in ("5万", "6万"):
        sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": reach, "action": "save"}
        browser.post("/campaigns/d11", data=sent)
    assert "People reached: 50,000 → 60,000" in browser.get("/campaigns/d11/revisions").text


def test_a_remote_that_refuses_is_told_and_the_submission_stays(browser: TestClient, folder: Path) -> None:
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "origin", str(folder / "no-such-remote"))
    sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "5", "action": "save"}
    page = browser.post("/campaigns/d11", data=sent).text
    assert "origin did not take the submission" in page
    assert "reach: 5" in git(folder, "show", "HEAD:campaigns/d11.yaml")


@pytest.mark.parametrize(
    ("name", "mail"),
    [("王芳", "王芳"), ("欧阳 Lin", "欧阳-Lin"), ("Zoë D'Arc", "Zoë-D-Arc"), ("ｌｉｎ", "lin"), ("<!>", "somebody")],
)
def test_a_submitters_address_can_be_read_in_any_script(folder: Path, name: str, mail: str) -> None:
    commit(folder, [folder / "campaigns" / "d11.yaml"], name, "d11: submitted", "")
    assert git(folder, "log", "-1", "--format=%ae|%ce").strip() == f"{mail}@surgeplan.invalid|{mail}@surgeplan.invalid"


def test_after_d3_a_change_needs_its_reason(browser: TestClient, folder: Path) -> None:
    (folder / "out" / "d11" / "frozen" / "abc").mkdir(parents=True)
    sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "5", "action": "save"}
    assert "others have planned with this plan" in browser.post("/campaigns/d11", data=sent).text
    browser.post("/campaigns/d11", data=sent | {"reason": "the supplier has fewer coupons"})
    assert "the supplier has fewer coupons" in git(folder, "log", "--format=%b")


def test_what_the_form_carries_unseen_may_be_broken_and_the_plan_keeps_it(browser: TestClient, folder: Path) -> None:
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(plan.read_text("utf-8") + "metrics: [orders]\n", "utf-8")
    sent = fields_of(browser.get("/campaigns/d11").text)
    for rest in ("", "1e308", "[1]", "{", '"x"'):
        answer = browser.post("/campaigns/d11", data=sent | {"rest": rest, "action": "preview"})
        assert answer.status_code == 200, rest
    again = browser.post("/campaigns/d11", data=sent | {"rest": "[1]", "name": "night", "action": "save"})
    assert "Saved and submitted" in again.text
    assert "metrics: [orders]" in plan.read_text("utf-8")


def test_a_plan_saved_before_a_restart_is_committed_at_the_next_start(browser: TestClient, folder: Path) -> None:
    sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "5", "action": "save"}
    browser.post("/campaigns/d11", data=sent)
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(plan.read_text("utf-8").replace("reach: 5", "reach: 6"), "utf-8")
    assert catch_up(folder) == ("d11.yaml",)
    assert catch_up(folder) == ()
    assert git(folder, "log", "-1", "--format=%an|%s").strip() == "surgeplan|d11: saved before a restart"


KILLED_BEFORE_ITS_COMMIT = """
import os, signal, sys
from pathlib import Path
from fastapi.testclient import TestClient
from tests.warroom.conftest import NOW, fields_of, form_token
from warroom.plans import revisions
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site
revisions.commit = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
site = Site(Path(sys.argv[1]), Door("local", "a secret of this test", {}), lambda: NOW)
with TestClient(site_app(site)) as browser:
    browser.post("/me", data={"name": "lin", "role": "marketing", "form_token": form_token(browser, "/me")})
    sent = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "6", "action": "save"}
    browser.post("/campaigns/d11", data=sent)
"""


@pytest.mark.slow
def test_a_service_killed_between_write_and_commit_loses_nothing(browser: TestClient, folder: Path) -> None:
    browser.post("/campaigns/d11", data=fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "5"})
    before = git(folder, "rev-list", "--count", "HEAD").strip()
    ended = subprocess.run([sys.executable, "-c", KILLED_BEFORE_ITS_COMMIT, str(folder)], cwd=ROOT, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert git(folder, "rev-list", "--count", "HEAD").strip() == before
    assert "reach: 6" in (folder / "campaigns" / "d11.yaml").read_text("utf-8")
    assert catch_up(folder) == ("d11.yaml",)
    assert "reach: 6" in git(folder, "show", "HEAD:campaigns/d11.yaml")
    again = fields_of(browser.get("/campaigns/d11").text) | {"sends-0-reach": "7", "action": "save"}
    assert "Saved and submitted" in browser.post("/campaigns/d11", data=again).text
