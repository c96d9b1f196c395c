"""What is kept in memory is never older than the files it came from."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.errors import UserError
from campaign.files import writing
from playbooks.readiness.acts import Actor, sign_item
from tests.warroom.conftest import NOW, PLAN, form_token
from warroom.service.memory import Memory
from warroom.service.site import Site

ITEM = "/campaigns/d11/checklist/third-parties-told"


def test_a_plan_edited_elsewhere_is_seen_at_once_even_with_the_same_date_and_size(folder: Path) -> None:
    memory, path = Memory(), folder / "campaigns" / "d11.yaml"
    first = memory.workspace(folder)
    assert memory.workspace(folder) is first
    stamp = path.stat()
    path.write_text(PLAN.replace("1800000", "1700000"), "utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert memory.workspace(folder).plan("d11").sends[0].reach == 1_700_000


def test_a_signature_is_seen_at_once_and_time_passes(folder: Path, browser: TestClient) -> None:
    assert "passed" not in browser.get(ITEM).text
    browser.post("/me", data={"name": "wang", "role": "sre", "form_token": form_token(browser, "/me")})
    token = form_token(browser, ITEM)
    assert "passed" in browser.post(ITEM, data={"form_token": token, "note": "told", "action": "sign"}).text
    memory = Memory()
    workspace = memory.workspace(folder)
    early, late = (memory.review(workspace, "d11", NOW + timedelta(days=d)).checklist for d in (0, 30))
    assert sum(item.overdue for item in early.items) < sum(item.overdue for item in late.items)


def test_a_plan_edited_elsewhere_is_seen_on_the_checklist_at_once(folder: Path) -> None:
    memory = Memory()

    def hours() -> set[datetime]:
        return {item.due_at_utc for item in memory.review(memory.workspace(folder), "d11", NOW).checklist.items}

    before, path = hours(), folder / "campaigns" / "d11.yaml"
    path.write_text(PLAN.replace("11-10T20:00", "11-10T19:00").replace("11-10T19:55", "11-10T18:55"), "utf-8")
    assert hours() != before


def test_a_signature_does_not_make_the_files_be_read_again(folder: Path, site: Site) -> None:
    evidence = site.review("d11").evidence
    lin = Actor("lin", ("ops",))
    site.record(
        "d11",
        NOW,
        lambda made: sign_item(made, "third-parties-told", lin, NOW, note="told", passed=True, attachments={}),
    )
    signed = site.review("d11").evidence
    assert signed.standing.notes
    assert signed.capacities is evidence.capacities
    (folder / "out" / "capacity").mkdir(parents=True)
    (folder / "out" / "capacity" / "storefront.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match="is not valid JSON"):
        site.review("d11")


def test_a_plan_that_is_just_being_written_is_none(folder: Path) -> None:
    path = folder / "campaigns" / "d11.yaml"
    with writing(path):
        assert [plan.id for plan in Memory().workspace(folder).plans] == ["d11"]
