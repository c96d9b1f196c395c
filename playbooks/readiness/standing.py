"""What the log says today: notes, waivers, signatures, the decision and the freeze, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaign.readiness import GATES
from campaign.store.events import Event
from playbooks.readiness.binding import Binding


@dataclass(frozen=True)
class Signed:
    """One act that still counts, and what it bound to."""

    actor: str
    role: str
    at_utc: datetime
    binding: Binding
    body: dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """What stands. notes, waivers: by (scope, item). signatures: by (gate, role).

    authors: who did or waived an item, by (scope, item); they may not sign its gate.
    """

    notes: dict[tuple[str, str], Signed] = field(default_factory=dict)
    waivers: dict[tuple[str, str], Signed] = field(default_factory=dict)
    signatures: dict[tuple[str, str], Signed] = field(default_factory=dict)
    authors: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    decision: Signed | None = None
    freeze: Signed | None = None


def standing(events: Iterable[Event], campaign: str) -> Standing:
    """Fold events into what stands: a later act on the same thing replaces the earlier one."""
    now = Standing()
    decision, freeze = now.decision, now.freeze
    for event in events:
        signed, key = _signed(event), (event.campaign, event.subject)
        if event.kind == "sign" and event.subject in GATES:
            if event.campaign == campaign:
                now.signatures[event.subject, event.role] = signed
        elif event.kind in ("sign", "waive"):
            (now.notes if event.kind == "sign" else now.waivers)[key] = signed
            now.authors[key] = now.authors.get(key, frozenset()) | {event.actor}
        elif event.kind == "decide" and event.campaign == campaign:
            decision = signed
        elif event.kind == "freeze" and event.campaign == campaign:
            freeze = signed
            now.authors[key] = frozenset({event.actor})
    return Standing(now.notes, now.waivers, now.signatures, now.authors, decision, freeze)


def _signed(event: Event) -> Signed:
    bound = event.body.get("binding", {})
    binding = Binding(bound.get("parts", {}), bound.get("peaks", {}), floors=bound.get("floors", {}))
    return Signed(event.actor, event.role, event.at_utc, binding, event.body)
