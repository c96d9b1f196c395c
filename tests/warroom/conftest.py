"""A small workspace behind the web service."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.store.database import STORE
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

NOW = datetime(2026, 10, 20, 4, tzinfo=UTC)
SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 4, min: 2, max: 40}
roles: {lin: marketing, wang: "sre, ops"}
"""
PLAN = """\
# the first night
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T00:00+08:00
channels:
  - {name: app-push, sends: [{at: 2026-11-10T19:55+08:00, reach: 1800000, open_ratio: 0.04}]}
moments:
  - {at: 2026-11-10T20:00:00+08:00, kind: opening}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    (tmp_path / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Site:
    return Site(folder, Door("local", "a secret of this test", {}), lambda: NOW)


@pytest.fixture
def browser(site: Site) -> Iterator[TestClient]:
    """A browser that has said who it is."""
    with TestClient(site_app(site), follow_redirects=True) as client:
        token = form_token(client, "/me")
        client.post("/me", data={"name": "lin", "role": "marketing", "form_token": token})
        yield client


HOLDER = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2] == "EXCLUSIVE":
    store.execute("PRAGMA journal_mode = DELETE")
store.execute(f"BEGIN {sys.argv[2]}")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(folder: Path, *, readable: bool) -> Iterator[None]:
    """The store locked by another process, which lets others read it or not."""
    how = "IMMEDIATE" if readable else "EXCLUSIVE"
    command = [sys.executable, "-c", HOLDER, str(folder / STORE), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.stdin.close()


def form_token(client: TestClient, path: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(path).text)
    assert found, path
    return found[1]


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of a form that nobody touched."""
    inputs = re.findall(r'<input(?![^>]*checkbox)[^>]* name="([^"]+)" value="([^"]*)"', page)
    made = dict(inputs)
    for name, choices in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', page, re.S):
        chosen = re.search(r"<option selected>([^<]*)|<option value=\"([^\"]*)\" selected", choices)
        made[name] = (chosen[1] or chosen[2] or "") if chosen else ""
    made |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page))
    return {name: unescape(value) for name, value in made.items()}
