"""The pictures of a pack on a phone: every one that a page embeds, and campaigns with names that are too long."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pictures import badly_placed, faint, on_a_phone, too_small
from tests.warroom.phones import chromium

__all__ = ["chromium"]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["index.html", "rehearsal.html", "traffic.html"])
def test_no_page_of_the_pack_has_letters_that_nobody_reads_on_a_phone(chromium: Browser, pack: Path, name: str) -> None:
    page = on_a_phone(chromium, pack / "out" / "double11-2026-opening" / name)
    assert too_small(page) == []
    assert faint(page) == []
    assert "`" not in page.inner_text("body")


@pytest.mark.parametrize("name", ["playbook/autoscaling.svg", "playbook/staffing.svg", "rehearsal.svg"])
def test_no_word_of_a_picture_is_cut_or_lies_on_another(chromium: Browser, pack: Path, name: str) -> None:
    page = on_a_phone(chromium, pack / "out" / "double11-2026-opening" / name)
    assert badly_placed(page) == []
