"""Reads a campaign and writes what goes into other tools below `out/<id>/export/`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.documents import read_json
from campaign.files import write_bytes, write_json, write_text
from campaign.workspace import Workspace
from playbooks.autoscaling.policy import read_policy
from playbooks.readiness.publish import Review, review
from playbooks.staffing.plan import StaffingPlan
from warroom.export.alert_rules import Subject, alert_rules
from warroom.export.dashboard import dashboard
from warroom.export.feed import Dates, feed
from warroom.live.policy import rules_of
from warroom.push.carried import autoscaling_plan

RULES, DASHBOARD, CALENDAR = "prometheus-rules.yaml", "grafana-dashboard.json", "calendar.ics"


@dataclass(frozen=True)
class Exported:
    """The files, and the services that alerts and charts are about."""

    files: tuple[Path, ...]
    services: tuple[str, ...]


def publish_export(workspace: Workspace, campaign: str, now: datetime) -> Exported:
    """Write the alert rules, the dashboard and the calendar.

    Raises:
        UserError: no such campaign, or a file of it or of its policies cannot be read.
    """
    subject, folder = subject_of(workspace, campaign), workspace.out(campaign) / "export"
    calendar = feed_of(workspace, review(workspace, campaign, now), now)
    write_text(folder / RULES, alert_rules(subject))
    write_json(folder / DASHBOARD, dashboard(subject))
    write_bytes(folder / CALENDAR, lambda file: file.write(calendar))
    return Exported(tuple(folder / name for name in (RULES, DASHBOARD, CALENDAR)), subject.services)


def subject_of(workspace: Workspace, campaign: str) -> Subject:
    return Subject(
        workspace.plan(campaign),
        workspace.settings,
        rules_of(workspace).live,
        read_policy(workspace.folder),
        autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json"),
    )


def feed_of(workspace: Workspace, made: Review, now: datetime) -> bytes:
    """A campaign's calendar; shifts as the staffing plan was last written."""
    plan, settings = workspace.plan(made.checklist.campaign), workspace.settings
    file = workspace.out(plan.id) / "playbook" / "staffing.json"
    desks = read_json(file, file.name, StaffingPlan).desks if file.is_file() else ()
    seats = made.evidence.seats or ()
    zone = settings.zone_of(plan)
    return feed(Dates(plan, made.checklist, desks, seats, rules_of(workspace).meetings, zone, settings.zone), now)
