"""What people do to a checklist: each act is allowed or refused as a pure function of the review it is done on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeGuard, get_args

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.readiness import GATES, ROLES, Gate, Item, Role
from campaign.settings import Settings
from campaign.store.events import Act
from playbooks.readiness.evaluate import signing_roles
from playbooks.readiness.publish import Review

Verdict = Literal["go", "no-go", "go-with-limits"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
DECISION = "go-no-go"
LIMIT_OPTIONS = {"spend": "--max-spend", "push_per_second": "--max-push-per-second"}


@dataclass(frozen=True)
class Actor:
    """Who acts, in which of the workspace's roles."""

    name: str
    roles: tuple[Role, ...]


def who(name: str, settings: Settings) -> Actor:
    """The actor and the roles that `roles:` in surgeplan.yaml gives them (several are separated by commas).

    Raises:
        UserError: nobody is named, the name has no role, or a role is unknown.
    """
    if not name:
        raise _refusal(say("nobody is named as the one who acts"), say("add --as NAME, or set SURGEPLAN_USER"), "--as")
    if name not in settings.roles:
        what = say("{name} has no role in this workspace", name=name)
        todo = nearest(name, settings.roles) if settings.roles else say("add to surgeplan.yaml: roles: {{lin: sre}}")
        raise _refusal(what, todo, "roles")
    roles = [part.strip() for part in settings.roles[name].split(",")]
    for role in roles:
        if role not in ROLES:
            raise _refusal(say("there is no role {role}", role=role), nearest(role, ROLES), f"roles.{name}")
    return Actor(name, tuple(role for role in ROLES if role in roles))


def known_role(name: str | None) -> Role | None:
    """A role by its name.

    Raises:
        UserError: there is none of that name.
    """
    found = next((role for role in ROLES if role == name), None)
    if name is not None and found is None:
        raise _refusal(say("there is no role {role}", role=name), nearest(name, ROLES), "--role")
    return found


def known_verdict(name: str) -> Verdict:
    """A decision by its name.

    Raises:
        UserError: there is none of that name.
    """
    for verdict in VERDICTS:
        if verdict == name:
            return verdict
    raise _refusal(say("{name} is not a decision", name=name), nearest(name, VERDICTS))


def is_gate(name: str) -> TypeGuard[Gate]:
    return name in GATES


def sign_gate(review: Review, gate: Gate, actor: Actor, role: Role | None, now: datetime) -> Act:
    """One role's signature under a gate, bound to what is there now.

    Raises:
        UserError: the gate asks for no such signature, four eyes forbid it, or the role's own items are not done.
    """
    wanted = signing_roles(review.policy.gates[gate], review.checklist.tier, review.evidence)
    able = [r for r in actor.roles if r in wanted and role in (None, r)]
    if not able:
        names = ", ".join(wanted) or "-"
        raise _refusal(say("{gate} does not ask {name} for a signature", gate=gate, name=actor.name),
                say("it asks for: {roles}", roles=names))  # fmt: skip
    if len(able) > 1:
        raise _refusal(
            say("{name} could sign as {roles}", name=actor.name, roles=", ".join(able)), say("add --role"), "--role"
        )
    own = [item for item in review.checklist.of_gate(gate) if actor.name in _authors(review, item)]
    four_eyes = review.checklist.tier in review.policy.four_eyes
    if own and four_eyes:
        raise _refusal(
            say("four eyes: {name} did {items} of this gate", name=actor.name, items=", ".join(i.id for i in own)),
            say("let somebody else of {role} sign it", role=able[0]),
        )
    waiting = [item.id for item in review.checklist.of_gate(gate) if item.owner == able[0] and not item.done]
    if waiting:
        raise _refusal(
            say("{role} still owes {items}", role=able[0], items=", ".join(waiting)), say("finish or waive them first")
        )
    body = {"binding": review.evidence.binding.as_json(), "bundle": review.checklist.bundle, "four_eyes": four_eyes}
    return _act("sign", review.checklist.campaign, gate, actor, able[0], now, body)


def _authors(review: Review, item: Item) -> frozenset[str]:
    return review.evidence.standing.authors.get((item.scope, item.id), frozenset())


def sign_item(
    review: Review, name: str, actor: Actor, now: datetime, *, note: str, passed: bool, attachments: Mapping[str, str]
) -> Act:
    """A signed note on an item that no machine checks.

    Raises:
        UserError: no such item, a machine decides it, or the actor has not its role.
    """
    item = _item(review, name)
    if item.check is not None and not item.or_note:
        raise _refusal(
            say("{item} is decided by its evidence, not by a signature", item=item.id),
            say("it asks for: {evidence}", evidence=item.evidence.en),
        )
    role = _role_for(review, item, actor)
    body = {
        "verdict": "pass" if passed else "fail",
        "note": note,
        "attachments": dict(attachments),
        "binding": review.evidence.binding.as_json(),
    }
    return _act("sign", item.scope, item.id, actor, role, now, body)


