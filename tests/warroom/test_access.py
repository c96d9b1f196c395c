"""Who gets in, and what protects the pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from campaign.errors import UserError
from tests.warroom.conftest import NOW, fields_of, form_token
from warroom.service.access import PROXY_HEADER, Door, Person, refuse_open_doors, secret_of
from warroom.service.protection import BODY_BYTES_MAX, Bucket, WritesInTurn
from warroom.service.run import site_app
from warroom.service.site import Site

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_nobody_listens_beyond_loopback_without_asking_who_comes() -> None:
    refuse_open_doors("127.0.0.1", "local")
    refuse_open_doors("::1", "local")
    refuse_open_doors("0.0.0.0", "links")
    with pytest.raises(UserError, match="choose --auth links or --auth proxy"):
        refuse_open_doors("0.0.0.0", "local")


def test_a_link_lets_its_holder_in_until_it_expires(folder: Path) -> None:
    door = Door("links", "secret", {})
    with TestClient(site_app(Site(folder, door, lambda: NOW)), follow_redirects=True) as client:
        assert client.get("/").status_code == 401
        assert client.get("/enter", params={"token": door.link("lin", "marketing", 0.0)[:-2]}).status_code == 401
        assert (
            client.get("/enter", params={"token": Door("links", "other", {}).link("lin", "sre", 1)}).status_code == 401
        )
        page = client.get("/enter", params={"token": door.link("lin", "marketing", 1)})
        assert page.status_code == 200
        assert "lin" in page.text
    assert door.enter(door.link("lin", "marketing", -1)) is None
    assert door.enter(door.link("lin", "marketing", 1)) == Person("lin", "marketing")


def test_behind_a_gateway_its_header_says_who_comes(folder: Path) -> None:
    site = Site(folder, Door("proxy", "secret", {"lin": "marketing"}), lambda: NOW)
    with TestClient(site_app(site)) as client:
        assert client.get("/").status_code == 401
        assert "marketing" in client.get("/", headers={PROXY_HEADER: "lin"}).text
        assert "viewer" in client.get("/", headers={PROXY_HEADER: "stranger"}).text


def test_a_form_of_another_site_changes_nothing(browser: TestClient, folder: Path) -> None:
    sent = fields_of(browser.get("/campaigns/d11").text) | {"name": "stolen", "action": "save"}
    assert browser.post("/campaigns/d11", data=sent | {"form_token": ""}).status_code == 403
    with TestClient(browser.app) as other:
        foreign = form_token(other, "/me")
    assert browser.post("/campaigns/d11", data=sent | {"form_token": foreign}).status_code == 403
    assert "stolen" not in (folder / "campaigns" / "d11.yaml").read_text("utf-8")


def test_a_viewer_only_looks(site: Site) -> None:
    with TestClient(site_app(site)) as client:
        sent = fields_of(client.get("/campaigns/d11").text) | {"action": "save"}
        answer = client.post("/campaigns/d11", data=sent)
    assert answer.status_code == 403
    assert "say who you are first" in answer.text


def test_a_local_page_is_not_reached_by_another_name(site: Site) -> None:
    with TestClient(site_app(site)) as client:
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_every_answer_carries_the_headers_that_browsers_heed(browser: TestClient) -> None:
    for path in ("/", "/static/pages.js", "/no-such-page"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_body_over_the_bound_is_refused_before_it_is_read(browser: TestClient) -> None:
    told = browser.post("/campaigns/d11", content=b"", headers={"content-length": str(50 * 1024**2)})
    assert told.status_code == 413

    def endless() -> object:
        for _ in range(2 * BODY_BYTES_MAX // 2**16):
            yield b"x" * 2**16

    assert browser.post("/campaigns/d11", content=endless(), headers=FORM).status_code == 413


def test_what_is_too_large_is_said_on_a_page_in_the_readers_language(browser: TestClient) -> None:
    browser.get("/language/zh")
    headers = {"referer": "http://testserver/campaigns/d11"}
    answer = browser.post("/campaigns/d11/sheet", content=b"x" * (9 * 1024 * 1024), headers=headers)
    assert answer.status_code == 413
    assert "超过 8 MB" in answer.text
    assert '<a href="/campaigns/d11">' in answer.text
    assert "detail" in browser.post("/api/campaigns/d11/sheet", content=b"x" * (9 * 1024 * 1024)).json()


def test_a_client_that_asks_too_often_is_asked_to_wait() -> None:
    bucket = Bucket(60)
    assert sum(bucket.take(0.0) for _ in range(100)) == 60
    assert bucket.take(1.0)
    assert not bucket.take(1.0)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURGEPLAN_SECRET", raising=False)
    made = secret_of(folder)
    assert secret_of(folder) == made
    assert (folder / "state" / "warroom.secret").stat().st_mode & 0o077 == 0


def test_pages_come_in_the_language_a_browser_chose(browser: TestClient) -> None:
    assert 'lang="en"' in browser.get("/").text
    assert 'lang="zh-CN"' in browser.get("/?lang=zh").text
    browser.get("/language/zh")
    assert 'lang="zh-CN"' in browser.get("/").text
    assert (
        browser.get("/language/zh", params={"back": "//evil.example"}, follow_redirects=False).headers["location"]
        == "/"
    )


def test_few_changes_are_worked_on_at_once_reads_pass_them_and_none_is_lost() -> None:
    at_work, most, done = 0, 0, []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal at_work, most
        if scope["method"] == "POST":
            body = [await receive(), await receive()]
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.01)
            at_work -= 1
            done.append(b"".join(part["body"] for part in body))
        else:
            done.append(b"read")

    async def ask(turns: WritesInTurn, method: str, number: int) -> None:
        parts = [{"type": "http.request", "body": b"%d," % number, "more_body": more} for more in (True, False)]

        async def receive() -> Message:
            return parts.pop(0)

        async def send(message: Message) -> None:
            raise AssertionError(message)

        await turns({"type": "http", "method": method, "path": "/campaigns/d11"}, receive, send)

    async def burst() -> None:
        turns = WritesInTurn(slow, at_once=2)
        await asyncio.gather(*(ask(turns, "POST", i) for i in range(9)), ask(turns, "GET", 0))

    asyncio.run(burst())
    assert most == 2
    assert done[0] == b"read"
    assert sorted(done[1:]) == [b"%d,%d," % (i, i) for i in range(9)]
