"""What visitors share and what they do not: connections, but never cookies or headers."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.publish import publish_scenario
from surgeplan.cli import main

MANY_CONNECTIONS = """
import resource, socket
from loadtest.engine.connections import still_idle
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
pairs = [socket.socketpair() for _pair in range(600)]
assert pairs[-1][0].fileno() > 1023
assert all(still_idle(here) for here, _there in pairs)
pairs[-1][1].send(b"x")
pairs[-2][1].close()
pairs[-3][0].close()
assert [still_idle(here) for here, _there in pairs[-4:]] == [True, False, False, False]
"""


@pytest.fixture
def asked():
    """What each request carried, as (path, cookie, authorization); the server hands out a cookie with each reply."""
    seen: list[tuple[str, str | None, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.path, self.headers["Cookie"], self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Set-Cookie", f"visitor={len(seen)}; Path=/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield seen, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_connections_beyond_a_thousand_are_kept():
    subprocess.run([sys.executable, "-c", MANY_CONNECTIONS], check=True, timeout=30)


def test_a_new_visitor_has_neither_the_cookies_nor_the_headers_of_one_before(workspace, asked):
    seen, url = asked
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=2))
    locustfile = workspace / "out/opening/loadtest/locustfile.py"
    before = "visit.get("
    assert before in locustfile.read_text("utf-8")
    logs_in = "visit.number % 3 or visit.client.client.default_headers.update({'Authorization': str(visit.number)}); "
    locustfile.write_text(locustfile.read_text("utf-8").replace(before, logs_in + before), "utf-8")
    main(["loadtest", "run", "opening", "--workspace", str(workspace), "--host", url])

    first = [(cookie, login) for path, cookie, login in seen if path != "/checkout"]
    later = [(cookie, login) for path, cookie, login in seen if path == "/checkout"]
    assert len(first) > 50
    assert len(later) > 10
    assert {cookie for cookie, _login in first} == {None}
    assert None not in {cookie for cookie, _login in later}
    assert len({cookie for cookie, _login in later}) == len(later)
    logins = [login for _cookie, login in first if login is not None]
    assert 0 < len(logins) == len(set(logins)) < len(first) / 2
