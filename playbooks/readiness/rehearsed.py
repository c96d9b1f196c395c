"""The rehearsal's verdict as evidence for a gate."""

from __future__ import annotations

from campaign.language import say
from campaign.readiness import State
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.finding import Finding
from playbooks.rehearsal.record import Verdict


def rehearsal(evidence: Evidence) -> Finding:
    """Rehearsed with the present model and autoscaling plan, and surely a go; what is too close waits for a note."""
    found = evidence.rehearsal
    if found is None:
        return Finding("pending", say("not rehearsed yet: surgeplan rehearse {id}", id=evidence.plan.id))
    if found.model != evidence.traffic_hash:
        return Finding("stale", say("the forecast changed after the rehearsal"))
    if found.playbook is None:
        return Finding("pending", say("rehearsed without a playbook: surgeplan rehearse {id}", id=evidence.plan.id))
    if found.playbook != evidence.binding.parts.get("autoscaling"):
        return Finding("stale", say("the autoscaling plan changed after the rehearsal"))
    return Finding(STATES[found.verdict], say("{why}", why=found.why))


STATES: dict[Verdict, State] = {"go": "pass", "go-with-limits": "pass", "no-go": "fail", "too-close": "pending"}
