"""`/metrics` for Prometheus: what is forecast, what is planned to be carried, and how the service does."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.errors import UserError
from campaign.workspace import Workspace
from warroom.plans.overview import model_of
from warroom.push.carried import autoscaling_plan
from warroom.service.site import Site

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class Counted:
    """Counts answers by kind of address and status, and times them."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self.answers = Counter("surgeplan_http_requests", "Answers given", ["method", "status"], registry=registry)
        self.seconds = Histogram(
            "surgeplan_http_request_seconds", "Time to answer", ["method"], registry=registry, buckets=BUCKETS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.perf_counter(), "500"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            self.answers.labels(scope["method"], status).inc()
            self.seconds.labels(scope["method"]).observe(time.perf_counter() - began)


class Campaigns(Collector):
    """Peaks and capacity of campaigns to come, read from the files when asked."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def collect(self) -> Iterable[GaugeMetricFamily]:
        peak = GaugeMetricFamily(
            "surgeplan_forecast_peak_requests_per_second",
            "Peak over the campaign, as the quantile of the peak",
            labels=["campaign", "service", "quantile"],
        )
        carried = GaugeMetricFamily(
            "surgeplan_planned_capacity_requests_per_second",
            "Planned replicas at the highest step times the lower bound of one replica's capacity",
            labels=["campaign", "service"],
        )
        try:
            workspace = self.site.workspace()
        except UserError:
            return [peak, carried]
        for plan in workspace.plans:
            if plan.ends_at > self.site.clock():
                _fill(workspace, plan.id, peak, carried)
        return [peak, carried]


def _fill(workspace: Workspace, campaign: str, peak: GaugeMetricFamily, carried: GaugeMetricFamily) -> None:
    model = model_of(workspace, campaign)
    for service, found in (model.services if model else {}).items():
        for name, value in found.peak_requests_per_second.model_dump().items():
            peak.add_metric([campaign, service, name], value)
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    for service, planned in (plan.services if plan else {}).items():
        low = planned.capacity_requests_per_second_per_replica.low
        carried.add_metric([campaign, service], planned.replicas.peak * low)


def metrics_routes(registry: CollectorRegistry) -> APIRouter:
    """The page that Prometheus reads."""
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
