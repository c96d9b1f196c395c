"""How long before its start a campaign is forecast: drafts decide quotas, seats and load tests, D-3 is frozen."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.plan import Plan
from campaign.workspace import LEAD_DAYS

LEADS_DAYS = (float(LEAD_DAYS), 7.0, 14.0, 21.0, 28.0)


def nearest_lead(plan: Plan, as_of: datetime) -> float:
    """The lead in days at which past campaigns are forecast again for a forecast made at `as_of`: the nearest one."""
    days = (plan.starts_at - as_of) / timedelta(days=1)
    return min(LEADS_DAYS, key=lambda lead: abs(lead - days))
