"""What goes wrong in practice: a clear message, partial results kept, the right exit code."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from campaign.errors import UserError
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.hosts import OK_PATH, Target, require_listening, require_marked
from loadtest.login import TO_LOGIN, is_login
from loadtest.observations import Follower
from loadtest.publish import Keeper, publish_scenario, read_scenario
from loadtest.record import Circumstances
from surgeplan.cli import main

Reply = Callable[[int, str], tuple[int, dict[str, str]]]


@contextmanager
def target(reply: Reply) -> Iterator[str]:
    """A server on 127.0.0.1 that answers request number n for a path as `reply(n, path)` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        count = 0

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            Handler.count += 1
            try:
                status, headers = reply(Handler.count, self.path)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in ({"Content-Length": "2"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _folder(workspace):
    return workspace / "out/opening/loadtest"


def _build(workspace, seconds: int = 4, scale: float = 1.0) -> None:
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=seconds, scale_ratio=scale))


def _run(workspace, *more: str) -> int:
    return main(["loadtest", "run", "opening", "--workspace", str(workspace), *more])


def _results(workspace) -> dict:
    return json.loads((_folder(workspace) / "results.json").read_text("utf-8"))


def _codes(workspace) -> set[str]:
    return {reason["code"] for reason in _results(workspace)["reasons"]}


def test_a_redirect_to_another_host_stops_the_run(workspace, capsys):
    _build(workspace)
    with target(
        lambda _n, path: (302, {"Location": "http://10.9.9.9/login"}) if path == "/checkout" else (200, {})
    ) as at:
        assert _run(workspace, "--host", f"http://{at}") == 3
    assert "refused: 10.9.9.9:80 is not the host under test" in capsys.readouterr().out
    assert _results(workspace)["generator"]["arrived"] > 0


@pytest.mark.slow
def test_errors_are_named_with_when_to_come_back(workspace, capsys):
    _build(workspace)
    with target(lambda n, _path: (503, {"Retry-After": "7"}) if n % 2 else (200, {})) as at:
        code = _run(workspace, "--host", f"http://{at}")
    assert code in (1, 3)
    assert "most with 503, Retry-After: 7" in capsys.readouterr().out
    assert set(_results(workspace)["endpoints"][0]["errors"]) == {"503, Retry-After: 7"}


def test_a_target_that_cuts_connections_gets_no_storm_of_retries(workspace):
    _build(workspace, seconds=3)
    asked: list[str] = []

    def cut(_n: int, path: str) -> tuple[int, dict[str, str]]:
        asked.append(path)
        raise ConnectionAbortedError

    with target(cut) as at:
        _run(workspace, "--host", f"http://{at}")
    product = _results(workspace)["endpoints"][0]
    assert product["failed"] == product["sent"] > 50
    assert product["sent"] <= len(asked) <= 2 * product["sent"] + 1


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "error"), [((401, {}), "401"), ((302, {"Location": "/sso/login"}), TO_LOGIN)])
def test_a_login_that_expires_makes_the_run_invalid_not_a_no_go(workspace, capsys, reply, error):
    _build(workspace)
    with target(lambda n, path: reply if n > 60 and "login" not in path else (200, {})) as at:
        assert _run(workspace, "--host", f"http://{at}") == 3
    assert "unauthorised" in _codes(workspace)
    assert "replies were 401, 403 or a login page: the login has expired" in capsys.readouterr().out
    assert set(_results(workspace)["endpoints"][0]["errors"]) == {error}


def test_login_pages_are_told_by_their_path():
    known = ("/login", "https://shop.staging/user/sign-in?next=/cart", "/sso/start", "/passport.html", "/LOGIN/")
    assert all(map(is_login, known))
    assert not any(map(is_login, ("/p/1", "/catalogin", "/blog/in", "/cart?from=login", "")))


def test_results_of_an_earlier_run_give_way_at_the_first_request(workspace):
    _build(workspace)
    scenario = read_scenario(open_workspace(workspace), "opening")
    seen, results = workspace / "observations.jsonl", _folder(workspace) / "results.json"
    keeper = Keeper(scenario, Circumstances("http://127.0.0.1:1", "second"), _folder(workspace), Follower(seen))
    keeper.keep_now_and_then(0.5)
    assert not results.exists()
    seen.write_text('{"begins_at_epoch": 1.0, "workers": 1}\n{"cells": [[0, 0, 9, 9, 9, 0, 0, 9, 0]]}\n')
    keeper.keep_now_and_then(1.0)

    assert (_results(workspace)["run_id"], _results(workspace)["finished"]) == ("second", False)


