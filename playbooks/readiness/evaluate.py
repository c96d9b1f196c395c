"""The checklist of one campaign, and the state of every item: a pure function of policy, evidence and now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Literal

from campaign.language import say
from campaign.plan import Plan
from campaign.readiness import GATES, Gate, GateState, Item, Role, Signature, State, Tier
from campaign.words import Listed, Words
from playbooks.readiness.binding import changed
from playbooks.readiness.checks import declared_services
from playbooks.readiness.checks import found as found_by
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.finding import Finding, joined
from playbooks.readiness.policy import ChecklistPolicy, GatePolicy, ItemPolicy, Need, due_at
from playbooks.readiness.scaling import floors_line, limit_lines
from playbooks.readiness.standing import Signed


def choose_items(policy: ChecklistPolicy, tier: Tier, evidence: Evidence, waves: tuple[Plan, ...]) -> tuple[Item, ...]:
    """The rows that apply, in order of due time. `waves` are all plans of the same promotion, this one included.

    What a promotion does once is due by its first wave and carries the promotion's id as its scope.
    """
    first = min(waves, key=lambda plan: plan.starts_at)
    chosen = [row for row in policy.items if tier in row.tiers and (row.needs is None or _has(row.needs, evidence))]
    items = [item for row in chosen for item in _lines(row, _item(row, evidence.plan, first), evidence)]
    return tuple(sorted(items, key=lambda item: (item.due_at_utc, item.gate or "", item.id)))


def _lines(row: ItemPolicy, item: Item, evidence: Evidence) -> Iterable[Item]:
    if row.lists == "limits":
        return limit_lines(item, evidence.autoscaling)
    return (floors_line(item, evidence.autoscaling) if row.lists == "floors" else item,)


def _has(need: Need, evidence: Evidence) -> bool:
    settings, autoscaling = evidence.settings, evidence.autoscaling
    return {
        "bot": any(desk.bot for desk in settings.desks) and bool(evidence.plan.offers),
        "caps": bool(evidence.standing.decision and evidence.standing.decision.body.get("limits")),
        "declared": bool(declared_services(evidence)),
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
        or_note=row.or_note,
        binds=row.binds,
        life_hours=row.life_hours,
    )


def evaluate(items: tuple[Item, ...], evidence: Evidence, now: datetime) -> tuple[Item, ...]:
    """Every item with its state. Evidence older than its life is stale; an undone item past its due time is overdue."""
    found = tuple(_stated(item, _waived(item, _finding(item, evidence, now), evidence, now), now) for item in items)
    return tuple(
        _review(item, found, now) if item.check == "earlier-gates" and not item.done else item for item in found
    )


def _finding(item: Item, evidence: Evidence, now: datetime) -> Finding:
    found = found_by(item.check, evidence, now) if item.check else _note(item, evidence)
    if item.or_note and found.state == "pending" and (item.scope, item.id) in evidence.standing.notes:
        found = _note(item, evidence)
    signed = evidence.standing.decision if item.check == "decision" else None
    if signed and found.state == "pass":
        since = changed(signed.binding, evidence.binding, item.binds)
        if since:
            return Finding("stale", say("{what} since {actor} signed", what=joined(since), actor=signed.actor))
    return _aged(item, found, now)


def _noted(signed: Signed) -> str:
    """What was written, else what was attached."""
    names = ", ".join(PurePosixPath(path).name for path in signed.body.get("attachments", {}))
    return str(signed.body.get("note") or names or "-")


def _note(item: Item, evidence: Evidence) -> Finding:
    """What a signed note proves: nothing once what it is about has changed, or its attachment is not what it was."""
    signed = evidence.standing.notes.get((item.scope, item.id))
    if signed is None:
        return Finding("pending")
    words = say("{actor}: {note}", actor=signed.actor, note=_noted(signed))
    if signed.body.get("verdict") == "fail":
        return Finding("fail", words, signed.at_utc)
    since = changed(signed.binding, evidence.binding, item.binds)
    if since:
        return Finding("stale", say("{what} since {actor} signed", what=joined(since), actor=signed.actor))
    for path, was in signed.body.get("attachments", {}).items():
        if evidence.attachments.get(path) != was:
            return Finding("stale", say("{path} is not what {actor} signed", path=path, actor=signed.actor))
    return Finding("pass", words, signed.at_utc)


def _waived(item: Item, finding: Finding, evidence: Evidence, now: datetime) -> Finding:
    waiver = evidence.standing.waivers.get((item.scope, item.id))
    if waiver is None or finding.state == "pass":
        return finding
    until = datetime.fromisoformat(str(waiver.body["until"]))
    words = {"actor": waiver.actor, "reason": waiver.body["reason"], "until": until.strftime("%Y-%m-%d %H:%M UTC")}
    if now <= until:
        return Finding("waived", say("{actor}, until {until}: {reason}", **words))
    return Finding(finding.state, say("the waiver ended {until} ({actor}: {reason})", **words))


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
    """The readiness review is a scorecard of everything up to its own gate: red blocks, yellow was waived."""
    assert item.gate
    before = [i for i in items if i.gate is not None and i.gate <= item.gate and i.id != item.id]
    red = _named(i for i in before if i.state in ("fail", "stale"))
    waiting = _named(i for i in before if i.state == "pending")
    yellow = _named(i for i in before if i.state == "waived")
    parts = [say("{count} green", count=sum(i.state == "pass" for i in before))]
    parts += [say("yellow: {names}", names=yellow)] if yellow.words else []
    parts += [say("red: {names}", names=red)] if red.words else []
    parts += [say("open: {names}", names=waiting)] if waiting.words else []
    state: State = "fail" if red.words else "pending" if waiting.words else "pass"
    return _stated(item, Finding(state, joined(parts)), now)


def _named(items: Iterable[Item]) -> Listed:
    return Listed([say("“{title}”", title=item.title) for item in items])


def gate_states(
    policy: ChecklistPolicy, items: tuple[Item, ...], tier: Tier, evidence: Evidence
) -> tuple[GateState, ...]:
    """The gates that have items, in order; open when each item is done and each role the gate asks for has signed."""
    return tuple(_gate(gate, policy, items, tier, evidence) for gate in GATES if any(i.gate == gate for i in items))


def _gate(gate: Gate, policy: ChecklistPolicy, items: tuple[Item, ...], tier: Tier, evidence: Evidence) -> GateState:
    rule, plan = policy.gates[gate], evidence.plan
    own = [item for item in items if item.gate == gate]
    missing = tuple(item.id for item in own if not item.done)
    signatures = tuple(_signature(gate, role, rule, evidence) for role in signing_roles(rule, tier, evidence))
    return GateState(
        gate=gate,
        title=rule.title,
        due_at_utc=due_at(rule.due, plan.starts_at, plan.ends_at),
        open=not missing and all(signature.state == "pass" for signature in signatures),
        items=len(own),
        missing=missing,
        signatures=signatures,
    )


def signing_roles(rule: GatePolicy, tier: Tier, evidence: Evidence) -> tuple[Role, ...]:
    """Who must sign a gate: nobody in tier S, support only where there are desks."""
    if tier == "S":
        return ()
    return tuple(role for role in rule.signatures if role != "support" or evidence.settings.desks)


def _signature(gate: Gate, role: Role, rule: GatePolicy, evidence: Evidence) -> Signature:
    signed = evidence.standing.signatures.get((gate, role))
    if signed is None:
        return Signature(role=role, state="pending")
    since = changed(signed.binding, evidence.binding, rule.binds)
    note = Words.of(say("{what} since {actor} signed", what=joined(since), actor=signed.actor)) if since else None
    state: Literal["pass", "stale"] = "stale" if since else "pass"
    return Signature(role=role, state=state, by=signed.actor, at_utc=signed.at_utc, note=note)
