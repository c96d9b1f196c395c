"""The war room on two phones, one Chinese, one English, while figures come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pictures import faint
from tests.warroom.live_event import CAMPAIGN
from tests.warroom.phones import chromium, is_as_wide_as_a_phone, phone, serving
from tests.warroom.test_live_page import settled, synced
from warroom.live.page.blocks import DESKS

__all__ = ["chromium"]
pytestmark = pytest.mark.slow
LATE = timedelta(minutes=9)
NOW = "2026-11-10T22:10+08:00"


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An event whose first hour went as forecast."""
    folder = tmp_path_factory.mktemp("event")
    settled(folder)
    synced(folder, 1)
    return folder


@pytest.fixture(scope="module")
def address(event: Path) -> Iterator[str]:
    with serving(event, NOW) as address:
        yield address


def test_no_view_is_wider_than_a_phone_and_a_browser_complains_about_nothing(address: str, chromium: Browser) -> None:
    for language in ("zh", "en"):
        page = phone(chromium, address, "lin", language)
        faults: list[str] = []
        page.on("console", lambda told, faults=faults: faults.append(told.text) if told.type == "error" else None)
        for desk in ("", *DESKS):
            page.goto(f"{address}/live/{CAMPAIGN}?desk={desk}")
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert is_as_wide_as_a_phone(page), (language, desk)
        assert faint(page) == []
        assert faults == []


def test_it_says_everything_without_scripts_and_asks_again_by_itself(address: str, chromium: Browser) -> None:
    page = phone(chromium, address, "lin", "en", scripts=False)
    page.goto(f"{address}/live/{CAMPAIGN}")
    assert page.inner_text(".call") == "GO"
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    assert page.locator("svg").count() == 2


def test_both_phones_see_an_alert_without_loading_again_and_what_was_opened_stays_open(
    address: str, chromium: Browser, event: Path
) -> None:
    lin, amy = phone(chromium, address, "林晓", "zh"), phone(chromium, address, "Amy", "en", role="sre")
    for page in (lin, amy):
        page.goto(f"{address}/live/{CAMPAIGN}")
        assert page.inner_text(".call") == "GO"
        page.locator("#definitions summary").click()
        page.evaluate("window.untouched = true")
    synced(event, 2, factor=5.0)
    for page in (lin, amy):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_selector(".call.act", timeout=40_000)
        assert page.evaluate("window.untouched")
        assert page.locator("#definitions details").get_attribute("open") is not None
    assert "距触顶时间" in lin.inner_text("#capacity")
    assert "storefront: demand reaches its capacity" in amy.inner_text("#alerts")


def test_a_phone_says_when_the_service_does_not_answer_any_more(event: Path, chromium: Browser) -> None:
    with serving(event, NOW) as address:
        page = phone(chromium, address, "lin", "en")
        page.clock.install()
        page.goto(f"{address}/live/{CAMPAIGN}")
        assert not page.is_visible("#offline")
    page.clock.run_for(61_000)
    page.wait_for_selector("#offline:visible")
    assert "not being kept up to date" in page.inner_text("#offline")


@pytest.mark.parametrize(
    ("path", "field", "button"),
    [
        (f"live/{CAMPAIGN}/act?lever=switch%3Arecommend-off", "reason", "button[value=act]"),
        (f"campaigns/{CAMPAIGN}/checklist/third-parties-told", "note", "button[value=sign]"),
    ],
)
def test_a_connection_lost_while_typing_takes_nothing_away(
    address: str, chromium: Browser, path: str, field: str, button: str
) -> None:
    page = phone(chromium, address, "zhou", "en", role="commander")
    page.goto(f"{address}/{path}")
    page.fill(f"[name={field}]", "p99 is high")
    page.context.set_offline(True)
    page.click(button)
    page.wait_for_selector("#no-connection", state="visible")
    assert page.url == f"{address}/{path}"
    assert page.input_value(f"[name={field}]") == "p99 is high"
    page.context.set_offline(False)
    page.click(button)
    page.wait_for_url("**done=1*")
    assert "p99 is high" in page.inner_text("body")
