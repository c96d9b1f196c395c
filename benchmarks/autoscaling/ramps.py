"""Is the verdict right? Traffic grows eightfold within 1 to 60 minutes, under several HPAs, nodes warm or cold.

The verdict comes from the product's own plan on sample paths. It is judged by days that the plan has not seen: other
levels drawn from the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import coupon_drop
import numpy as np
from never_worse import Compared, compared
from numpy.typing import NDArray

from campaign.console import no_progress
from campaign.plan import Moment, Plan
from campaign.settings import Settings
from playbooks.autoscaling.backtest import Candidate, Way, fleets_of
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.plan import Outcome
from playbooks.autoscaling.planning import Answer, Question, plan_services
from playbooks.autoscaling.policy import AutoscalingPolicy, read_policy
from playbooks.autoscaling.verdict import suffices
from playbooks.simulation.fleet import TICKS_PER_MINUTE, Demand
from playbooks.simulation.replay import replay

RAMP_MINUTES = (1, 5, 10, 20, 30, 60)
HPAS = (("cpu", 0.65, False), ("rate", 0.65, False), ("rate", 0.5, False), ("cpu", 0.65, True), ("rate", 0.65, True))
LEVEL_ERROR, PATHS, TRUTHS = 0.2, 200, 100
DAY = datetime(2026, 11, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Cell:
    """One ramp under one HPA: what the plan says of it, and what the HPA alone lost on unseen days (means)."""

    ramp_minutes: int
    hpa: str
    verdict: str
    overloaded_minutes: float
    overloaded_ratio: float
    above_ratio: float
    safe: bool
    against_alone: Compared

    @property
    def missed(self) -> bool:
        """The verdict trusts an HPA that breaks the policy's risk on unseen days."""
        return self.verdict == "reactive-suffices" and not self.safe

    @property
    def false_alarm(self) -> bool:
        return self.verdict != "reactive-suffices" and self.safe


def in_ticks(ramp_minutes: int) -> NDArray[np.float64]:
    """[tick] requests per second: a linear ramp to eightfold at 20:00, then a decay over 20 minutes."""
    seconds = np.arange(coupon_drop.DAY_MINUTES * TICKS_PER_MINUTE) * 15.0
    since, ramp = seconds - coupon_drop.DROP_MINUTE * 60, ramp_minutes * 60
    surge = np.where(since < ramp, 7 * np.clip(since, 0, None) / ramp, 7 * np.exp(-(since - ramp) / 1200))
    daily = 700 + 400 * np.sin((seconds / 86400 - 0.4) * 2 * np.pi)
    return np.asarray(daily * (1 + surge))


def days(ramp_minutes: int, count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Rates [path, minute] and each minute's quarters over its mean [minute, 4]."""
    means, quarters = coupon_drop.in_minutes(in_ticks(ramp_minutes))
    return (means[None] * coupon_drop.levels(count, LEVEL_ERROR, seed)[:, None]).astype(np.float32), quarters


def planned(ramp_minutes: int, policy: AutoscalingPolicy) -> Answer:
    rates, quarters = days(ramp_minutes, PATHS, seed=1)
    starts_at = DAY + timedelta(minutes=coupon_drop.DROP_MINUTE)
    moments = (Moment(at=starts_at, kind="opening"),)
    plan = Plan(id="ramp", kind="sale", starts_at=starts_at, ends_at=starts_at + timedelta(hours=2), moments=moments)
    traffic = MinuteTraffic(
        rates[None],
        (coupon_drop.SERVICE,),
        np.datetime64(DAY.replace(tzinfo=None), "s"),
        quarters[None],
        np.full((1, coupon_drop.DAY_MINUTES), True),
    )
    facts = coupon_drop.facts(policy)
    settings = Settings(time_zone="UTC", services=(facts.service,))
    question = Question((plan,), settings, policy, traffic, {coupon_drop.SERVICE: facts}, ZoneInfo("UTC"))
    return plan_services(question, no_progress)


def cell(ramp_minutes: int, metric: str, target_ratio: float, cold: bool) -> Cell:
    changed = {"hpa_metric": metric, "hpa_target_ratio": target_ratio}
    policy = read_policy().model_copy(update=changed if cold else changed | {"node_wait_seconds": coupon_drop.WARM})
    rates, quarters = days(ramp_minutes, TRUTHS, seed=2)
    way = Way("surges", target_ratio, np.full(coupon_drop.DAY_MINUTES, 2), 1_000_000)
    candidate = Candidate(coupon_drop.CAPACITY, 2, policy.startup_seconds_p99, (way,))
    alone = fleets_of(0, candidate, policy)["hpa-alone"]
    played = replay(Demand(rates[None], quarters[None]), [alone])
    overloaded = played.overloaded_minutes[0]
    above = float(played.above_capacity_requests[0].sum() / played.offered_requests[0].sum())
    broken = float((overloaded > 0).mean())
    answer = planned(ramp_minutes, policy)
    lost = Outcome(
        overloaded_minutes=float(overloaded.mean()),
        event_overload_ratio=broken,
        above_capacity_ratio=above,
        replica_hours=0,
        oracle_ratio=0,
    )
    return Cell(
        ramp_minutes,
        f"{metric} {target_ratio:.0%}{', nodes wait' if cold else ''}",
        answer.services[coupon_drop.SERVICE].verdict,
        float(overloaded.mean()),
        broken,
        above,
        suffices(lost, policy),
        compared(Demand(rates[None], quarters[None]), answer, coupon_drop.facts(policy), policy),
    )


def grid() -> list[Cell]:
    return [cell(minutes, *hpa) for minutes in RAMP_MINUTES for hpa in HPAS]
