"""An autoscaling plan of the live event as a file, made from its steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from campaign.capacity import CapacityRange
from campaign.files import write_json
from campaign.traffic import Quantiles
from playbooks.autoscaling.plan import AutoscalingPlan, BackTest, ReplicaCounts, ServicePlan, Step, Verdict
from tests.warroom.live_event import CAMPAIGN, END, START

HOUR = timedelta(hours=1)
LEAD = 6


def plan_file(folder: Path, steps: Mapping[datetime, int], most: int) -> None:
    """Replicas of 100 requests per second, two before the first step; an HPA at 65 % up to `most`, which suffices where
    there are no steps."""
    verdict: Verdict = "scheduled" if steps else "reactive-suffices"
    needed = Quantiles(p10=8, p50=10, p90=12, p99=14)
    service = ServicePlan(
        verdict=verdict,
        verdict_why="",
        capacity_requests_per_second_per_replica=CapacityRange(low=100, mid=110, high=120),
        capacity_source="measured",
        quantile_ratio=0.99,
        quiet_quantile_ratio=0.5,
        spread="surges",
        newsvendor_quantile_ratio=None,
        hpa_target_ratio=0.65,
        lead_minutes=LEAD,
        replicas=ReplicaCounts(today=8, floor=2, most=most, peak=max(steps.values(), default=10), needed=needed),
        steps=tuple(Step(starts_at_utc=at, replicas=n, why="") for at, n in sorted(steps.items())),
        returns_at_utc=END + 2 * HOUR if steps else None,
        replica_hours=1,
        cost=None,
        back_test=BackTest(paths=1, tick_seconds=15, shift_minutes=(0,), nodes_wait=True, policies={}),
    )
    plan = AutoscalingPlan(
        campaign=CAMPAIGN,
        model="0" * 64,
        as_of_utc=START - 72 * HOUR,
        time_zone="Asia/Shanghai",
        currency="CNY",
        starts_at_utc=START - HOUR,
        ends_at_utc=END + 2 * HOUR,
        inputs={},
        services={"storefront": service},
    )
    write_json(folder / "out" / CAMPAIGN / "playbook" / "autoscaling.json", plan.model_dump(mode="json"))