def waive(review: Review, name: str, actor: Actor, now: datetime, *, reason: str, until: datetime | None) -> Act:
    """Let an item go, for a reason and until a time; it is counted in the retrospective.

    Raises:
        UserError: no such item, no reason, no end or a past one, or the actor has not its role.
    """
    item = _item(review, name)
    if item.id == DECISION:
        raise _refusal(say("a decision cannot be waived"), say("decide: surgeplan decide {id} no-go", id=item.scope))
    if not reason.strip():
        raise _refusal(say("a waiver needs a reason"), say("add --reason: the retrospective will ask"), "--reason")
    if until is None:
        raise _refusal(say("a waiver needs an end"), say("add --until 2026-11-10T20:00+08:00"), "--until")
    if until <= now:
        raise _refusal(say("the waiver would have ended already"), say("choose a later --until"), "--until")
    role = _role_for(review, item, actor)
    body = {"reason": reason, "until": until.astimezone(UTC).isoformat()}
    return _act("waive", item.scope, item.id, actor, role, now, body)


def decide(review: Review, verdict: Verdict, actor: Actor, now: datetime, limits: Mapping[str, float]) -> Act:
    """GO, NO-GO, or GO within limits (caps on spend or push rate), by the commander.

    Raises:
        UserError: not the commander, something up to G4 is not done or not signed, or limits missing or superfluous.
    """
    if "commander" not in actor.roles and review.checklist.tier != "S":
        raise _refusal(
            say("the commander decides; {name} is not", name=actor.name), say("let the commander run this"), "--as"
        )
    if (verdict == "go-with-limits") != bool(limits):
        raise _refusal(
            say("go-with-limits comes with its limits, the others without"),
            say("add --max-spend or --max-push-per-second, or decide go"),
        )
    for name, cap in limits.items():
        if not 0 < cap < math.inf:
            raise _refusal(
                say("{cap} is no cap", cap=f"{cap:g}"),
                say("write a number above 0, or decide no-go"),
                LIMIT_OPTIONS[name],
            )
    if verdict != "no-go":
        _refuse_unless_ready(review)
    role: Role = "commander" if "commander" in actor.roles else actor.roles[0]
    body = {
        "verdict": verdict,
        "limits": dict(limits),
        "bundle": review.checklist.bundle,
        "binding": review.evidence.binding.as_json(),
    }
    return _act("decide", review.checklist.campaign, DECISION, actor, role, now, body)


def _refuse_unless_ready(review: Review) -> None:
    open_gates = [gate for gate in review.checklist.gates if gate.gate <= "G4" and not gate.open]
    states = {item.id: item.state for item in review.checklist.items}
    finish = say("finish it, or waive it with a reason")
    problems: list[Problem] = []
    for gate in open_gates:
        names = [name for name in gate.missing if name != DECISION]
        problems += [Problem(say("{item} is {state}", item=n, state=states[n]), finish, key=gate.gate) for n in names]
        ask = say("on the gate's page, or surgeplan sign {id} {gate}", id=review.checklist.campaign, gate=gate.gate)
        unsigned = [signature.role for signature in gate.signatures if signature.state != "pass"]
        problems += [Problem(say("{role} has not signed", role=role), ask, key=gate.gate) for role in unsigned]
    if problems:
        raise UserError(problems)


def _item(review: Review, name: str) -> Item:
    for item in review.checklist.items:
        if item.id == name:
            return item
    raise UserError(
        Problem(
            say("there is no item or gate {name} in this checklist", name=name),
            nearest(name, [*(item.id for item in review.checklist.items), *(g.gate for g in review.checklist.gates)]),
        )
    )


def _role_for(review: Review, item: Item, actor: Actor) -> Role:
    """The owner's role, else the commander's; in tier S one person may stand in for any role."""
    for role in (item.owner, "commander"):
        if role in actor.roles:
            return role
    if review.checklist.tier == "S":
        return actor.roles[0]
    raise _refusal(
        say("{item} is {role}'s, and {name} is not", item=item.id, role=item.owner, name=actor.name),
        say("let {role} or the commander do it", role=item.owner),
        "--as",
    )


def _act(kind: str, scope: str, subject: str, by: Actor, role: Role, now: datetime, body: Mapping[str, object]) -> Act:
    return Act(kind=kind, campaign=scope, subject=subject, actor=by.name, role=role, at_utc=now, body=dict(body))


def _refusal(what: Text, todo: Text, key: str = "") -> UserError:
    return UserError(Problem(what, todo, key=key))
