"""The web service under a war room's load: 200 phones that look each 15 s, 20 people who sign, 20 who plan.

    PYTHONPATH=. python benchmarks/warroom/service.py WORKSPACE CAMPAIGN

The workspace needs a forecast of the campaign (make demo leaves one). Everything runs on this machine and loopback.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import numpy as np

SECONDS = 45
WATCHERS, EVERY_SECONDS = 200, 15.0
WRITERS, WRITES = 20, 5
PLANNERS = 20


async def main(folder: Path, campaign: str) -> None:
    command = [sys.executable, "-m", "surgeplan", "warroom", "--workspace", str(folder), "--port", "0", "--lang", "en"]
    command += ["--now", "2026-11-07T20:00+08:00"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        address = service.stderr.readline().split()[2].rstrip(";")
        limits = httpx2.Limits(max_connections=400)
        async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
            await warm(client, campaign)
            await watched(client, campaign)
            await planned(client, campaign)
    finally:
        service.terminate()
        service.wait(timeout=30)


async def warm(client: httpx2.AsyncClient, campaign: str) -> None:
    """The first preview learns the model; later ones share it."""
    began = time.perf_counter()
    (await client.get(f"/campaigns/{campaign}")).raise_for_status()
    print(f"first preview after the start: {time.perf_counter() - began:.1f} s")


async def watched(client: httpx2.AsyncClient, campaign: str) -> None:
    """Pages at 200 clients with writers beside them; every write must be in the log afterwards."""
    took: list[float] = []
    ends = time.perf_counter() + SECONDS
    watching = [watch(client, f"/campaigns/{campaign}/checklist", i, ends, took) for i in range(WATCHERS)]
    writing = [write(client.base_url, campaign, i) for i in range(WRITERS)]
    results = await asyncio.gather(*watching, *writing)
    done = sum(n for n in results if n)
    say("checklist page, 200 clients each 15 s and 20 writers", took)
    print(f"writes: {done} of {WRITERS * WRITES} taken")


async def watch(client: httpx2.AsyncClient, path: str, number: int, ends: float, took: list[float]) -> None:
    await asyncio.sleep(EVERY_SECONDS * number / WATCHERS)
    while (began := time.perf_counter()) < ends:
        (await client.get(path)).raise_for_status()
        took.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, EVERY_SECONDS - took[-1]))


async def write(address: httpx2.URL, campaign: str, number: int) -> int:
    """One person who signs an item several times."""
    item = f"/campaigns/{campaign}/checklist/third-parties-told"
    async with httpx2.AsyncClient(base_url=address, timeout=60, follow_redirects=True, trust_env=False) as own:
        await own.post("/me", data={"name": f"p{number}", "role": "ops", "form_token": await token(own, "/me")})
        mark, taken = await token(own, item), 0
        for i in range(WRITES):
            form = {"form_token": mark, "note": f"{number}/{i}", "action": "sign"}
            taken += (await own.post(item, data=form)).status_code == 200
            await asyncio.sleep(SECONDS / WRITES / 2)
        return taken


async def token(client: httpx2.AsyncClient, path: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', (await client.get(path)).text)
    assert found
    return found[1]


async def planned(client: httpx2.AsyncClient, campaign: str) -> None:
    """Twenty people at once ask whether their push fits, and look at what their plan would do; a few times each."""
    asks: list[float] = []
    previews: list[float] = []

    async def one(number: int) -> None:
        for i in range(3):
            reach, minute = 100_000 * (1 + number), 10 + (7 * number + i) % 50
            ask = f"/api/campaigns/{campaign}/push?reach={reach}&at=2026-11-11T15:{minute}:00%2B08:00"
            asks.append(await timed(client.get(ask)))
            previews.append(await timed(client.get(f"/campaigns/{campaign}")))
            await asyncio.sleep(3)

    await asyncio.gather(*(one(i) for i in range(PLANNERS)))
    say("ask, 20 users", asks)
    say("plan page with its preview, 20 users", previews)


async def timed(call: object) -> float:
    began = time.perf_counter()
    (await call).raise_for_status()  # type: ignore[misc]
    return time.perf_counter() - began


def say(what: str, seconds: list[float]) -> None:
    p50, p95 = np.quantile(seconds, (0.5, 0.95))
    print(f"{what}: {len(seconds)} answers, p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
