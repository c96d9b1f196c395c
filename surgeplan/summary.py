"""What a person wants to know first of a whole pack, as rows of words and as one JSON document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

from campaign.console import width
from campaign.language import _
from campaign.numbers import local_minute, spoken
from campaign.traffic import QUANTILES, Peak
from playbooks.autoscaling.plan import ServicePlan
from playbooks.rehearsal.settling import settled_in_words
from playbooks.rehearsal.verdict import headline
from surgeplan.run import Pack

SERVICES_MOST, SERVICES_SHOWN = 12, 10


def summary_rows(pack: Pack, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Label and words of each line of the summary, in reading order."""
    rehearsal = pack.playbook.rehearsal
    rows = []
    if rehearsal:
        rows.append((_("rehearsal"), str(headline(rehearsal))))
        if settled := settled_in_words(rehearsal):
            rows.append((_("what would do"), str(settled)))
    if missing := pack.playbook.missing:
        rows.append((_("no rehearsal"), f"{missing.what}: {missing.todo}"))
    rows.append((_("peak, all services"), _peak_in_words(pack.traffic.total, zone)))
    peaks = pack.traffic.services
    rows += [(name, _peak_in_words(peaks[name], zone)) for name in _shown(largest_peaks(pack))]
    if left_out := len(peaks) - len(_shown(peaks)):
        rows.append((_("{n} more services").format(n=left_out), _("in index.html")))
    rows.append((_("replicas at peak"), _replicas_in_words(largest_fleets(pack))))
    agents = ", ".join(f"{desk.desk} {desk.peak.agents_required}" for desk in pack.playbook.staffing.desks)
    rows.append((_("agents at peak"), agents or "-"))
    gates = ", ".join(f"{gate} {count}" for gate, count in gates_in_words(pack).items())
    rows.append((_("checklist items by gate"), gates))
    return rows


def largest_peaks(pack: Pack) -> dict[str, Peak]:
    """Every service's peak, the largest first."""
    peaks = pack.traffic.services.items()
    return dict(sorted(peaks, key=lambda each: -each[1].peak_requests_per_second.p50))


def largest_fleets(pack: Pack) -> dict[str, ServicePlan]:
    """Every planned service, the one with most replicas first."""
    plans = pack.playbook.autoscaling.services if pack.playbook.autoscaling else {}
    return dict(sorted(plans.items(), key=lambda each: -each[1].replicas.peak))


def _shown(services: Collection[str]) -> list[str]:
    """All of a dozen services, the first ten of more."""
    return list(services)[: None if len(services) <= SERVICES_MOST else SERVICES_SHOWN]


def _replicas_in_words(plans: dict[str, ServicePlan]) -> str:
    shown = _shown(plans)
    said = ", ".join(f"{name} {plans[name].replicas.peak}" for name in shown) or "-"
    left_out = len(plans) - len(shown)
    return _("{these}, and {n} more services").format(these=said, n=left_out) if left_out else said


def summary_text(pack: Pack, zone: ZoneInfo) -> str:
    """The rows under the campaign's title, labels aligned."""
    rows = summary_rows(pack, zone)
    widest = max(width(label) for label, _words in rows)
    lines = [f"{label}{' ' * (widest - width(label))}  {words}" for label, words in rows]
    return "\n".join([pack.plan.title, *lines])


def _peak_in_words(peak: Peak, zone: ZoneInfo) -> str:
    q = peak.peak_requests_per_second
    return _("p50 {p50}, p90 {p90}, p99 {p99} requests/s at {time}").format(
        p50=spoken(q.p50), p90=spoken(q.p90), p99=spoken(q.p99), time=local_minute(peak.peak_at_utc, zone)
    )


def items_by_gate(pack: Pack) -> dict[str, int]:
    """How many checklist items each gate waits for, in the gates' order; those of no gate last, as `-`."""
    counted = Counter(item.gate or "-" for item in pack.playbook.checklist.items)
    return {gate: counted[gate] for gate in sorted(counted, key=lambda gate: (gate == "-", gate))}


def gates_in_words(pack: Pack) -> dict[str, int]:
    """The same, with words for those of no gate."""
    return {_("no gate") if gate == "-" else gate: count for gate, count in items_by_gate(pack).items()}


def summary_document(pack: Pack, files: list[str]) -> dict[str, Any]:
    """The same summary for machines."""
    peaks = {"total": pack.traffic.total, **pack.traffic.services}
    rehearsal, autoscaling = pack.playbook.rehearsal, pack.playbook.autoscaling
    return {
        "campaign": pack.plan.id,
        "as_of_utc": pack.traffic.as_of_utc.isoformat(),
        "verdict": rehearsal.verdict if rehearsal else None,
        "verdict_why": rehearsal.why.en if rehearsal else None,
        "missing": [pack.playbook.missing.as_json()] if pack.playbook.missing else [],
        "peaks": {
            name: {q: getattr(peak.peak_requests_per_second, q) for q in QUANTILES}
            | {"peak_at_utc": peak.peak_at_utc.isoformat()}
            for name, peak in peaks.items()
        },
        "replicas_at_peak": {n: p.replicas.peak for n, p in autoscaling.services.items()} if autoscaling else {},
        "agents_at_peak": {desk.desk: desk.peak.agents_required for desk in pack.playbook.staffing.desks},
        "items_by_gate": items_by_gate(pack),
        "files": files,
    }
