"""Makes an example workspace, runs the web service on it and goes through its door as people do.

    python deploy/check.py FOLDER [PORT]       FOLDER: a new or empty one

Only the standard library, and `surgeplan` and `git` on the path: so it runs inside the image (deploy/check.sh), and
with SURGEPLAN_STATE set it proves the database too.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

SURGEPLAN = (sys.executable, "-m", "surgeplan")
CAMPAIGN, ITEM = "double11-2026-opening", "third-parties-told"
START_SECONDS, STOP_SECONDS = 180, 60


class Browser:
    """One person's: it keeps its cookies and follows no redirect."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies = port, SimpleCookie()

    def ask(self, path: str, method: str = "GET", body: bytes = b"", kind: str = "") -> tuple[int, str]:
        """The status and the text of the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"cookie": "; ".join(f"{name}={held.value}" for name, held in self.cookies.items())}
        connection.request(method, path, body, headers | ({"content-type": kind} if kind else {}))
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("set-cookie", []):
            self.cookies.load(cookie)
        return answer.status, answer.read().decode()

    def page(self, path: str) -> str:
        status, text = self.ask(path)
        assert status == 200, (path, status, text[:500])
        return text

    def send(self, path: str, fields: dict[str, str]) -> None:
        """A form, with the token that its page carries."""
        token = re.search(r'name="form_token" value="([^"]+)"', self.page(path))
        assert token, path
        body = urlencode(fields | {"form_token": token[1]}).encode()
        status, text = self.ask(path, "POST", body, "application/x-www-form-urlencoded")
        assert status in (200, 303), (path, status, text[:500])


def main(folder: Path, port: int) -> None:
    surgeplan("init", str(folder), "--example", "double11")
    open_door = surgeplan("warroom", "--workspace", str(folder), "--host", "0.0.0.0", wanted=2)
    said("listens beyond loopback without asking who it is: refused", open_door.strip().splitlines()[0])
    listening = [*SURGEPLAN, "warroom", "--workspace", str(folder), "--host", "0.0.0.0", "--auth", "links"]
    service = subprocess.Popen([*listening, "--port", str(port)])
    try:
        said("healthy after", f"{until(lambda: healthy(port), START_SECONDS):.1f} s")
        walk(folder, port)
    finally:
        service.send_signal(signal.SIGTERM)
        began = time.monotonic()
        ended = service.wait(STOP_SECONDS)
    assert ended == 128 + signal.SIGTERM, ended
    said("ended when told to, after", f"{time.monotonic() - began:.1f} s")


def walk(folder: Path, port: int) -> None:
    """In by a link, the campaigns, a plan changed and a line of the checklist signed."""
    browser = Browser(port)
    assert browser.ask("/")[0] in (401, 403), "nobody is let in without a link"
    invited = surgeplan("warroom", "--workspace", str(folder), "--invite", "Lin:ops")
    link = urlsplit(invited.split()[-1])
    assert browser.ask(f"{link.path}?{link.query}")[0] == 303, "the link lets in"
    said("campaigns page", f"{len(browser.page('/')):,} characters")
    submit(browser)
    commit = subprocess.run(
        ["git", "-C", str(folder), "log", "-1", "--format=%an: %s"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit.startswith(f"Lin: {CAMPAIGN}"), commit
    said("plan submitted and committed", commit)
    browser.send(f"/campaigns/{CAMPAIGN}/checklist/{ITEM}", {"note": "told by phone", "action": "sign"})
    assert "told by phone" in browser.page(f"/campaigns/{CAMPAIGN}/checklist/{ITEM}"), "the signature is kept"
    said("checklist signed", ITEM)


def submit(browser: Browser) -> None:
    opened = json.loads(browser.page(f"/api/campaigns/{CAMPAIGN}"))
    sent = {"content": opened["content"] | {"name": "Opening"}, "opened": opened["version"], "reason": "checking"}
    status, text = browser.ask(f"/api/campaigns/{CAMPAIGN}", "PUT", json.dumps(sent).encode(), "application/json")
    assert status == 200, (status, text)
    assert not json.loads(text)["troubles"], text


def surgeplan(*arguments: str, wanted: int = 0) -> str:
    done = subprocess.run([*SURGEPLAN, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == wanted, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout or done.stderr


def healthy(port: int) -> bool:
    try:
        return Browser(port).ask("/healthz")[0] == 200
    except OSError:
        return False


def until(holds: Callable[[], bool], seconds: float) -> float:
    """Seconds until something holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not so after {seconds} s"
        time.sleep(0.5)
    return time.monotonic() - began


def said(what: str, figure: str) -> None:
    print(f"{what}: {figure}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int((sys.argv[2:] or ["8780"])[0]))
