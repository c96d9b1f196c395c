"""Both sides agree in a browser on what a plan's figures mean."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.workspace import open_workspace
from metrics.approvals import state_of
from metrics.archive import read_archive
from metrics.dictionary import Dictionary, open_dictionary
from tests.warroom.conftest import NOW, form_token
from warroom.service.access import PROXY_HEADER, Door
from warroom.service.run import site_app
from warroom.service.site import Site

PAGE = "/campaigns/d11/definitions"
ROLES = {"lin": "marketing", "zhao": "ops", "wu": "data"}


@pytest.fixture
def folder(folder: Path) -> Path:
    """The plan names two metrics."""
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(plan.read_text("utf-8") + "metrics: [orders, cac]\n", "utf-8")
    return folder


def as_somebody(browser: TestClient, name: str, role: str) -> str:
    browser.post("/me", data={"name": name, "role": role, "form_token": form_token(browser, "/me")})
    return form_token(browser, "/me")


def with_roles(folder: Path, roles: str) -> None:
    settings = folder / "surgeplan.yaml"
    settings.write_text(re.sub(r"roles: .*", f"roles: {{{roles}}}", settings.read_text("utf-8")), "utf-8")


def offered(page: str) -> list[str]:
    return re.findall(r'<button name="agree" value="([^"]+)"', page)


def dictionary(folder: Path) -> Dictionary:
    return open_dictionary(open_workspace(folder))


def test_a_definition_is_read_in_sentences(browser: TestClient) -> None:
    page = browser.get(PAGE).text
    assert "<li>How many different order_id are in orders.</li><li>Only rows where: paid.</li>" in page
    assert "<li>Ad spend divided by New customers.</li>" in page
    assert offered(page) == ["cac@marketing", "orders@marketing"]
    assert "<li>orders 中不同 order_id 的个数。</li>" in browser.get(f"{PAGE}?lang=zh").text


def test_two_people_agree_and_the_item_is_passed(browser: TestClient, folder: Path) -> None:
    for name, role in (("lin", "marketing"), ("zhao", "ops")):
        token = as_somebody(browser, name, role)
        for metric in ("cac", "orders"):
            assert "Recorded." in browser.post(PAGE, data={"form_token": token, "agree": f"{metric}@{role}"}).text
    assert [state_of(name, dictionary(folder)) for name in ("cac", "orders")] == ["agreed", "agreed"]
    assert {one.name for one in read_archive(folder).values()} >= {"cac", "orders"}
    items = {each["id"]: each for each in browser.get("/api/campaigns/d11/checklist").json()["items"]}
    assert items["metrics-agreed"]["state"] == "pass"
    page = browser.get(PAGE).text
    assert offered(page) == []
    assert "marketing: lin 2026-10-20" in page


def test_each_consent_is_a_commit_in_that_persons_name(browser: TestClient, folder: Path) -> None:
    browser.post(PAGE, data={"form_token": as_somebody(browser, "lin", "marketing"), "agree": "cac@marketing"})
    log = subprocess.run(
        ["git", "-C", str(folder), "log", "--format=%an: %s", "--name-only"], capture_output=True, text=True, check=True
    ).stdout
    assert log.split("\n")[0] == "lin: lin agrees on cac"
    assert {"metrics.yaml", "metrics.archive.jsonl"} <= set(log.split())


def test_what_git_refuses_is_logged_and_the_consent_stands(
    browser: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits today >&2\nexit 1\n")
    hook.chmod(0o755)
    token = as_somebody(browser, "lin", "marketing")
    assert "Recorded." in browser.post(PAGE, data={"form_token": token, "agree": "cac@marketing"}).text
    assert "no commits today" in caplog.text
    assert state_of("cac", dictionary(folder)) == "one-sided"


def test_one_person_does_not_agree_for_both_sides(browser: TestClient, folder: Path) -> None:
    with_roles(folder, 'lin: "marketing, ops"')
    token = as_somebody(browser, "lin", "marketing")
    browser.post(PAGE, data={"form_token": token, "agree": "orders@marketing"})
    assert offered(browser.get(PAGE).text) == ["cac@marketing", "cac@ops"]
    answer = browser.post(PAGE, data={"form_token": token, "agree": "orders@ops"})
    assert answer.status_code == 422
    assert state_of("orders", dictionary(folder)) == "one-sided"


def test_whoever_has_no_role_that_may_agree_is_refused(browser: TestClient, folder: Path) -> None:
    token = as_somebody(browser, "chen", "support")
    assert offered(browser.get(PAGE).text) == []
    answer = browser.post(PAGE, data={"form_token": token, "agree": "orders@marketing"})
    assert "chen is not marketing here" in answer.text
    assert browser.post(PAGE, data={"agree": "orders@marketing"}).status_code == 403
    assert not (folder / "metrics.yaml").exists()


def test_a_metric_that_is_not_there_is_refused(browser: TestClient) -> None:
    token = as_somebody(browser, "lin", "marketing")
    answer = browser.post(PAGE, data={"form_token": token, "agree": "ordres@marketing"})
    assert answer.status_code == 422
    assert "orders" in answer.text


def test_two_taps_are_one_consent_and_two_people_at_once_lose_none(folder: Path) -> None:
    site = Site(folder, Door("proxy", "a secret of this test", ROLES), lambda: NOW)
    settings = folder / "surgeplan.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace('wang: "sre, ops"', "wang: ops, zhao: ops, wu: data"), "utf-8"
    )
    with TestClient(site_app(site)) as client:

        def agrees(name: str, metric: str) -> None:
            told = client.post(f"/api{PAGE}", json={"metrics": [metric]}, headers={PROXY_HEADER: name})
            assert told.status_code == 200, told.text

        taps = [("lin", "orders"), ("lin", "orders"), ("zhao", "orders"), ("wu", "cac"), ("lin", "cac")]
        threads = [threading.Thread(target=agrees, args=tap) for tap in taps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = client.get(f"/api{PAGE}", headers={PROXY_HEADER: "lin"}).json()
    assert {each["metric"]: sorted(a["by"] for a in each["approvals"]) for each in told} == {
        "orders": ["lin", "zhao"],
        "cac": ["lin", "wu"],
    }
    assert {each["state"] for each in told} == {"agreed"}


def test_of_several_roles_a_program_names_one(folder: Path) -> None:
    with_roles(folder, 'hong: "marketing, data"')
    site = Site(folder, Door("proxy", "a secret of this test", {"hong": "marketing"}), lambda: NOW)
    with TestClient(site_app(site)) as client:
        unsure = client.post(f"/api{PAGE}", json={"metrics": ["orders"]}, headers={PROXY_HEADER: "hong"})
        told = client.post(f"/api{PAGE}", json={"metrics": ["orders"], "role": "data"}, headers={PROXY_HEADER: "hong"})
    assert unsure.status_code == 422
    assert "has no one role that may agree" in unsure.json()["detail"]
    orders = next(each for each in told.json() if each["metric"] == "orders")
    assert [(a["by"], a["role"]) for a in orders["approvals"]] == [("hong", "data")]


def test_a_plan_without_metrics_says_what_to_do(browser: TestClient, folder: Path) -> None:
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(plan.read_text("utf-8").replace("metrics: [orders, cac]\n", ""), "utf-8")
    assert "The plan names no metric yet" in browser.get(PAGE).text


def test_the_item_leads_to_the_definitions(browser: TestClient) -> None:
    assert f'href="{PAGE}"' in browser.get("/campaigns/d11/checklist/metrics-agreed").text
