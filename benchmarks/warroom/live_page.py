"""The live war room under load: 200 phones that ask each 15 s beside 20 people who sign, attach and submit,
two hours into the event.

    PYTHONPATH=. python benchmarks/warroom/live_page.py WORKSPACE CAMPAIGN

The workspace needs a forecast of the campaign (make demo leaves one); it is copied, and what came is one of the
forecast's own sample paths. Everything runs on this machine and loopback.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.warroom.service import (
    ATTACHING,
    EVERY_SECONDS,
    SIGNING,
    SUBMITTING,
    WATCHERS,
    WRITES,
    attach,
    say,
    sign,
    submit,
    write,
)
from campaign.files import write_text
from campaign.plan import Plan
from campaign.traffic import TrafficPaths
from campaign.workspace import open_workspace
from forecast.epochs import epochs
from surgeplan.cli import main as surgeplan
from warroom.live.clocks.sync import sync
from warroom.live.due import HOUR, MINUTE

HOURS = 2
SECONDS = 90
DESKS = ("", "marketing", "sre", "ops", "support", "data")
LANGUAGES = ("zh", "en")


def main(folder: Path, campaign: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "workspace"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("state", ".git"))
        plan = open_workspace(copy).plan(campaign)
        now = plan.starts_at + HOURS * HOUR + 10 * MINUTE
        comes(copy, plan, now)
        freeze(copy, campaign, plan.starts_at - 72 * HOUR)
        for hour in range(1, HOURS + 1):
            sync(open_workspace(copy), campaign, plan.starts_at + hour * HOUR + 9 * MINUTE, (), lambda _: None)
        with serving(copy, now) as address:
            asyncio.run(measured(address, campaign))


def comes(folder: Path, plan: Plan, until: datetime) -> None:
    """Minutes of traffic as the path with the middle mean has them."""
    paths = TrafficPaths.load(folder / "out" / plan.id / "traffic_paths.npz")
    means = paths.requests_per_second.mean(axis=(1, 2))
    rates = paths.requests_per_second[int(np.argsort(means)[len(means) // 2])]
    starts, rows = epochs(paths.starts_at_utc), ["starts_at,service,requests_per_second"]
    for i, (at, seconds) in enumerate(zip(starts, paths.seconds, strict=True)):
        for minute in range(int(at), int(at + seconds), 60):
            if minute + 120 <= until.timestamp():
                stamp = datetime.fromtimestamp(minute, until.tzinfo).isoformat()
                rows += [f"{stamp},{name},{rates[s, i]:.6g}" for s, name in enumerate(paths.services)]
    write_text(folder / "history" / "traffic_live.csv", "\n".join(rows) + "\n")


def freeze(folder: Path, campaign: str, now: datetime) -> None:
    """As on D-3: what marketing still submits forecasts nothing anew here."""
    roles = open_workspace(folder).settings.roles
    commander = next(name for name, role in roles.items() if role == "commander")
    frozen = ["freeze", campaign, "--workspace", str(folder), "--as", commander, "--now", now.isoformat()]
    assert surgeplan(frozen) == 0


@contextmanager
def serving(folder: Path, now: datetime) -> Iterator[str]:
    command = [sys.executable, "-m", "surgeplan", "warroom", "--workspace", str(folder), "--port", "0", "--lang", "en"]
    service = subprocess.Popen([*command, "--now", now.isoformat()], stderr=subprocess.PIPE, text=True)
    assert service.stderr is not None
    try:
        yield service.stderr.readline().split()[2].rstrip(";")
    finally:
        service.terminate()
        service.wait(timeout=30)


async def measured(address: str, campaign: str) -> None:
    limits = httpx2.Limits(max_connections=400)
    async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
        began = time.perf_counter()
        page = (await client.get(f"/live/{campaign}")).raise_for_status()
        took = time.perf_counter() - began
        print(f"first page after the start: {took:.1f} s, {len(page.content) / 1024:.0f} KB, then by change only")
        first: list[float] = []
        polls: list[float] = []
        answers: Counter[int] = Counter()
        received: Counter[int] = Counter()
        ends = time.perf_counter() + SECONDS
        watching = [watch(client, campaign, i, ends, first, polls, answers, received) for i in range(WATCHERS)]
        acts = [sign] * SIGNING + [attach] * ATTACHING + [submit] * SUBMITTING
        writes: list[float] = []
        writing = [write(client.base_url, campaign, i, act, writes, 0.8 * SECONDS) for i, act in enumerate(acts)]
        await asyncio.gather(*watching, *writing)
    say(f"live page opened, {WATCHERS} clients of all desks and languages", first)
    say(f"live page asked again each {EVERY_SECONDS:.0f} s, {len(acts)} writers beside", polls)
    share, each = answers[304] / answers.total(), received.total() / answers.total() / 1024
    print(f"answered with nothing: {answers[304]} of {answers.total()} ({share:.0%}); {each:.1f} KB a poll on the way")
    print(f"writes: {len(writes)} of {WRITES * len(acts)} taken")


async def watch(
    client: httpx2.AsyncClient,
    campaign: str,
    number: int,
    ends: float,
    first: list[float],
    polls: list[float],
    answers: Counter[int],
    received: Counter[int],
) -> None:
    """One phone: the page, then its blocks each quarter of a minute."""
    await asyncio.sleep(EVERY_SECONDS * number / WATCHERS)
    view = {"desk": DESKS[number % len(DESKS)], "lang": LANGUAGES[number // len(DESKS) % 2]}
    began = time.perf_counter()
    (await client.get(f"/live/{campaign}", params=view)).raise_for_status()
    first.append(time.perf_counter() - began)
    tag = ""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        began = time.perf_counter()
        if began >= ends:
            return
        answer = await client.get(f"/live/{campaign}/blocks", params=view | {"since": tag})
        polls.append(time.perf_counter() - began)
        answers[answer.status_code] += 1
        received[answer.status_code] += answer.num_bytes_downloaded
        tag = answer.headers["etag"].strip('"')


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
