"""How the checklist was kept, and what was decided: read from the log of signed acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from campaign.readiness import GATES, Checklist, Item
from campaign.store.events import Event
from campaign.words import Words
from warroom.live.actions.log import ACT, acts_of
from warroom.live.actions.log import Decision as LiveDecision
from warroom.retrospective.records import ChangeQuantiles, Decision, Discipline, Late, Waived

ABOUT_ITSELF = frozenset({"event-report", "retrospective"})  # what this very command brings about
DECISIONS_OF_OTHERS = frozenset({"sign", "waive", "freeze"})


def discipline(checklist: Checklist, events: Sequence[Event], now: datetime) -> Discipline:
    """Items that were due by `now`. One that a machine checks has no time of its own: it is done or it is not. What
    somebody signed or decided (NO-GO is a decision, too) was done then, whatever became of its evidence since."""
    due = [item for item in checklist.items if item.due_at_utc <= now and item.id not in ABOUT_ITSELF]
    done = {item.id: _first_done(item, events) for item in due}
    late = [_late(item, done[item.id]) for item in due if _is_late(item, done[item.id])]
    never = [_late(item, None) for item in due if not item.done and done[item.id] is None]
    return Discipline(
        items=len(due),
        on_time=len(due) - len(late) - len(never),
        late=tuple(late),
        never=tuple(never),
        waivers=tuple(_waived(event) for event in events if event.kind == "waive"),
        signed_again=signed_again(events),
    )


def _first_done(item: Item, events: Iterable[Event]) -> datetime | None:
    """When somebody first signed, froze, decided or waived it; None where the last word is that it did not work."""
    acts = [event for event in events if (event.campaign, event.subject) == (item.scope, item.id)]
    if not acts or acts[-1].body.get("verdict") == "fail":
        return None
    return next(event.at_utc for event in acts if event.body.get("verdict") != "fail")


def _is_late(item: Item, done: datetime | None) -> bool:
    return done is not None and done > item.due_at_utc


def _late(item: Item, done: datetime | None) -> Late:
    hours = (done - item.due_at_utc) / timedelta(hours=1) if done else None
    return Late(
        subject=item.id,
        title=item.title,
        owner=item.owner,
        due_at_utc=item.due_at_utc,
        done_at_utc=done,
        hours_late=hours,
    )


def _waived(event: Event) -> Waived:
    until = datetime.fromisoformat(str(event.body["until"]))
    reason = str(event.body.get("reason", ""))
    return Waived(item=event.subject, by=event.actor, reason=reason, at_utc=event.at_utc, until_utc=until)


def signed_again(events: Iterable[Event]) -> int:
    """Signatures under a gate that a role had to give once more."""
    gates = [(e.campaign, e.subject, e.role) for e in events if e.kind == "sign" and e.subject in GATES]
    return len(gates) - len(set(gates))


def decisions(events: Sequence[Event]) -> tuple[Decision, ...]:
    """Every decision in the log, from GO to each lever pulled, with the effect that was expected of it, and the real
    one where the live side told it."""
    live = {(c, d.id): d for c in {e.campaign for e in events} for d in acts_of(events, c).decisions}
    decided = [event for event in events if event.kind not in DECISIONS_OF_OTHERS and _decides(event)]
    return tuple(
        _acted(live[event.campaign, event.subject]) if event.kind == ACT else _decision(event) for event in decided
    )


def _decides(event: Event) -> bool:
    return event.kind in ("decide", ACT) or "expected_requests_per_second" in event.body


def _acted(decision: LiveDecision) -> Decision:
    """An action while the campaign ran."""
    effect, outcome = decision.effect, decision.outcome
    of_requests = effect.measure == "requests"
    real = outcome.real if outcome else None
    return Decision(
        at_utc=decision.at,
        by=decision.by,
        subject=decision.lever,
        verdict=ACT,
        service=effect.name if of_requests else None,
        expected_requests_per_second=effect.hour.p50 if of_requests else None,
        real_requests_per_second=real.p50 if real and of_requests else None,
        title=decision.title,
        reason=decision.reason,
        asked_by=decision.asked_by,
        measure=effect.measure,
        expected=ChangeQuantiles(**vars(effect.hour)),
        real=ChangeQuantiles(**vars(real)) if real else None,
        effect=outcome.verdict if outcome else None,
        why=Words.of(outcome.why) if outcome and outcome.why else None,
    )


def _decision(event: Event) -> Decision:
    body = event.body
    expected, service = body.get("expected_requests_per_second"), body.get("service")
    return Decision(
        at_utc=event.at_utc,
        by=event.actor,
        subject=event.subject,
        verdict=str(body.get("verdict") or event.kind),
        service=str(service) if service else None,
        expected_requests_per_second=float(expected) if expected is not None else None,
        limits={str(name): float(cap) for name, cap in body.get("limits", {}).items()},
    )