def test_a_feeder_that_runs_out_stops_the_run_and_names_its_rows(workspace, capsys):
    _build(workspace)
    (_folder(workspace) / "data").mkdir()
    (_folder(workspace) / "data/users.csv").write_text("user\nann\nbob\ncid\n")
    locustfile = _folder(workspace) / "locustfile.py"
    locustfile.write_text(locustfile.read_text().replace("visit.pick('sku')", "visit.take('users')['user']"))

    assert _run(workspace, "--practice") == 3
    assert "data/users.csv has 3 rows, fewer than the visitors that take one" in capsys.readouterr().out
    assert _results(workspace)["endpoints"][0]["sent"] == 3


def test_a_plan_changed_after_its_model_is_forecast_anew_first(workspace, capsys):
    traffic = workspace / "out/opening/traffic.json"
    model = json.loads(traffic.read_text())
    model["inputs"] = {"campaigns/opening.yaml": "0" * 64}
    traffic.write_text(json.dumps(model))

    assert main(["loadtest", "build", "opening", "--workspace", str(workspace)]) == 2
    shown = capsys.readouterr().err
    assert "out/opening/traffic.json: the plan of opening was changed after its traffic model was made" in shown
    assert "run surgeplan forecast opening first" in shown


def test_a_scenario_older_than_the_model_is_built_anew_first(workspace, capsys):
    _build(workspace)
    traffic = workspace / "out/opening/traffic.json"
    model = json.loads(traffic.read_text())
    traffic.write_text(json.dumps(model | {"lead_days": 2.5}))

    assert _run(workspace, "--practice") == 2
    assert "the scenario is older than the traffic model" in capsys.readouterr().err


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for localhost, and its key."""
    files = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return files


@contextmanager
def _tls(files) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self):
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, *_args: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_a_self_signed_certificate_is_refused_before_anything_is_sent(workspace, certificate, monkeypatch, capsys):
    _build(workspace)
    with _tls(certificate) as port:
        assert _run(workspace, "--host", f"https://localhost:{port}") == 2
        shown = capsys.readouterr().err
        assert "the certificate of localhost is not trusted: self-signed certificate" in shown
        assert "SSL_CERT_FILE" in shown
        assert not (_folder(workspace) / "run").exists()

        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        require_listening(Target(f"https://localhost:{port}", "localhost", port, loopback=True))


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [(404, {}, "404"), (302, {"Location": "/"}, "302"), (500, {}, "500")],
)
def test_a_host_that_does_not_say_it_may_be_tested_is_refused(status, headers, reason):
    with target(lambda _n, path: (status, headers) if path == OK_PATH else (200, {})) as at:
        host, port = at.split(":")
        with pytest.raises(UserError, match=rf"does not say that it may be tested: {reason}"):
            require_marked(Target(f"http://{at}", host, int(port), loopback=False), "surgeplan-opening")
        require_marked(Target(f"http://{at}", host, int(port), loopback=True), "surgeplan-opening")


def test_a_host_that_answers_the_probe_may_be_tested():
    asked = []
    with target(lambda _n, path: (asked.append(path), (200, {}))[1]) as at:
        host, port = at.split(":")
        require_marked(Target(f"http://{at}", host, int(port), loopback=False), "surgeplan-opening")
    assert asked == [OK_PATH]


def _start(workspace, *more: str, **options) -> subprocess.Popen:
    command = ["loadtest", "run", "opening", "--practice", "--workspace", str(workspace), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "surgeplan", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_run_leaves_results_up_to_that_moment(workspace):
    _build(workspace, seconds=40, scale=0.5)
    process = _start(workspace)
    seen = _folder(workspace) / "run/observations.jsonl"
    until = time.monotonic() + 40
    while time.monotonic() < until and not (seen.is_file() and '"signal":[7,' in seen.read_text("utf-8")):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)

    results = _results(workspace)
    assert not results["finished"]
    per_second = 0.5 * 25 * 1.4 / 2.5
    assert results["generator"]["arrived"] > 3.5 * per_second
    assert (results["outcome"], "worker-lost" in _codes(workspace)) == ("INVALID", True)

    time.sleep(2.5)
    last = seen.read_text("utf-8").splitlines()[-1]
    assert "parent is gone" in last
    main(["loadtest", "import", "opening", str(seen), "--workspace", str(workspace)])
    assert _results(workspace)["generator"]["arrived"] > results["generator"]["arrived"]


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_keeps_what_was_written(workspace):
    _build(workspace, seconds=30)
    # No file may grow beyond 15 kB: what a full disk looks like to whoever writes.
    limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000)); "
    limited += "sys.argv = ['surgeplan', *sys.argv[1:]]; runpy.run_module('surgeplan', run_name='__main__')"
    arguments = ["loadtest", "run", "opening", "--practice", "--workspace", str(workspace), "--lang", "en"]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr + done.stdout
    results = _results(workspace)
    assert 0 < results["generator"]["arrived"] < results["generator"]["scheduled"]
    assert (_folder(workspace) / "run/observations.jsonl").stat().st_size > 8_000


@pytest.mark.slow
def test_a_worker_of_another_version_does_not_take_part(workspace, tmp_path):
    from loadtest.execution import _free_port, practice_target
    from loadtest.observations import read_observations
    from loadtest.results import PracticeTarget

    _build(workspace, seconds=3)
    other = tmp_path / "other/surgeplan-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: surgeplan\nVersion: 9.9.9\n")
    record, port = tmp_path / "observations.jsonl", str(_free_port())
    home = os.environ | {"SURGEPLAN_OBSERVATIONS": str(record), "PYTHONDONTWRITEBYTECODE": "1"}
    with practice_target(PracticeTarget(workers=8, service_ms=5)) as url:
        locust = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--host", url, "--master-port", port]
        leading = ["--master", "--master-bind-port", port, "--headless", "--expect-workers", "1", "-u", "1", "-r", "1"]
        master = subprocess.Popen(
            [*locust, *leading], cwd=_folder(workspace), env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        worker = subprocess.run(
            [*locust, "--worker"], cwd=_folder(workspace), env=home | {"PYTHONPATH": str(other.parent)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        master.wait(timeout=30)

    assert worker.returncode == 2
    ends = read_observations(record).ends
    assert ends[0].startswith("a worker has surgeplan 9.9.9, the master ")


@pytest.mark.slow
@pytest.mark.alone
def test_four_workers_send_the_same_arrivals_and_their_clocks_agree(workspace):
    _build(workspace, seconds=4)
    _run(workspace, "--practice", "--processes", "4")
    results = _results(workspace)

    assert results["generator"]["workers"] == 4
    assert results["generator"]["arrived"] == results["generator"]["scheduled"]
    assert results["generator"]["clock_offset_max_ms"] is not None
    assert not {"clock", "worker-lost"} & _codes(workspace)


@pytest.mark.slow
def test_a_run_stops_itself_when_half_of_ten_seconds_requests_fail(workspace, capsys):
    _build(workspace, seconds=30, scale=0.5)
    with target(lambda _n, _path: (500, {})) as at:
        assert _run(workspace, "--host", f"http://{at}") == 3
    assert "requests failed within 10 s" in capsys.readouterr().out
    assert _results(workspace)["generator"]["unsent"]["stopped"] > 0


@pytest.mark.slow
def test_a_lost_worker_ends_the_run_and_makes_it_invalid(workspace):
    _build(workspace, seconds=40, scale=0.5)
    process = _start(workspace, "--processes", "2", "--lang", "en")
    seen = _folder(workspace) / "run/observations.jsonl"
    until = time.monotonic() + 40
    while time.monotonic() < until and not (seen.is_file() and '"signal":[4,' in seen.read_text("utf-8")):
        time.sleep(0.1)
    master = next(p for p in psutil.Process(process.pid).children() if "locust" in " ".join(p.cmdline()))
    master.children()[0].kill()
    began = time.monotonic()
    out, _err = process.communicate(timeout=60)

    assert time.monotonic() - began < 30
    assert process.returncode == 3
    assert b"was lost" in out
    assert "stopped" in _codes(workspace)
    assert _results(workspace)["generator"]["arrived"] > 0
