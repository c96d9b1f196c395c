"""限流降级预案: what is admitted of each endpoint, as Sentinel rules and as an NGINX snippet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaign.files import to_json
from campaign.language import _
from campaign.settings import Service
from playbooks.autoscaling.manifests.document import Setting, Values, kubernetes_name
from playbooks.autoscaling.plan import EndpointLimit, ServicePlan

QPS_GRADE, REJECT = 1, 0
SLOW_CALLS_GRADE = 0
BURST_SECONDS = 0.1
WHOLE_PER_SECOND = 100  # below it NGINX's whole numbers a second are too coarse: a minute's are taken
NGINX_FILE = "rate-limits.conf"


@dataclass(frozen=True)
class Call:
    """What an endpoint of the funnel, such as `GET /p/{sku}?from=push`, says of the calls it takes."""

    method: str
    path: str  # without its query; empty where the endpoint names none

    @property
    def pattern(self) -> str:
        """A regular expression over `METHOD URI`; a placeholder stands for one part of the path."""
        parts = [re.escape(part) for part in re.split(r"\{[^}]*\}", self.path.rstrip("/"))]
        return f"^{self.method or '[A-Z]+'} {'[^/?]+'.join(parts)}/?([?]|$)"


def call_of(endpoint: str) -> Call:
    """The method (empty: any) and the path of an endpoint."""
    words = endpoint.split()
    path = words[-1].split("?")[0] if words and words[-1].startswith("/") else ""
    return Call(words[0].upper() if len(words) == 2 and path else "", path)


def sentinel_files(setting: Setting, services: dict[str, Service]) -> dict[str, str]:
    """File name under `sentinel/` to its text, for every service that must refuse some of its requests."""
    files = {}
    for name, service in limited(setting).items():
        files[f"{kubernetes_name(name)}-flow.json"] = to_json(flow_rules(service))
        slow_ms = services[name].slo.p99_ms
        if slow_ms is not None:
            files[f"{kubernetes_name(name)}-degrade.json"] = to_json(degrade_rules(service, slow_ms))
    return files


def limited(setting: Setting) -> dict[str, ServicePlan]:
    return {name: service for name, service in setting.plan.services.items() if cut(service)}


def cut(service: ServicePlan) -> list[EndpointLimit]:
    """The endpoints that must refuse calls. The others have no limit: one at their very demand would refuse whenever
    chance sends a little more."""
    return [limit for limit in service.rate_limits if limit.is_cut]


def resource(endpoint: str) -> str:
    """As Sentinel's web adapters name it where they tell methods apart: `POST:/orders`."""
    call = call_of(endpoint)
    return ":".join(part for part in (call.method, call.path) if part) or endpoint


def flow_rules(service: ServicePlan) -> list[Values]:
    """Sentinel FlowRules, the most valuable endpoint first. Sentinel counts in each process: so per replica."""
    replicas = max(service.replicas.peak, 1)
    return [
        {
            "resource": resource(limit.endpoint),
            "limitApp": "default",
            "grade": QPS_GRADE,
            "count": limit.admitted_calls_per_second / replicas,
            "strategy": 0,
            "controlBehavior": REJECT,
            "clusterMode": False,
        }
        for limit in cut(service)
    ]


def degrade_rules(service: ServicePlan, slow_ms: float) -> list[Values]:
    """Sentinel DegradeRules for endpoints that are cut: half the calls beyond the objective open the breaker."""
    return [
        {
            "resource": resource(limit.endpoint),
            "grade": SLOW_CALLS_GRADE,
            "count": slow_ms,
            "slowRatioThreshold": 0.5,
            "minRequestAmount": 20,
            "statIntervalMs": 1000,
            "timeWindow": 10,
        }
        for limit in cut(service)
    ]


def nginx_files(setting: Setting) -> dict[str, str]:
    """File name under `nginx/` to its text."""
    services = limited(setting)
    return {NGINX_FILE: nginx_limits(setting, services)} if services else {}


def nginx_limits(setting: Setting, services: dict[str, ServicePlan]) -> str:
    """One file for `http { }`: it counts calls by method and path and refuses, and leaves every location as it is.

    A call that a `map` gives no value is not counted (ngx_http_limit_req_module: requests with an empty key).
    """
    zones = [(zone_name(name, i), limit) for name, service in services.items() for i, limit in enumerate(cut(service))]
    lines = [
        f"# {setting.origin}",
        "# " + _("Include this once, in http { }. Rates are for one NGINX instance: divide them by how many run."),
        "# " + _("A server or location that has a limit_req of its own does not inherit these: repeat them there."),
        "# " + _("Way back: remove the include and reload."),
        "limit_req_status 429;",
    ]
    for zone, limit in zones:
        lines += ["", f"# {limit.endpoint}", *_counted(zone, limit)]
    return "\n".join(lines) + "\n"


def _counted(zone: str, limit: EndpointLimit) -> list[str]:
    rate, burst = limit.admitted_calls_per_second, int(limit.admitted_calls_per_second * BURST_SECONDS)
    refuse = f"limit_req zone={zone}" + (f" burst={burst} nodelay;" if burst else ";")
    call = call_of(limit.endpoint)
    if not call.path:
        why = _("names no path: put the next line into the location that serves it")
        return [f"limit_req_zone $server_name zone={zone}:1m rate={nginx_rate(rate)};", f"# {why}", f"# {refuse}"]
    return [
        f'map "$request_method $request_uri" ${zone} {{',
        '    default "";',
        f'    "~{call.pattern}" counted;',
        "}",
        f"limit_req_zone ${zone} zone={zone}:1m rate={nginx_rate(rate)};",
        refuse,
    ]


def nginx_rate(calls_per_second: float) -> str:
    """A rate in NGINX's own whole numbers, rounded down, never none at all."""
    if calls_per_second >= WHOLE_PER_SECOND:
        return f"{int(calls_per_second)}r/s"
    return f"{max(int(calls_per_second * 60), 1)}r/m"


def zone_name(service: str, i: int) -> str:
    return f"surgeplan_{kubernetes_name(service).replace('-', '_')}_{i}"
