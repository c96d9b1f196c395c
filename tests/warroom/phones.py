"""The real service and phones that look at it, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@contextmanager
def serving(folder: Path, now: str) -> Iterator[str]:
    """The service as people start it, on a free port."""
    command = [sys.executable, "-m", "surgeplan", "warroom", "--workspace", str(folder), "--port", "0"]
    service = subprocess.Popen([*command, "--now", now, "--lang", "en"], stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        told = service.stderr.readline()
        assert told.startswith("listening on http://127.0.0.1:"), told
        yield told.split()[2].rstrip(";")
    finally:
        service.terminate()
        service.wait(timeout=30)
        service.stderr.close()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    assert CHROMIUM.is_file(), "apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def phone(
    chromium: Browser, address: str, name: str, language: str, *, role: str = "marketing", scripts: bool = True
) -> Page:
    """A phone whose owner has said who they are."""
    page = chromium.new_context(**PHONE, java_script_enabled=scripts).new_page()  # type: ignore[arg-type]
    page.goto(f"{address}/language/{language}?back=/me")
    page.fill("#name", name)
    page.select_option("#role", role)
    page.click("form button")
    return page


def is_as_wide_as_a_phone(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width <= PHONE["viewport"]["width"]  # type: ignore[index]
