"""Pages come at once while what the past teaches is still being learned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from fastapi.testclient import TestClient

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.learning import Learned
from tests.warroom.conftest import fields_of, form_token
from warroom.push.asking import Oracle
from warroom.service.run import site_app
from warroom.service.site import Site

LEARNING = "still being learned"
PUSH = {"reach": "320000", "at": "2026-11-10T21:00:00+08:00"}
DRAFT = {"kind": "flagship", "starts_at": "2026-12-11T20:00+08:00", "ends_at": "2026-12-12T20:00+08:00"}


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def test_pages_come_while_it_is_learned_and_say_what_came_of_it(site: Site) -> None:
    learned, asked = threading.Event(), []

    def slow(_workspace: Workspace, plan: Plan, _now: datetime) -> Learned:
        asked.append(plan.id)
        learned.wait(10)
        raise UserError(Problem(say("{id} is the id of another campaign", id="the past")))

    with TestClient(site_app(site, oracle=Oracle(slow, patient=False))) as browser:
        browser.post("/me", data={"name": "lin", "role": "marketing", "form_token": form_token(browser, "/me")})
        page = browser.get("/campaigns/d11")
        assert LEARNING in page.text
        assert 'data-again="3"' in page.text
        typed = {"form_token": form_token(browser, "/campaigns/d11"), "name": "kept", "action": "preview"}
        again = browser.post("/campaigns/d11", data=fields_of(page.text) | typed)
        assert LEARNING in again.text
        assert fields_of(again.text)["name"] == "kept"
        push = browser.get("/campaigns/d11/push", params=PUSH)
        assert LEARNING in push.text
        assert 'http-equiv="refresh"' in push.text
        for answer in (
            browser.get("/api/campaigns/d11/push", params=PUSH),
            browser.post("/api/campaigns/d12/preview", json=DRAFT),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
            assert LEARNING in answer.json()["detail"]
        assert sorted(asked) == ["d11", "d12"]
        learned.set()
        assert until(lambda: "the past is the id of another campaign" in browser.get("/campaigns/d11").text)
