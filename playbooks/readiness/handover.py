"""The message that hands a frozen bundle over in chat: what comes, what is ready, what is due, and its hash."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from campaign.language import LANGUAGES, Language, _, current_language, use_language
from campaign.numbers import local_minute, spoken
from campaign.readiness import Checklist
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.labels import ROLE_LABELS


def handover_texts(checklist: Checklist, evidence: Evidence, head: str, zone: ZoneInfo) -> dict[Language, str]:
    """The message in every language; `head` is the log's newest hash."""
    reader = current_language()
    try:
        return {language: _in(language, checklist, evidence, head, zone) for language in LANGUAGES}
    finally:
        use_language(reader)


def _in(language: Language, checklist: Checklist, evidence: Evidence, head: str, zone: ZoneInfo) -> str:
    use_language(language)
    plan = evidence.plan
    lines = [
        _("[D-3 hand-over] {name}").format(name=plan.title),
        _("{start} – {end} ({zone})").format(
            start=local_minute(plan.starts_at, zone, year=True), end=local_minute(plan.ends_at, zone), zone=zone.key
        ),
        *_peak(evidence, zone),
        *_replicas(evidence),
        *_due(checklist, zone),
        _("Bundle {bundle} · log {head}").format(bundle=checklist.bundle, head=head[:12]),
        _("Operations: scale for this bundle, train the bot. From here changes need a reason and may re-open gates."),
    ]
    return "\n".join(lines) + "\n"


def _peak(evidence: Evidence, zone: ZoneInfo) -> list[str]:
    if evidence.traffic is None:
        return []
    total = evidence.traffic.total
    quantiles = total.peak_requests_per_second
    line = _("Peak {at}: p50 {p50}, p90 {p90}, p99 {p99} requests/s").format(
        at=local_minute(total.peak_at_utc, zone),
        p50=spoken(quantiles.p50),
        p90=spoken(quantiles.p90),
        p99=spoken(quantiles.p99),
    )
    return [line]


def _replicas(evidence: Evidence) -> list[str]:
    if evidence.autoscaling is None:
        return []
    peaks = ", ".join(f"{name} {service.replicas.peak}" for name, service in evidence.autoscaling.services.items())
    return [_("Replicas at peak: {peaks}").format(peaks=peaks)]


def _due(checklist: Checklist, zone: ZoneInfo) -> list[str]:
    """The gates that follow: what is open there, and who has not signed."""
    lines = []
    for gate in checklist.gates:
        if gate.gate in ("G3", "G4") and not gate.open:
            roles = ", ".join(str(ROLE_LABELS[s.role]) for s in gate.signatures if s.state != "pass") or "-"
            lines.append(
                _("{gate} {title} until {at}: {missing} items open, to sign: {roles}").format(
                    gate=gate.gate,
                    title=gate.title,
                    at=local_minute(gate.due_at_utc, zone),
                    missing=len(gate.missing),
                    roles=roles,
                )
            )
    return lines
