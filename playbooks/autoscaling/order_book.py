"""`resources.xlsx`: the order itself, and a sheet that says what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaign.language import _
from campaign.numbers import local_minute
from campaign.spreadsheets import Sheet, Value
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.planning import Question
from playbooks.autoscaling.resources import Resource, order_by


def order_sheets(lines: Sequence[Resource], question: Question, plan: AutoscalingPlan) -> list[Sheet]:
    """Both sheets, in the current language."""
    return [order_sheet(lines, question, plan), basis_sheet(question, plan)]


def order_sheet(lines: Sequence[Resource], question: Question, plan: AutoscalingPlan) -> Sheet:
    """One row for each resource of each service and limit."""
    headings = (
        _("service or limit"), _("resource"), _("unit"), _("today"), _("needed p50"), _("needed p90"), _("needed p99"),
        _("to order"), _("order by"), _("owner"), _("cost") + f" ({plan.currency})", _("note"),
    )  # fmt: skip
    return Sheet(_("Resources"), headings, [_row(line, question, plan.as_of_utc) for line in lines])


def _row(line: Resource, question: Question, as_of: datetime) -> list[Value]:
    order, needed = line.to_order, line.needed
    amounts = [None] * 3 if needed is None else [round(value, 1) for value in (needed.p50, needed.p90, needed.p99)]
    by = min(plan.starts_at for plan in question.plans).astimezone(question.zone) - order_by(question, line)
    wanted = order is None or order > 0
    return [
        str(line.what),
        str(line.item),
        line.unit,
        None if line.today is None else round(line.today, 1),
        *amounts,
        None if order is None else round(order, 1),
        by.date().isoformat() if wanted else "",
        line.owner,
        None if line.cost is None else round(line.cost, 2),
        _note(line, wanted and by < as_of),
    ]


def _note(line: Resource, late: bool) -> str:
    if line.needed is None:
        return _("add it to limits: in surgeplan.yaml, or write here that it is not used")
    if line.today is None:
        return _("unknown: write what runs today")
    return _("the date has passed: order at once") if late else ""


def basis_sheet(question: Question, plan: AutoscalingPlan) -> Sheet:
    """What the figures rest on: forecast, quantiles, campaigns, assumptions."""
    starts_at = min(p.starts_at for p in question.plans)
    days = (starts_at - plan.as_of_utc).total_seconds() / 86_400
    rows: list[list[Value]] = [
        [_("campaigns planned together"), ", ".join(p.id for p in question.plans)],
        [_("forecast as of"), local_minute(plan.as_of_utc, question.zone, year=True)],
        [_("days before the start"), round(days, 1)],
        [_("traffic model"), plan.model[:12]],
        [_("needed"), _("the busiest quarter-minute of each sample path, by the lower bound of a replica's capacity")],
        [_("to order"), _("needed p99 less today")],
        [_("cost"), _("of replicas: the whole campaign; of limits: what is to be ordered at its unit price")],
    ]
    assumed = [*plan.assumptions, *(text for service in plan.services.values() for text in service.assumptions)]
    rows += [[_("assumption"), text] for text in assumed]
    return Sheet(_("Basis"), (_("what"), _("figure")), rows)
