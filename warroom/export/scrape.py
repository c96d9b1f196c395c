"""Reads the live state of every campaign that is on when Prometheus asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from campaign.capacity import CapacityRange, capacity_file, known_capacity
from campaign.errors import UserError
from campaign.plan import Plan
from campaign.workspace import Workspace
from warroom.export.gauges import Followed, families_of
from warroom.live.clocks.overdue import Overdue, overdue_now
from warroom.live.records import LiveState
from warroom.live.state import AROUND, live_state, live_store
from warroom.service.site import Site

LOG = logging.getLogger("surgeplan.metrics")
KEPT = timedelta(seconds=10)
"""Two Prometheus servers that scrape each 15 s cost one reading."""


class LiveCampaigns(Collector):
    """Gauges of every campaign from six hours before its start to six hours after its end."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._lock = threading.Lock()
        self._kept: tuple[datetime, list[GaugeMetricFamily]] | None = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = self.site.clock()
        with self._lock:
            if self._kept is None or not timedelta(0) <= now - self._kept[0] < KEPT:
                self._kept = now, families_of(self._followed(now))
            return self._kept[1]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names alone: nothing is read when the service starts."""
        return families_of(())

    def _followed(self, now: datetime) -> list[Followed]:
        try:
            workspace = self.site.workspace()
        except UserError as error:
            LOG.warning("metrics: %s", error)
            return []
        return [followed(workspace, plan, now) for plan in workspace.plans if is_on(plan, now)]


def is_on(plan: Plan, now: datetime) -> bool:
    """Whether the frozen forecast of a campaign covers the present minute."""
    return plan.starts_at - AROUND <= now < plan.ends_at + AROUND


def followed(workspace: Workspace, plan: Plan, now: datetime) -> Followed:
    state, waits = _state(workspace, plan, now)
    return Followed(plan, state, frozenset(each.work for each in waits), _per_replica(workspace, plan))


def _state(workspace: Workspace, plan: Plan, now: datetime) -> tuple[LiveState | None, tuple[Overdue, ...]]:
    """The live state and what is overdue; none where they cannot be read."""
    try:
        return live_state(workspace, plan.id, now), overdue_now(live_store(workspace), plan, now)
    except UserError as error:
        LOG.warning("metrics: %s: %s", plan.id, error)
        return None, ()


def _per_replica(workspace: Workspace, plan: Plan) -> dict[str, CapacityRange]:
    found = {}
    for service in workspace.settings.services:
        file = capacity_file(workspace.folder, service.name)
        try:
            capacity = known_capacity(service, file) if plan.touches(service.name) else None
        except UserError as error:
            LOG.warning("metrics: %s", error)
            continue
        if capacity is not None:
            found[service.name] = capacity.capacity_requests_per_second_per_replica
    return found
