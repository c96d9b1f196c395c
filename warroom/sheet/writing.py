"""The plan as the sheet a team keeps: one row per send and per stretch of spend, read back without a difference."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.language import _
from campaign.plan import Plan
from campaign.spreadsheets import Sheet, Value, write_workbook


def write_plan_sheet(path: Path, plan: Plan, zone: ZoneInfo) -> None:
    """Write the plan's sends and spend; times in the campaign's zone."""

    def local(moment: datetime | None) -> datetime | None:
        return moment.astimezone(zone).replace(tzinfo=None) if moment else None

    headings = [_("channel"), _("send time"), _("reach"), _("open rate"), _("spend"), _("start time"), _("end time")]
    rows: list[list[Value]] = []
    for channel in plan.channels:
        rows += [[channel.name, local(s.at), s.reach, s.open_ratio, None, None, None] for s in channel.sends]
        if channel.spend is not None:
            starts, ends = local(channel.starts_at), local(channel.ends_at)
            rows.append([channel.name, None, None, None, channel.spend, starts, ends])
    write_workbook(path, [Sheet(plan.id, headings, rows)])
