"""Limits that refuse what is cut and nothing else, tried on a real NGINX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaign.documents import read_json
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.manifests.rate_limits import call_of, flow_rules, nginx_limits, nginx_rate, resource
from playbooks.autoscaling.plan import AutoscalingPlan, EndpointLimit, ServicePlan
from playbooks.autoscaling.policy import read_policy
from tests.prometheus_server import free_port

needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="NGINX is not installed")


@pytest.fixture
def plan(published_within_limits: Path) -> AutoscalingPlan:
    return read_json(published_within_limits / "out/coupon-drop/playbook/autoscaling.json", "plan", AutoscalingPlan)


def limit(endpoint: str, admitted: float, each: float = 1.0, demand: float = 1_000.0) -> EndpointLimit:
    return EndpointLimit(
        endpoint=endpoint,
        value_rank=0,
        demand_requests_per_second=demand,
        admitted_requests_per_second=admitted,
        requests_per_call=each,
    )


def limited_to(plan: AutoscalingPlan, *limits: EndpointLimit) -> ServicePlan:
    return plan.services["storefront"].model_copy(update={"rate_limits": limits})


@contextmanager
def nginx_with(folder: Path, limits: str) -> Iterator[str]:
    """A server with locations of its own that includes these limits in `http { }`."""
    port, behind = free_port(), free_port()
    (folder / "limits.conf").write_text(limits, "utf-8")
    own = f"location /orders {{ proxy_pass http://127.0.0.1:{behind}; }}"
    own += f" location / {{ proxy_pass http://127.0.0.1:{behind}; }}"
    service = f"server {{ listen 127.0.0.1:{behind}; return 200 answered; }}"
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ access_log off; "
        f"{service} include {folder}/limits.conf; server {{ listen 127.0.0.1:{port}; {own} }} }}",
        "utf-8",
    )
    command = ["nginx", "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]
    subprocess.run([*command, "-t"], check=True, capture_output=True, timeout=20)
    server = subprocess.Popen(command)
    try:
        for _ in range(100):
            if (folder / "pid").is_file() and (folder / "pid").read_text():
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def codes(address: str, method: str, path: str, times: int) -> list[int]:
    found = []
    for _ in range(times):
        request = urllib.request.Request(f"{address}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                found.append(reply.status)
        except urllib.error.HTTPError as refused:
            found.append(refused.code)
    return found


@needs_nginx
def test_nginx_refuses_the_endpoints_that_are_cut_and_leaves_every_other_call_alone(
    plan: AutoscalingPlan, tmp_path: Path
) -> None:
    setting = Setting(plan, read_policy(), ZoneInfo("Asia/Shanghai"))
    services = {
        "storefront": limited_to(plan, limit("GET /p/{sku}", 1 / 60), limit("GET /search?q={keyword}", 1 / 60)),
        "checkout": limited_to(plan, limit("POST /orders", 1 / 60), limit("GET /", 1 / 60), limit("pay", 1 / 60)),
    }
    with nginx_with(tmp_path, nginx_limits(setting, services)) as address:
        cut = [("GET", "/p/7?a=1"), ("GET", "/search?q=tea"), ("POST", "/orders"), ("GET", "/")]
        free = [("GET", "/orders"), ("GET", "/p/7/reviews"), ("POST", "/p/7"), ("GET", "/pay"), ("GET", "/orders/1")]
        assert {call: codes(address, *call, times=3) for call in cut} == {key: [200, 429, 429] for key in cut}
        assert {call: codes(address, *call, times=3) for call in free} == {key: [200, 200, 200] for key in free}


@needs_nginx
def test_nginx_takes_the_file_of_a_playbook(published_within_limits: Path, tmp_path: Path) -> None:
    files = list((published_within_limits / "out/coupon-drop/playbook/nginx").glob("*.conf"))
    assert [file.name for file in files] == ["rate-limits.conf"]
    with nginx_with(tmp_path, files[0].read_text("utf-8")) as address:
        assert codes(address, "GET", "/", 1) == [200]


def test_a_limit_counts_calls_where_one_call_makes_several_requests(plan: AutoscalingPlan) -> None:
    service = limited_to(plan, limit("POST /orders", admitted=400, each=8))
    (rule,) = flow_rules(service)
    assert rule["count"] * service.replicas.peak == pytest.approx(50)
    setting = Setting(plan, read_policy(), ZoneInfo("Asia/Shanghai"))
    assert "rate=3000r/m;" in nginx_limits(setting, {"checkout": service})


def test_an_endpoint_that_is_not_cut_has_no_limit(plan: AutoscalingPlan, published_within_limits: Path) -> None:
    whole, cut = limit("POST /orders", 500, demand=500), limit("GET /", 300, demand=400)
    assert [rule["resource"] for rule in flow_rules(limited_to(plan, whole, cut))] == ["GET:/"]
    folder = published_within_limits / "out/coupon-drop/playbook/sentinel"
    assert [rule["resource"] for rule in json.loads((folder / "storefront-flow.json").read_text("utf-8"))] == ["GET:/"]


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("GET /p/{sku}", "GET:/p/{sku}"),
        ("GET /search?q={keyword}", "GET:/search"),
        ("/orders", "/orders"),
        ("checkout", "checkout"),
    ],
)
def test_sentinel_rules_are_named_as_its_web_adapters_name_resources(endpoint: str, name: str) -> None:
    assert resource(endpoint) == name


@pytest.mark.parametrize(("rate", "written"), [(178.9, "178r/s"), (10.9, "654r/m"), (0.3, "18r/m"), (0.0, "1r/m")])
def test_slow_rates_are_given_by_the_minute(rate: float, written: str) -> None:
    assert nginx_rate(rate) == written


def test_a_method_that_is_not_named_is_any() -> None:
    pattern = re.compile(call_of("/orders/{id}").pattern)
    assert pattern.match("DELETE /orders/7?x=1")
    assert not pattern.match("GET /orders")
