"""The commands of a source as processes: killed in the middle, two at once, and listening until Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from remotes import NOW, FakePrometheus

from campaign.workspace import open_workspace
from forecast.history import open_history
from metrics.sources.inbox import SIGNATURE, signature_of

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 40.0


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    found = FakePrometheus()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def workspace(folder: Path, *sources: str) -> Path:
    folder.mkdir(parents=True)
    entries = "".join(f"  - {source}\n" for source in sources)
    (folder / "surgeplan.yaml").write_text(f"time_zone: Asia/Shanghai\nservices: [{{name: shop}}]\nsources:\n{entries}")
    return folder


def prom(remote: FakePrometheus) -> str:
    query = "sum by (service) (increase(x[2m])) / 2"
    return f"{{name: prom, kind: prometheus, url: '{remote.url}', query: '{query}', since: 2026-09-03T00:00Z}}"


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "surgeplan", "history", *arguments, "--workspace", str(folder), "--lang", "en"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background shell would have it ignored
    )


def pull(folder: Path, **environment: str) -> subprocess.Popen[str]:
    return start(folder, "pull", "--now", NOW.isoformat(), **environment)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what was said on stderr."""
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said


def months(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "history").glob("traffic-*.csv"))}


def wait_for(something: object) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not something() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.02)
    assert something()  # type: ignore[operator]


def test_a_pull_that_is_killed_loses_nothing_and_goes_on_where_it_was(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    whole = workspace(tmp_path / "whole", prom(prometheus))
    assert ended(pull(whole))[0] == 0
    asked = len(prometheus.asked)
    assert asked >= 4
    folder, prometheus.pause_seconds = workspace(tmp_path / "killed", prom(prometheus)), 0.5
    process = pull(folder)
    wait_for(lambda: (folder / "history" / "pulled.json").is_file())
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    broken_off = months(folder)
    assert 0 < len(b"".join(broken_off.values())) < len(b"".join(months(whole).values()))
    assert len(open_history(open_workspace(folder)).series["shop"]) > 9_000
    prometheus.pause_seconds, before = 0.0, len(prometheus.asked)
    assert ended(pull(folder))[0] == 0
    assert months(folder) == months(whole)
    assert int(prometheus.asked[before][1]["start"]) > int(prometheus.asked[0][1]["start"])


def test_of_two_pulls_at_once_one_waits_for_nobody_and_writes_nothing(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    folder, prometheus.pause_seconds = workspace(tmp_path / "shop", prom(prometheus)), 0.5
    first = pull(folder)
    wait_for(lambda: prometheus.asked)
    second = pull(folder)
    code, said = ended(second)
    assert code == 2
    assert "another pull is writing here" in said
    assert ended(first)[0] == 0
    assert len(open_history(open_workspace(folder)).series["shop"]) == 28.5 * 1440


def test_listening_takes_signed_rows_until_ctrl_c(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "shop", "{name: hook, kind: webhook, secret_env: HOOK_SECRET}")
    process = start(folder, "listen", "--port", "0", HOOK_SECRET="k")
    assert process.stderr is not None
    told = process.stderr.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/sources/", told)
    assert address is not None, told
    rows = [{"starts_at": f"2026-10-01T11:{m:02d}Z", "service": "shop", "requests": 60} for m in range(30)]
    body = json.dumps(rows).encode()

    def post(key: str) -> int:
        request = urllib.request.Request(f"{address[0]}hook", body, {SIGNATURE: signature_of(body, key)})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert (post("k"), post("guessed")) == (202, 401)
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert "Traceback" not in said
    assert ended(pull(folder, HOOK_SECRET="k"))[0] == 0
    assert len(open_history(open_workspace(folder)).series["shop"]) == 30


def test_listening_without_a_source_or_a_secret_or_on_a_taken_port_is_refused(tmp_path: Path) -> None:
    nothing = workspace(tmp_path / "nothing", "{name: drop, kind: drop, folder: drops}")
    hook = workspace(tmp_path / "hook", "{name: hook, kind: webhook, secret_env: HOOK_SECRET}")
    busy = FakePrometheus()
    port = str(busy.server.server_port)
    refusals = [
        (start(nothing, "listen"), "surgeplan.yaml sources: no source takes posts"),
        (start(hook, "listen", HOOK_SECRET=""), "surgeplan.yaml sources: the environment has no HOOK_SECRET"),
        (start(hook, "listen", "--port", port, HOOK_SECRET="k"), f"--port: port {port} cannot be opened"),
    ]
    for process, words in refusals:
        code, said = ended(process)
        assert (code, words in said) == (2, True), said
    busy.server.server_close()
