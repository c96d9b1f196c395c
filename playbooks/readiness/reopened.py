"""What an edit re-opened: told to its owners, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.language import say
from campaign.readiness import DONE, Checklist, Reopened
from campaign.words import Words


def reopened(before: Checklist | None, now: Checklist) -> tuple[Reopened, ...]:
    """Items and signatures that were done before and are not now, in order of due time.

    What was re-opened before stays listed until it is done again: the same inputs give the same file.
    """
    return (*_items(before, now), *_signatures(before, now)) if before else ()


def _items(before: Checklist, now: Checklist) -> Iterator[Reopened]:
    done = {item.id for item in before.items if item.state in DONE} | {one.subject for one in before.reopened}
    for item in now.items:
        if item.id in done and not item.done:
            yield Reopened(subject=item.id, title=item.title, owner=item.owner, state=item.state, note=item.note)


def _signatures(before: Checklist, now: Checklist) -> Iterator[Reopened]:
    signed = {(gate.gate, s.role) for gate in before.gates for s in gate.signatures if s.state == "pass"}
    signed |= {(gate.gate, one.owner) for one in before.reopened for gate in before.gates if gate.gate == one.subject}
    for gate in now.gates:
        for signature in gate.signatures:
            if (gate.gate, signature.role) in signed and signature.state != "pass":
                title = Words.of(say("signature under {gate}", gate=gate.gate))
                yield Reopened(
                    subject=gate.gate, title=title, owner=signature.role, state=signature.state, note=signature.note
                )
