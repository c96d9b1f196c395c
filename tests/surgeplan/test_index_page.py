"""The run's pages in a real browser: pictures beside their tables at a desk, one column on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.warroom.phones import PHONE, chromium, is_as_wide_as_a_phone

__all__ = ["chromium"]
pytestmark = pytest.mark.slow
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
BESIDE = """[...document.querySelectorAll('figure')].map(figure => {
  const [own, next] = [figure, figure.closest('.beside, .pair').lastElementChild].map(e => e.getBoundingClientRect());
  return [own.right, next.left, own.top, next.bottom];
})"""
LONGEST = "Math.max(...[...document.querySelectorAll('p, li')].map(e => e.getBoundingClientRect().width))"


def opened(chromium: Browser, pack: Path, device: dict[str, Any], name: str = "index.html") -> Page:
    page = chromium.new_context(**device).new_page()
    page.goto((pack / "out" / "double11-2026-opening" / name).as_uri())
    return page


def test_at_a_desk_every_picture_has_something_beside_it_and_lines_stay_readable(chromium: Browser, pack: Path) -> None:
    page = opened(chromium, pack, DESK)
    rows = page.evaluate(BESIDE)
    assert len(rows) == 4
    first_three, last = rows[:3], rows[3]
    assert all(right <= left and top < bottom for right, left, top, bottom in first_three)
    assert last[0] > DESK["viewport"]["width"] / 2  # the last stands in the right column itself
    assert page.evaluate(LONGEST) <= 46 * 16
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK["viewport"]["width"]


@pytest.mark.parametrize("name", ["traffic.html", "rehearsal.html"])
def test_the_pages_behind_it_use_a_desk_too_and_fit_a_phone(chromium: Browser, pack: Path, name: str) -> None:
    page = opened(chromium, pack, DESK, name)
    (row,) = page.evaluate(BESIDE)
    right, left, top, bottom = row
    assert right <= left
    assert top < bottom
    assert page.evaluate(LONGEST) <= 46 * 16
    assert is_as_wide_as_a_phone(opened(chromium, pack, PHONE, name))


def test_on_a_phone_it_is_one_column_and_no_wider_than_the_phone(chromium: Browser, pack: Path) -> None:
    page = opened(chromium, pack, PHONE)
    assert is_as_wide_as_a_phone(page)
    lefts = page.evaluate("[...document.querySelectorAll('figure, h2')].map(e => e.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1


def test_files_of_folders_are_folded_away_and_all_of_them_are_there(chromium: Browser, pack: Path) -> None:
    page = opened(chromium, pack, PHONE)
    assert page.locator("details").first.get_attribute("open") is not None
    assert page.locator("details[open]").count() == 1
    folder = pack / "out" / "double11-2026-opening"
    found = page.evaluate("[...document.querySelectorAll('.files a')].map(e => e.getAttribute('href'))")
    assert sorted(found) == sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != "index.html"
    )


def test_what_was_assumed_is_said_in_the_workspaces_language(chromium: Browser, pack: Path) -> None:
    page = opened(chromium, pack, PHONE)
    assert "taken as unknown" not in page.inner_text("body")
    assert "按未知处理" in page.inner_text("body")
