"""Two phones at once in a real browser, one Chinese, one English, on the real service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pictures import faint
from tests.warroom.conftest import PLAN
from tests.warroom.phones import chromium, is_as_wide_as_a_phone, phone, serving

__all__ = ["chromium"]
pytestmark = pytest.mark.slow
OF_ONE = (
    "push",
    "checklist",
    "checklist/third-parties-told",
    "checklist/plan-frozen",
    "gates/G3",
    "definitions",
    "support",
)
PATHS = ("", "growth", "campaigns/new", "campaigns/d11", *(f"campaigns/d11/{name}" for name in OF_ONE))


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with serving(folder, "2026-10-20T12:00+08:00") as address:
        yield address


def test_two_marketers_edit_one_plan_on_phones_and_neither_loses_work(
    address: str, chromium: Browser, folder: Path
) -> None:
    lin = phone(chromium, address, "林晓", "zh")
    amy = phone(chromium, address, "Amy", "en", scripts=False)
    for page in (lin, amy):
        page.goto(f"{address}/campaigns/d11")
    lin.fill("[name=sends-0-reach]", "200万")
    lin.click("text=保存并提交")
    lin.wait_for_selector("text=已保存并提交")
    amy.fill("[name=name]", "First night")
    amy.click("text=Save and submit")
    assert "Nothing of yours is lost" in amy.inner_text("body")
    amy.fill("[name=sends-0-reach]", "2000000")
    amy.click("text=Save and submit")
    assert "Saved and submitted" in amy.inner_text("body")
    written = (folder / "campaigns" / "d11.yaml").read_text("utf-8")
    assert written == PLAN.replace("1800000", "2000000") + "name: First night\n"
    authors = subprocess.run(["git", "-C", folder, "log", "--format=%an"], capture_output=True, text=True, check=True)
    assert authors.stdout.split() == ["Amy", "林晓"]


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "结束时间 2026-11-10 08:00 不晚于开始时间"), ("en", "the end, 2026-11-10 08:00, is not after the start")],
)
def test_on_a_phone_an_impossible_window_is_said_as_soon_as_it_is_picked_and_no_longer_than_it_is(
    address: str, chromium: Browser, language: str, words: str
) -> None:
    page = phone(chromium, address, "lin", language)
    page.goto(f"{address}/campaigns/d11")
    page.fill("#ends_at", "2026-11-10T08:00:00")
    page.dispatch_event("#ends_at", "change")
    page.wait_for_selector("#ends_at-wrong")
    assert words in page.inner_text("#ends_at-wrong")
    assert page.get_attribute("#ends_at", "aria-describedby") == "ends_at-wrong"
    assert is_as_wide_as_a_phone(page)
    page.fill("#starts_at", "2026-11-09T20:00:00")
    page.dispatch_event("#starts_at", "change")
    page.wait_for_selector("#ends_at-wrong", state="detached")
    assert page.locator(".wrong").count() == 1  # the moment of the opening, which now lies after the end
    assert page.locator("#moments-0-at-wrong").is_visible()


def test_at_a_desk_it_is_said_when_the_field_is_left_and_not_while_it_is_typed(address: str, chromium: Browser) -> None:
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/campaigns/d11?lang=en")
    page.fill("#ends_at", "2026-11-10T08:00:00")
    page.fill("#starts_at", "2026-11-10T21:00:00")  # the end is left
    page.wait_for_selector("#ends_at-wrong")
    page.fill("#ends_at", "2026-11-12T00:00:00")
    page.fill("#sends-0-reach", "many")
    page.wait_for_selector("#ends_at-wrong", state="detached")
    assert page.locator("#sends-0-reach-wrong").count() == 0
    page.press("#sends-0-reach", "Tab")
    page.wait_for_selector("#sends-0-reach-wrong")
    assert page.inner_text("#sends-0-reach-wrong") == "many is not a number"


def test_a_lost_connection_takes_nothing_of_what_was_typed(address: str, chromium: Browser, folder: Path) -> None:
    page = phone(chromium, address, "lin", "en")
    page.goto(f"{address}/campaigns/d11")
    page.fill("[name=name]", "First night")
    page.context.set_offline(True)
    page.click("text=Save and submit")
    page.wait_for_selector("#no-connection", state="visible")
    assert page.input_value("[name=name]") == "First night"
    page.context.set_offline(False)
    page.goto(f"{address}/")
    page.goto(f"{address}/campaigns/d11")
    assert page.input_value("[name=name]") == ""
    page.click("text=Put it back")
    page.wait_for_function("document.querySelector('[name=name]').value === 'First night'")
    page.click("text=Save and submit")
    page.wait_for_selector("text=Saved and submitted")
    assert "name: First night" in (folder / "campaigns" / "d11.yaml").read_text("utf-8")
    page.goto(f"{address}/campaigns/d11")
    assert page.locator("#draft").is_hidden()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_day_without_its_hour_is_not_saved_as_none(
    address: str, chromium: Browser, folder: Path, *, scripts: bool
) -> None:
    page = chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US", java_script_enabled=scripts
    ).new_page()
    page.goto(f"{address}/campaigns/d11?lang=en")
    page.locator("#spends summary").click()
    page.fill("[name=spends-0-channel]", "douyin")
    page.fill("[name=spends-0-spend]", "5万")
    page.focus("[name=spends-0-starts_at]")
    page.keyboard.type("11102026")
    if scripts:
        page.focus("[name=spends-0-channel]")
        page.wait_for_selector("#spends-0-starts_at-wrong")
    page.click("text=Save and submit")
    page.wait_for_timeout(500)
    assert page.url == f"{address}/campaigns/d11?lang=en"
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_every_label_leads_to_its_field(address: str, chromium: Browser) -> None:
    page = phone(chromium, address, "lin", "en")
    page.goto(f"{address}/campaigns/d11")
    lost = "[...document.querySelectorAll('label[for]')].filter(l => l.control?.id !== l.htmlFor).map(l => l.htmlFor)"
    assert page.evaluate(lost) == []


def test_without_scripts_an_impossible_window_is_said_by_every_button(address: str, chromium: Browser) -> None:
    for button in ("Save and submit", "What would this do?", "More rows"):
        page = phone(chromium, address, "lin", "en", scripts=False)
        page.goto(f"{address}/campaigns/d11")
        page.fill("#ends_at", "2026-11-10T08:00:00")
        if button == "More rows":
            page.locator("#moments summary").click()
            page.locator("#moments button").click()
        else:
            page.click(f"text={button}")
        assert "is not after the start" in page.inner_text("#ends_at-wrong"), button


def test_no_page_is_wider_than_a_phone_in_either_language(address: str, chromium: Browser) -> None:
    for language in ("zh", "en"):
        page = phone(chromium, address, "lin", language)
        for path in PATHS:
            page.goto(f"{address}/{path}")
            assert is_as_wide_as_a_phone(page), (language, path)
            small = page.evaluate(
                "[...document.querySelectorAll('button, .button, input:not([type=hidden]):not([type=checkbox])')]"
                ".filter(e => e.offsetHeight && e.offsetHeight < 40).length"
            )
            assert small == 0, (language, path, "taps need 40 px")


def test_words_stand_out_from_their_ground_by_day_and_by_night(address: str, chromium: Browser) -> None:
    page = phone(chromium, address, "lin", "en")
    for path in PATHS:
        page.goto(f"{address}/{path}")
        assert faint(page) == [], path


def test_a_browser_complains_about_nothing(address: str, chromium: Browser) -> None:
    page = phone(chromium, address, "lin", "en")
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    for path in ("", "campaigns/d11", "campaigns/d11/checklist", "campaigns/d11/gates/G0"):
        page.goto(f"{address}/{path}")
    assert faults == []


def test_what_is_typed_shows_its_timeline_before_it_is_saved(address: str, chromium: Browser) -> None:
    page = phone(chromium, address, "lin", "en")
    page.goto(f"{address}/campaigns/d11")
    marks = page.locator("#preview circle").count()
    page.locator("#moments summary").click()
    page.fill("[name=moments-1-at]", "2026-11-11T00:00:00")
    page.fill("[name=moments-1-kind]", "coupon-drop")
    page.locator("#preview circle").nth(marks).wait_for(timeout=15_000)
