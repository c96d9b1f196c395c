"""限流降级预案: what is admitted of each endpoint, as Sentinel rules and as an NGINX snippet."""

from __future__ import annotations

import re

from campaign.files import to_json
from campaign.language import _
from campaign.settings import Service
from playbooks.autoscaling.manifests.document import Setting, Values, kubernetes_name
from playbooks.autoscaling.plan import EndpointLimit, ServicePlan

QPS_GRADE, REJECT = 1, 0
SLOW_CALLS_GRADE = 0
BURST_SECONDS = 0.1


def sentinel_files(setting: Setting, services: dict[str, Service]) -> dict[str, str]:
    """File name under `sentinel/` to its text, for every service that must refuse some of its requests."""
    files = {}
    for name, service in limited(setting).items():
        files[f"{kubernetes_name(name)}-flow.json"] = to_json(flow_rules(service))
        slow_ms = services[name].slo.p99_ms
        if slow_ms is not None:
            files[f"{kubernetes_name(name)}-degrade.json"] = to_json(degrade_rules(service, slow_ms))
    return files


def nginx_files(setting: Setting) -> dict[str, str]:
    """File name under `nginx/` to its text."""
    return {
        f"{kubernetes_name(name)}.conf": nginx_snippet(setting, name, service)
        for name, service in limited(setting).items()
    }


def limited(setting: Setting) -> dict[str, ServicePlan]:
    return {name: service for name, service in setting.plan.services.items() if service.rate_limits}


def flow_rules(service: ServicePlan) -> list[Values]:
    """Sentinel FlowRules, the most valuable endpoint first. Sentinel counts in each process: so per replica."""
    replicas = max(service.replicas.peak, 1)
    return [
        {
            "resource": limit.endpoint,
            "limitApp": "default",
            "grade": QPS_GRADE,
            "count": limit.admitted_requests_per_second / replicas,
            "strategy": 0,
            "controlBehavior": REJECT,
            "clusterMode": False,
        }
        for limit in service.rate_limits
    ]


def degrade_rules(service: ServicePlan, slow_ms: float) -> list[Values]:
    """Sentinel DegradeRules for endpoints that are cut: half the calls beyond the objective open the breaker."""
    return [
        {
            "resource": limit.endpoint,
            "grade": SLOW_CALLS_GRADE,
            "count": slow_ms,
            "slowRatioThreshold": 0.5,
            "minRequestAmount": 20,
            "statIntervalMs": 1000,
            "timeWindow": 10,
        }
        for limit in service.rate_limits
        if is_cut(limit)
    ]


def is_cut(limit: EndpointLimit) -> bool:
    return limit.admitted_requests_per_second < limit.demand_requests_per_second * (1 - 1e-6)


def nginx_snippet(setting: Setting, name: str, service: ServicePlan) -> str:
    """`limit_req` zones and locations for the endpoints that are cut; a count for one NGINX process."""
    cut = [limit for limit in service.rate_limits if is_cut(limit)]
    lines = [
        f"# {setting.origin}",
        "# " + _("Rates are for one NGINX instance: divide them by how many run. Way back: remove this include."),
        *(_zone(name, i, limit) for i, limit in enumerate(cut)),
        "",
    ]
    for i, limit in enumerate(cut):
        burst = max(int(limit.admitted_requests_per_second * BURST_SECONDS), 1)
        lines += [
            f"# {limit.endpoint}",
            f"location {path_prefix(limit.endpoint)} {{",
            f"    limit_req zone={zone_name(name, i)} burst={burst} nodelay;",
            "    limit_req_status 429;",
            f"    proxy_pass http://{kubernetes_name(name)};",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _zone(name: str, i: int, limit: EndpointLimit) -> str:
    rate = max(int(limit.admitted_requests_per_second), 1)
    return f"limit_req_zone $server_name zone={zone_name(name, i)}:1m rate={rate}r/s;"


def zone_name(service: str, i: int) -> str:
    return f"surgeplan_{kubernetes_name(service).replace('-', '_')}_{i}"


def path_prefix(endpoint: str) -> str:
    """`/p/` for `GET /p/{sku}`: the part of a path that every request to it shares."""
    path = endpoint.split()[-1] if endpoint.strip() else "/"
    fixed = re.split(r"[{?]", path)[0]
    return fixed if fixed.startswith("/") else "/"
