"""The 1998 World Cup site's match days, by the minute: is the verdict right, and what would a plan have cost?

The forecast is the truth with a level error of 20 %: what is judged is the planner and its verdict, not a forecaster.
Data: `SURGEPLAN_DATA` or ../shared/data beside the repository, folder wc98_web_minute.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from never_worse import Compared, compared
from numpy.typing import NDArray

from campaign.capacity import Capacity, CapacityRange
from campaign.console import no_progress
from campaign.plan import Moment, Plan
from campaign.settings import Service, Settings
from playbooks.autoscaling.known import facts_of
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.planning import Question, plan_services
from playbooks.autoscaling.policy import AutoscalingPolicy, read_policy
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.replay import replay

DAYS = tuple(f"1998-06-{day}" for day in range(10, 28))
CAPACITY = 50.0
LEVEL_ERROR, PATHS = 0.2, 200


@dataclass(frozen=True)
class Day:
    """One day: what the HPA alone lost on the truth, the verdict, and the plan's cost over the oracle's."""

    day: str
    nodes: str
    alone_overloaded_minutes: float
    alone_above_ratio: float
    verdict: str
    plan_oracle_ratio: float
    alone_oracle_ratio: float
    against_alone: Compared


def data_folder() -> Path:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return Path(os.environ.get("SURGEPLAN_DATA", beside)) / "wc98_web_minute"


def requests_per_second(day: str) -> NDArray[np.float64]:
    """[minute] of a UTC day; missing minutes are interpolated."""
    minutes = pd.read_csv(data_folder() / "requests_per_minute.csv.gz", index_col="ts_utc", parse_dates=True)[
        "requests"
    ]
    grid = pd.date_range(day, periods=1440, freq="min")
    return np.asarray(minutes.reindex(grid).interpolate().bfill() / 60.0)


def kick_offs(day: str) -> list[datetime]:
    table = pd.read_csv(data_folder() / "matches_calendar.csv")
    times = pd.to_datetime(table["kickoff_utc"], utc=True)
    return [time.to_pydatetime() for time in times[times.dt.strftime("%Y-%m-%d") == day].drop_duplicates()]


def judge(day: str, policy: AutoscalingPolicy) -> Day:
    """Plan the day from its paths, then play the HPA alone on the truth."""
    truth = requests_per_second(day)
    starts_at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    moments = tuple(Moment(at=at, kind="kick-off") for at in kick_offs(day))
    plan = Plan(
        id="day",
        kind="match-day",
        starts_at=starts_at + timedelta(hours=policy.hours_before),
        ends_at=starts_at + timedelta(hours=24 - policy.hours_after),
        moments=moments,
    )
    known = CapacityRange(low=CAPACITY, mid=CAPACITY, high=CAPACITY)
    capacity = Capacity(service="web", source="measured", capacity_requests_per_second_per_replica=known)
    service = Service(name="web")
    draws = np.random.default_rng(0).standard_normal((PATHS, 1))
    paths = (truth[None] * np.exp(LEVEL_ERROR * draws - LEVEL_ERROR**2 / 2)).astype(np.float32)
    traffic = MinuteTraffic(
        paths[None], ("web",), np.datetime64(day, "s"), np.ones((1, 1440, 4)), np.zeros((1, 1440), bool)
    )
    facts = {"web": facts_of(service, capacity, plan, policy)}
    settings = Settings(time_zone="UTC", services=(service,))
    question = Question((plan,), settings, policy, traffic, facts, ZoneInfo("UTC"))
    answer = plan_services(question, no_progress)
    made = answer.services["web"]
    nodes = Nodes(policy.node_wait_seconds, policy.node_headroom_ratio) if policy.nodes_wait else None
    alone = Fleet(0, CAPACITY, np.full(1440, policy.hpa_min_replicas), nodes=nodes)
    demand = Demand(truth[None, None].astype(np.float32))
    played = replay(demand, [alone])
    return Day(
        day,
        "cold" if policy.nodes_wait else "warm",
        float(played.overloaded_minutes[0, 0]),
        float(played.above_capacity_ratio[0, 0]),
        made.verdict,
        made.back_test.policies["plan"].oracle_ratio,
        made.back_test.policies["hpa-alone"].oracle_ratio,
        compared(demand, answer, facts["web"], policy),
    )


def days() -> list[Day]:
    cold = read_policy()
    warm = cold.model_copy(update={"node_wait_seconds": (0.0, 0.0)})
    return [judge(day, policy) for policy in (warm, cold) for day in DAYS]


if __name__ == "__main__":
    for day in days():
        print(day)
