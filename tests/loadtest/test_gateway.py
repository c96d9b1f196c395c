"""Behind the gateway: a real Prometheus that scrapes a small backend while it is under load."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.gateway import Measured, judge_exercised, range_seconds, with_measured
from loadtest.policy import shipped_validity
from loadtest.publish import publish_scenario
from loadtest.results import ServiceResult
from surgeplan.cli import main
from tests.prometheus_server import needs_prometheus, prometheus_running

SOURCE = """sources:
  - {name: prom, kind: prometheus, url: "%s", query: "sum by (service) (rate(requests_total[6s]))"}
"""


class Backend(BaseHTTPRequestHandler):
    """A gateway whose checkout forgets to ask the service behind it: only storefront counts."""

    protocol_version = "HTTP/1.1"
    asked: Counter[str] = Counter()

    def do_GET(self) -> None:
        if self.path == "/metrics":
            body = "".join(f'requests_total{{service="{name}"}} {n}\n' for name, n in self.asked.items()).encode()
        else:
            self.asked["storefront"] += 2 if self.path.startswith("/p/") else 1
            self.asked["checkout"] += 0
            body = b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


@pytest.fixture
def backend() -> Iterator[str]:
    Backend.asked = Counter(storefront=0, checkout=0)
    server = Server(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def prometheus(backend: str, tmp_path: Path) -> Iterator[str]:
    settings = (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: backend, static_configs: [{{targets: ['{backend}']}}]}}]\n"
    )
    with prometheus_running(tmp_path, settings) as address:
        yield address


@pytest.mark.slow
@needs_prometheus
def test_a_service_that_the_gateway_does_not_ask_gets_no_go(workspace, backend, prometheus, capsys):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text() + SOURCE % prometheus)
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=24, scale_ratio=0.5, even=True))
    code = main(["loadtest", "run", "opening", "--host", f"http://{backend}", "--workspace", str(workspace)])

    results = json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))
    storefront, checkout = results["services"]["storefront"], results["services"]["checkout"]
    assert storefront["read_from"] == checkout["read_from"] == "prometheus"
    assert storefront["requests_per_second"] == pytest.approx((6 * 17.5 + 18 * 70) / 24, rel=0.2)
    assert (checkout["exercised"], checkout["requests_per_second"]) == (False, 0)
    assert "not-exercised" in {r["code"] for r in results["reasons"]}
    assert code in (3, 4)
    assert "checkout was not exercised: 0 requests per second" in capsys.readouterr().out


@pytest.mark.slow
def test_a_prometheus_that_is_away_leaves_no_go(workspace, backend):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text() + SOURCE % "http://127.0.0.1:9")
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=3, scale_ratio=0.5))
    main(["loadtest", "run", "opening", "--host", f"http://{backend}", "--workspace", str(workspace)])

    results = json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))
    assert "services-unread" in {r["code"] for r in results["reasons"]}
    assert results["outcome"] != "GO"
    assert results["services"]["storefront"]["read_from"] == "funnel"


@pytest.mark.parametrize(
    ("query", "seconds"),
    [("sum(rate(a[1m]))", 60), ("rate(a[30s]) + rate(b[5m:15s])", 300), ("service:requests:rate1m", 0)],
)
def test_a_query_looks_back_over_its_longest_range(query, seconds):
    assert range_seconds(query) == seconds


def test_services_at_95_percent_are_exercised_and_unknown_ones_are_not():
    wanted = {
        name: ServiceResult(requests_per_second=9, wanted_requests_per_second=rate)
        for name, rate in (("a", 100), ("b", 100), ("c", 10), ("d", None))
    }
    measured = Measured({"a": 95.0, "b": 94.9, "d": 1.0})
    services = with_measured(wanted, measured, shipped_validity())

    assert {name: s.exercised for name, s in services.items()} == {"a": True, "b": False, "c": False, "d": None}
    causes = list(judge_exercised(services, measured, shipped_validity()))
    assert [str(c.what).split(" was")[0] for c in causes] == ["b", "c"]
    assert {c.outcome for c in causes} == {"INCONCLUSIVE"}
    assert with_measured(wanted, Measured({}), shipped_validity()) == wanted
