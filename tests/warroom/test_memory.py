"""What is kept in memory is never older than the files it came from."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from tests.warroom.conftest import NOW, PLAN, form_token
from warroom.service.memory import Memory

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
