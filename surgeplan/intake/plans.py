"""Plans from schedule sheets, and stubs for surges that no plan explains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.files import write_text
from campaign.plan import Plan
from campaign.plan_text import plan_text
from forecast.history.findings import Finding


def write_plans(draft: Path, plans: Iterable[tuple[Plan, Sequence[str]]], zone: ZoneInfo) -> None:
    """Write each plan with the comment on top of it."""
    for plan, head in plans:
        write_text(draft / "campaigns" / f"{plan.id}.yaml", plan_text(plan, zone, head, {}))


def distinct_plans(plans: Iterable[Plan]) -> list[Plan]:
    """Plans with ids of their own: the second of two gets a number."""
    found: dict[str, Plan] = {}
    for plan in plans:
        number = next(n for n in range(1, 1000) if (plan.id if n == 1 else f"{plan.id}-{n}") not in found)
        id = plan.id if number == 1 else f"{plan.id}-{number}"
        found[id] = plan.model_copy(update={"id": id})
    return list(found.values())


def stub_plans(findings: Sequence[Finding], zone: ZoneInfo, taken: set[str]) -> list[tuple[Plan, float]]:
    """A plan without a name for every stretch of days with an unexplained surge, with its ratio to the usual."""
    surges = sorted((f.starts_at_utc, f.ends_at_utc, f.ratio_to_usual or 0.0) for f in findings if f.kind == "surge")
    joined: list[tuple[datetime, datetime, float]] = []
    for start, end, ratio in surges:
        if joined and start <= joined[-1][1] + timedelta(hours=3):
            joined[-1] = joined[-1][0], max(joined[-1][1], end), max(joined[-1][2], ratio)
        else:
            joined.append((start, end, ratio))
    plans = []
    for start, end, ratio in joined:
        local = start.astimezone(zone)
        id = f"unnamed-{local:%Y-%m-%d}"
        id = next(i for i in (id, *(f"{id}-{n}" for n in range(2, 100))) if i not in taken)
        taken.add(id)
        plan = Plan(id=id, kind="unnamed", starts_at=local, ends_at=end.astimezone(zone))
        plans.append((plan, ratio))
    return plans
