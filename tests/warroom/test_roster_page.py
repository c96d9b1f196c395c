"""An edited roster handed back on the support lead's page: what it changes, in the reader's language."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from campaign.console import no_progress
from campaign.workspace import open_workspace
from playbooks.staffing.publish import publish_staffing
from tests.playbooks.staffing.conftest import NOW, make_in
from tests.warroom.conftest import form_token
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

PAGE = "/campaigns/d11/support"
SAID = {
    "en": (
        "Over the whole campaign every desk keeps its promise",
        "taken off",
        "hotline: service level",
        "as in the plan",
    ),
    "zh": ("每个客服组全场合计都守住承诺", "减少", "hotline：11-10 20:00 至 11-12 00:00 的服务水平", "与计划相同"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planned workspace, and beside it its roster with one person fewer on one shift."""
    folder = make_in(tmp_path_factory.mktemp("planned"))
    publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    book = load_workbook(folder / "out" / "d11" / "playbook" / "roster.xlsx")
    row = next(row for row in book["chat"].iter_rows(min_row=2) if row[0].value == "2026-11-11")
    row[6].value = int(row[6].value) - 1
    book.save(folder / "edited.xlsx")
    return folder


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_names_the_shift_that_changed(folder: Path, language: str) -> None:
    browser = TestClient(site_app(Site(folder, Door("local", "a secret of this test", {}), lambda: NOW)))
    browser.post("/me", data={"name": "hua", "role": "support", "form_token": form_token(browser, "/me")})
    sent = {"file": ("mine.xlsx", (folder / "edited.xlsx").read_bytes())}
    token = form_token(browser, PAGE)
    told = browser.post(f"{PAGE}/roster?lang={language}", data={"form_token": token}, files=sent).text
    for words in SAID[language]:
        assert words in told
