"""The checklist of one campaign, and the state of every item: a pure function of policy, evidence and now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from campaign.language import say
from campaign.plan import Plan
from campaign.readiness import GATES, Gate, GateState, Item, Tier
from campaign.words import Words
from playbooks.readiness.checks import CHECKS, Finding
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.policy import ChecklistPolicy, ItemPolicy, Need, due_at


def choose_items(policy: ChecklistPolicy, tier: Tier, evidence: Evidence, waves: tuple[Plan, ...]) -> tuple[Item, ...]:
    """The rows that apply, in order of due time. `waves` are all plans of the same promotion, this one included.

    What a promotion does once is due by its first wave and carries the promotion's id as its scope.
    """
    first = min(waves, key=lambda plan: plan.starts_at)
    chosen = [row for row in policy.items if tier in row.tiers and (row.needs is None or _has(row.needs, evidence))]
    items = [_item(row, evidence.plan, first) for row in chosen]
    return tuple(sorted(items, key=lambda item: (item.due_at_utc, item.gate or "", item.id)))


def _has(need: Need, evidence: Evidence) -> bool:
    settings, autoscaling = evidence.settings, evidence.autoscaling
    return {
        "bot": any(desk.bot for desk in settings.desks) and bool(evidence.plan.offers),
        "desks": bool(settings.desks),
        "limits_hit": autoscaling is not None and any(service.limits_hit for service in autoscaling.services.values()),
        "sends": bool(evidence.plan.sends),
        "switches": bool(settings.switches),
    }[need]


def _item(row: ItemPolicy, plan: Plan, first: Plan) -> Item:
    shared = row.scope == "promotion" and plan.part_of is not None
    base = first if shared else plan
    return Item(
        id=row.id,
        title=row.title,
        owner=row.owner,
        gate=row.gate,
        due_at_utc=due_at(row.due, base.starts_at, base.ends_at, row.counts_from),
        due=row.due,
        evidence=row.evidence,
        why=row.why,
        scope=(plan.part_of or plan.id) if shared else plan.id,
        check=row.check,
        life_hours=row.life_hours,
    )


def evaluate(items: tuple[Item, ...], evidence: Evidence, now: datetime) -> tuple[Item, ...]:
    """Every item with its state. Evidence older than its life is stale; an undone item past its due time is overdue."""
    found = tuple(_stated(item, _aged(item, _finding(item, evidence), now), now) for item in items)
    return tuple(_review(item, found, now) if item.check == "earlier-gates" else item for item in found)


def _finding(item: Item, evidence: Evidence) -> Finding:
    return CHECKS[item.check](evidence) if item.check else Finding("pending")


def _aged(item: Item, finding: Finding, now: datetime) -> Finding:
    made = finding.made_at_utc
    if finding.state != "pass" or item.life_hours is None or made is None:
        return finding
    if now - made <= timedelta(hours=item.life_hours):
        return finding
    hours = round((now - made) / timedelta(hours=1))
    return Finding(
        "stale", say("{hours} hours old; it proves this for {life}", hours=hours, life=f"{item.life_hours:g}")
    )


def _stated(item: Item, finding: Finding, now: datetime) -> Item:
    overdue = finding.state not in ("pass", "waived") and now > item.due_at_utc
    note = Words.of(finding.note) if finding.note else None
    return item.model_copy(update={"state": finding.state, "note": note, "overdue": overdue})


def _review(item: Item, items: Iterable[Item], now: datetime) -> Item:
    """The readiness review passes when everything else up to its own gate is done."""
    assert item.gate
    before = [i for i in items if i.gate is not None and i.gate <= item.gate and i.id != item.id]
    failed = [i.id for i in before if i.state in ("fail", "stale")]
    waiting = [i.id for i in before if not i.done]
    if failed:
        return _stated(item, Finding("fail", say("red: {names}", names=", ".join(failed))), now)
    if waiting:
        return _stated(item, Finding("pending", say("open: {names}", names=", ".join(waiting))), now)
    return _stated(item, Finding("pass"), now)


def gate_states(policy: ChecklistPolicy, items: tuple[Item, ...], plan: Plan) -> tuple[GateState, ...]:
    """The gates that have items, in order; a gate is open when each of its items passed or was waived."""
    return tuple(_gate(gate, policy, items, plan) for gate in GATES if any(item.gate == gate for item in items))


def _gate(gate: Gate, policy: ChecklistPolicy, items: tuple[Item, ...], plan: Plan) -> GateState:
    own = [item for item in items if item.gate == gate]
    missing = tuple(item.id for item in own if not item.done)
    return GateState(
        gate=gate,
        title=policy.gates[gate].title,
        due_at_utc=due_at(policy.gates[gate].due, plan.starts_at, plan.ends_at),
        open=not missing,
        items=len(own),
        missing=missing,
    )
