"""The web service under a war room's load: 200 phones that look each 15 s, beside 20 people who sign, attach and submit
plans (which are forecast anew), then 20 marketers who ask whether a push fits and see what their drafts would do.

    python benchmarks/warroom/service.py WORKSPACE CAMPAIGN

The workspace needs a forecast of the campaign (`make demo` leaves one); a copy of it is worked on. Everything runs on
this machine and loopback, the clients too.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from warroom.plans.revisions import revisions

SECONDS = 45
WATCHERS, EVERY_SECONDS = 200, 15.0
SIGNING, ATTACHING, SUBMITTING = 8, 6, 6
WRITERS = SIGNING + ATTACHING + SUBMITTING
WRITES = 5
PLANNERS, ROUNDS, BETWEEN_SECONDS = 20, 3, 3.0
BEFORE_START = timedelta(days=4)
ITEM = "third-parties-told"


async def main(folder: Path, campaign: str) -> None:
    plan = open_workspace(folder).plan(campaign)
    command = [sys.executable, "-m", "surgeplan", "warroom", "--workspace", str(folder), "--port", "0", "--lang", "en"]
    command += ["--now", (plan.starts_at - BEFORE_START).isoformat()]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        address = service.stderr.readline().split()[2].rstrip(";")
        limits = httpx2.Limits(max_connections=400)
        async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
            await warm(client, campaign)
            await watched(client, folder, campaign)
            await planned(client, campaign, plan.starts_at)
    finally:
        service.terminate()
        service.wait(timeout=30)


async def warm(client: httpx2.AsyncClient, campaign: str) -> None:
    """The page comes at once; its preview when the model is learned, which later ones share."""
    began = time.perf_counter()
    page = (await client.get(f"/campaigns/{campaign}")).raise_for_status()
    print(f"first plan page after the start: {time.perf_counter() - began:.1f} s")
    while "data-again" in page.text:
        await asyncio.sleep(0.5)
        page = (await client.get(f"/campaigns/{campaign}")).raise_for_status()
    print(f"its preview after the start: {time.perf_counter() - began:.1f} s")


async def watched(client: httpx2.AsyncClient, folder: Path, campaign: str) -> None:
    """Pages at 200 clients with writers beside them; every write that was taken must be there afterwards."""
    looks: list[float] = []
    writes: list[float] = []
    ends = time.perf_counter() + SECONDS
    watching = [watch(client, f"/campaigns/{campaign}/checklist", i, ends, looks) for i in range(WATCHERS)]
    acts: list[Act] = [sign] * SIGNING + [attach] * ATTACHING + [submit] * SUBMITTING
    writing = [write(client.base_url, campaign, i, act, writes) for i, act in enumerate(acts)]
    await asyncio.gather(*watching, *writing)
    say("checklist page, 200 clients each 15 s and 20 writers", looks)
    say("writes with the page that follows", writes)
    found = kept(folder, campaign)
    print(f"writes: {WRITES * WRITERS} sent, {len(writes)} taken, {found} found in the log and the history")


async def watch(client: httpx2.AsyncClient, path: str, number: int, ends: float, took: list[float]) -> None:
    """A phone: it has its own cookie and asks only for what is new."""
    headers = {"cookie": f"surgeplan_browser=phone-{number}"}
    await asyncio.sleep(EVERY_SECONDS * number / WATCHERS)
    while (began := time.perf_counter()) < ends:
        answer = await client.get(path, headers=headers)
        assert answer.status_code in (200, 304), answer.text
        headers["if-none-match"] = answer.headers["etag"]
        took.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, EVERY_SECONDS - took[-1]))


Act = Callable[[httpx2.AsyncClient, str, str], Awaitable[bool]]
"""(somebody's browser, campaign, a text of this write alone): whether it was taken."""


async def write(
    address: httpx2.URL, campaign: str, number: int, act: Act, took: list[float], lasting: float = SECONDS / 2
) -> None:
    """One person who does the same several times, `lasting` seconds and what the writes take."""
    async with httpx2.AsyncClient(base_url=address, timeout=60, follow_redirects=True, trust_env=False) as own:
        form = {"name": f"p{number}", "role": "ops", "form_token": await token(own, "/me")}
        (await own.post("/me", data=form)).raise_for_status()
        for i in range(WRITES):
            began = time.perf_counter()
            if await act(own, campaign, f"write {number}/{i}"):
                took.append(time.perf_counter() - began)
            await asyncio.sleep(lasting / WRITES)


async def sign(own: httpx2.AsyncClient, campaign: str, text: str) -> bool:
    item = f"/campaigns/{campaign}/checklist/{ITEM}"
    form = {"form_token": await token(own, item), "note": text, "action": "sign"}
    return (await own.post(item, data=form)).status_code == 200


async def attach(own: httpx2.AsyncClient, campaign: str, text: str) -> bool:
    item = f"/campaigns/{campaign}/checklist/{ITEM}"
    form = {"form_token": await token(own, item), "note": text, "action": "sign"}
    file = {"file": ("seen.txt", text.encode() * 20_000)}
    return (await own.post(item, data=form, files=file)).status_code == 200


async def submit(own: httpx2.AsyncClient, campaign: str, text: str) -> bool:
    """Six people edit one plan: whoever was overtaken opens it again and sends theirs once more."""
    while True:
        opened = (await own.get(f"/api/campaigns/{campaign}")).json()
        sent = {
            "content": opened["content"] | {"owner": {"team": "marketing", "contact": text}},
            "opened": opened["version"],
            "reason": text,
        }
        answer = await own.put(f"/api/campaigns/{campaign}", json=sent)
        if answer.status_code != 409:
            return answer.status_code == 200


def kept(folder: Path, campaign: str) -> int:
    """Different writes that the log and the history hold, attachments with every byte."""
    workspace = open_workspace(folder)
    found = {told.reason for told in revisions(folder, workspace.plan_file(campaign))}
    for event in workspace_log(workspace).events():
        note, files = event.body.get("note", ""), event.body.get("attachments", {})
        if all((folder / path).read_bytes() == note.encode() * 20_000 for path in files):
            found.add(note)
    return sum(text.startswith("write ") for text in found)


async def token(client: httpx2.AsyncClient, path: str) -> str:
    page = (await client.get(path)).text
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


async def planned(client: httpx2.AsyncClient, campaign: str, starts_at: datetime) -> None:
    """Twenty people at once ask whether their push fits, open the plan, and look at what their own draft would do."""
    asks: list[float] = []
    pages: list[float] = []
    drafts: list[float] = []
    content = (await client.get(f"/api/campaigns/{campaign}")).json()["content"]

    async def one(number: int) -> None:
        for i in range(ROUNDS):
            at = (starts_at + timedelta(hours=3, minutes=(7 * number + i) % 50)).isoformat()
            query = {"reach": str(100_000 * (1 + number)), "at": at}
            asks.append(await timed(client.get(f"/api/campaigns/{campaign}/push", params=query)))
            pages.append(await timed(client.get(f"/campaigns/{campaign}")))
            drafts.append(await timed(client.post(f"/api/campaigns/{campaign}/preview", json=larger(content, number))))
            await asyncio.sleep(BETWEEN_SECONDS)

    await asyncio.gather(*(one(i) for i in range(PLANNERS)))
    say("ask, 20 users", asks)
    say("plan page with its preview, 20 users", pages)
    say("preview of a draft, 20 users", drafts)


def larger(content: dict[str, Any], number: int) -> dict[str, Any]:
    """A draft of one's own: another reach for every send."""
    channels = [
        channel | {"sends": [send | {"reach": send["reach"] * (1 + number / 100)} for send in channel["sends"]]}
        if "sends" in channel
        else channel
        for channel in content["channels"]
    ]
    return content | {"channels": channels}


async def timed(call: Awaitable[httpx2.Response]) -> float:
    began = time.perf_counter()
    (await call).raise_for_status()
    return time.perf_counter() - began


def say(what: str, seconds: list[float]) -> None:
    p50, p95 = np.quantile(seconds, (0.5, 0.95))
    print(f"{what}: {len(seconds)} answers, p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(sys.argv[1], copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state", ".git"))
        asyncio.run(main(Path(copy), sys.argv[2]))
