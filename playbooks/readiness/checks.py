"""The machine checks: each a pure function from evidence to a finding.

A finding without evidence is pending; `stale` means that the evidence is there but proves something else by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from campaign.language import Text, say
from campaign.numbers import local_minute, spoken
from campaign.traffic import Quantiles
from playbooks.readiness.binding import Binding, changed
from playbooks.readiness.coverage import covered
from playbooks.readiness.evidence import Evidence, StaffedSlot
from playbooks.readiness.finding import PASS, PENDING, Finding, joined
from playbooks.readiness.limits import limits_kept
from playbooks.readiness.live_checks import hourly_sync, push_headroom, scaled_down
from playbooks.readiness.rehearsed import rehearsal
from playbooks.readiness.running import (
    caches_warm,
    figures_settled,
    floor_held,
    replicas,
    sources_fresh,
    switches_drilled,
    war_room_roster,
)
from playbooks.readiness.scale_coverage import falls_short

QUOTA_MARGIN = 1.2  # a limit met exactly at p90 is exceeded in one campaign of ten
SPIKE_MARGIN = 1.5  # Shopify tests at 150 % of the year before
QUESTIONS_PER_OFFER = 5
REPLAY_PASS_RATIO = 0.9


def plan_complete(evidence: Evidence) -> Finding:
    plan = evidence.plan
    missing = [
        key
        for key, there in (
            ("owner.contact", plan.owner.contact),
            ("channels", plan.channels or plan.moments),
            ("offers", plan.offers),
            ("expected", plan.expected),
        )
        if not there
    ]
    if missing:
        return Finding("pending", say("the plan does not say yet: {keys}", keys=", ".join(missing)))
    return PASS


def metrics_agreed(evidence: Evidence) -> Finding:
    if not (evidence.plan.metrics or evidence.plan.expected):
        return Finding("pending", say("the plan names no metric yet"))
    if evidence.unapproved_metrics:
        names = ", ".join(evidence.unapproved_metrics)
        return Finding("pending", say("not approved by both roles: {names}", names=names))
    return PASS


def traffic_model(evidence: Evidence) -> Finding:
    model = evidence.traffic
    if model is None:
        return Finding("pending", say("there is no traffic.json yet"))
    if model.inputs.get(evidence.plan_file) in evidence.plan_hashes:
        return Finding("pass", None, model.as_of_utc)
    if _only_wording_since(evidence, model.inputs.get(evidence.plan_file)):
        return Finding("pass", say("only the plan's wording changed since"), model.as_of_utc)
    return Finding("stale", say("the plan changed after traffic.json was made"), model.as_of_utc)


def _only_wording_since(evidence: Evidence, plan_hash: str | None) -> bool:
    """Whether the plan of that hash, as it was frozen or last seen, asks for the same demand as today's."""
    bundle, demand = evidence.bundle, evidence.binding.parts.get("demand")
    if bundle is not None and bundle.files.get(evidence.plan_file) == plan_hash:
        return bundle.components.get("demand") == demand
    return demand is not None and evidence.demands.get(plan_hash or "") == demand


FROZEN_PARTS = ("demand", "dictionary", "model")


def frozen(evidence: Evidence) -> Finding:
    bundle = evidence.bundle
    if bundle is None:
        return Finding("pending", say("not frozen yet: surgeplan freeze {id}", id=evidence.plan.id))
    if evidence.bundle_damage:
        names = ", ".join(evidence.bundle_damage)
        return Finding("fail", say("bundle {hash} is not as it was frozen: {names}", hash=bundle.hash, names=names))
    signed = Binding(bundle.components, bundle.peaks)
    since = changed(signed, evidence.binding, FROZEN_PARTS)
    if since:
        return Finding("stale", say("{what} since the freeze", what=joined(since)))
    if changed(signed, evidence.binding, ("wording",)):
        note = say("bundle {hash}; the plan's wording changed since", hash=bundle.hash)
        return Finding("pass", note)
    return Finding("pass", say("bundle {hash}", hash=bundle.hash))


def decision(evidence: Evidence) -> Finding:
    decided = evidence.standing.decision
    if decided is None:
        return PENDING
    verdict = say("{verdict} by {actor}", verdict=str(decided.body["verdict"]).upper(), actor=decided.actor)
    if decided.body["verdict"] == "no-go":
        return Finding("fail", verdict)
    limits = [f"{name} ≤ {value:g}" for name, value in sorted(decided.body.get("limits", {}).items())]
    note = say("{verdict}: {limits}", verdict=verdict, limits=", ".join(limits)) if limits else verdict
    return Finding("pass", note, decided.at_utc)


def load_test_covers(evidence: Evidence) -> Finding:
    """Every service reached its p90 in a valid run, of the image that will run, in this mix, and as steeply."""
    finding = load_test_full(evidence)
    run, model = evidence.load_test, evidence.traffic
    if finding.state != "pass" or run is None or model is None:
        return finding
    return covered(evidence, run, model)


def quotas(evidence: Evidence) -> Finding:
    settings, model = evidence.settings, evidence.traffic
    if not settings.limits:
        return Finding("pending", say("surgeplan.yaml names no limits: list them, or waive this item with a reason"))
    if model is None:
        return Finding("pending", say("there is no traffic.json yet"))
    used = {"rate": {name: peak.peak_requests_per_second.p90 for name, peak in model.services.items()}}
    used["per_replica"] = _peak_replicas(evidence)
    short: list[Text] = []
    for limit in settings.limits:
        if any(name not in used[limit.kind] for name in limit.used_by if name in model.services):
            return Finding("pending", say("there is no autoscaling.json yet"))
        needed = QUOTA_MARGIN * sum(each * used[limit.kind].get(name, 0.0) for name, each in limit.used_by.items())
        if needed > limit.total - limit.reserved:
            here = spoken(limit.total - limit.reserved)
            short.append(say("{limit} needs {needed}, has {has}", limit=limit.name, needed=spoken(needed), has=here))
    return Finding("fail", joined(short)) if short else PASS


def _peak_replicas(evidence: Evidence) -> dict[str, float]:
    plan = evidence.autoscaling
    return {name: float(service.replicas.peak) for name, service in plan.services.items()} if plan else {}


def switch_table(evidence: Evidence) -> Finding:
    switches = evidence.settings.switches
    if not switches:
        return Finding("pending", say("surgeplan.yaml names no switches yet"))
    bare = [s.id for s in switches if not (s.action and s.executor and s.undo and s.effect)]
    if bare:
        return Finding("fail", say("without action, executor, effect or undo: {names}", names=", ".join(bare)))
    open_stages = stages_without_switch(evidence)
    if open_stages:
        note = say("no switch sheds {stages}: add one, or sign the reason", stages=", ".join(open_stages))
        return Finding("pending", note)
    return PASS


def stages_without_switch(evidence: Evidence) -> list[str]:
    """Stages of the funnel, but for the most valuable one, whose services no switch relieves."""
    ranks = [stage.value_rank for stage in evidence.settings.funnel if stage.value_rank is not None]
    relieved = {name for switch in evidence.settings.switches for name in switch.effect}
    return [
        stage.stage
        for stage in evidence.settings.funnel
        if stage.value_rank is not None and stage.value_rank > min(ranks) and not relieved & stage.requests.keys()
    ]


def declared_services(evidence: Evidence) -> list[str]:
    """Services of this campaign whose capacity nobody has measured."""
    touched = evidence.traffic.services if evidence.traffic else evidence.capacities
    return [name for name, known in evidence.capacities.items() if known.source == "declared" and name in touched]


def capacity_measured(evidence: Evidence) -> Finding:
    declared = declared_services(evidence)
    return Finding("pending", say("declared, not measured: {names}", names=", ".join(declared))) if declared else PASS


def load_test_first(evidence: Evidence) -> Finding:
    return _tested(evidence, lambda peak: peak.p50)


def load_test_full(evidence: Evidence) -> Finding:
    return _tested(evidence, lambda peak: peak.p90)


def load_test_margin(evidence: Evidence) -> Finding:
    return _tested(evidence, lambda peak: SPIKE_MARGIN * peak.p90)


def _tested(evidence: Evidence, target: Callable[[Quantiles], float]) -> Finding:
    run, model = evidence.load_test, evidence.traffic
    if run is None or model is None:
        missing = "loadtest/results.json" if model else "traffic.json"
        return Finding("pending", say("there is no {file} yet", file=missing))
    if not run.counts:
        return Finding("pending", say("the last run was practice or scaled down: it proves nothing about the campaign"))
    if run.outcome in ("INVALID", "INCONCLUSIVE"):
        return Finding("pending", say("the last run is {outcome}: run it again", outcome=run.outcome), run.ended_at_utc)
    if run.outcome != "GO":
        return Finding("fail", say("the last run is {outcome}", outcome=run.outcome), run.ended_at_utc)
    short = [
        say(
            "{service} tested to {tested} of {needed} requests/s", service=name, tested=spoken(tested), needed=spoken(n)
        )
        for name, peak in model.services.items()
        if (tested := run.tested.get(name, 0.0)) < (n := target(peak.peak_requests_per_second))
    ]
    return Finding("fail", joined(short), run.ended_at_utc) if short else Finding("pass", None, run.ended_at_utc)


def staffing(evidence: Evidence) -> Finding:
    slots = evidence.staffing
    if slots is None:
        return Finding("pending", say("there is no staffing.csv yet"))
    open_slots = [slot for slot in slots if slot.rostered is None]
    if open_slots:
        return Finding("pending", say("{count} half-hours have no roster yet", count=len(open_slots)))
    targets = {desk.name: desk.service_level.ratio for desk in evidence.settings.desks}
    short = [slot for slot in slots if _short(slot, targets.get(slot.desk))]
    if short:
        first = short[0]
        at = local_minute(first.starts_at_utc, evidence.settings.zone)
        note = say(
            "{count} half-hours are short, the first at {at} on {desk}", count=len(short), at=at, desk=first.desk
        )
        return Finding("fail", note)
    return PASS


def _short(slot: StaffedSlot, target_ratio: float | None) -> bool:
    """Short of the desk's service level, or of agents where the level is not known; closed hours need nobody."""
    if slot.required <= 0:
        return False
    if slot.service_level_ratio is not None and target_ratio is not None:
        return slot.service_level_ratio < target_ratio
    return slot.rostered is not None and slot.rostered < slot.required


def bot_replay(evidence: Evidence) -> Finding:
    offers = [offer.id for offer in evidence.plan.offers]
    if evidence.bot_replay is None:
        if evidence.bot_training is None:
            return Finding("pending", say("there is no bot_training.csv yet"))
        return Finding("pending", say("bot_training.csv is ready; the replay is not in evidence/ yet"))
    thin = [o for o in offers if (r := evidence.bot_replay.get(o)) is None or r.questions < QUESTIONS_PER_OFFER]
    if thin:
        note = say("fewer than {count} questions: {names}", count=QUESTIONS_PER_OFFER, names=", ".join(thin))
        return Finding("pending", note)
    old = [o for o in offers if evidence.bot_replay[o].outdated]
    if old:
        return Finding("stale", say("replayed with other rules than today's: {names}", names=", ".join(old)))
    untried = [f"{o} {r.untried}" for o in offers if (r := evidence.bot_replay[o]).untried]
    if untried:
        return Finding("pending", say("questions that nobody tried on the bot yet: {names}", names=", ".join(untried)))
    weak = [
        f"{o} {r.passed}/{r.questions}"
        for o in offers
        if (r := evidence.bot_replay[o]).passed < REPLAY_PASS_RATIO * r.questions
    ]
    if weak:
        return Finding("fail", say("too many wrong answers: {names}", names=", ".join(weak)))
    if _reworded_since_the_replay(evidence):
        return Finding("stale", say("the plan's wording changed after this replay was frozen: replay again"))
    return PASS


def _reworded_since_the_replay(evidence: Evidence) -> bool:
    """Whether the very replay of the frozen bundle is there still, and the wording is another one."""
    bundle = evidence.bundle
    if bundle is None or bundle.files.get(f"evidence/{evidence.plan.id}/bot_replay.csv") != evidence.bot_replay_hash:
        return False
    return bundle.components.get("wording") != evidence.binding.parts.get("wording")


def autoscaling_plan(evidence: Evidence) -> Finding:
    if evidence.autoscaling is None:
        return Finding("pending", say("there is no autoscaling.json yet"))
    if evidence.autoscaling.model == evidence.traffic_hash:
        return PASS
    if evidence.traffic is None or evidence.rates is None:
        return Finding("stale", say("the traffic model changed after autoscaling.json was made"))
    short = falls_short(evidence.autoscaling, evidence.traffic, evidence.rates, evidence.settings)
    if short:
        return Finding("stale", joined(short))
    return Finding("pass", say("made for an earlier model; its floors carry this one"))


def event_report(evidence: Evidence) -> Finding:
    return PASS if evidence.retro else Finding("pending", say("there is no retro.json yet"))


def retrospective(evidence: Evidence) -> Finding:
    return PASS if evidence.learned else PENDING


def earlier_gates(evidence: Evidence) -> Finding:
    """Decided by `evaluate`, which alone sees the other items."""
    return PENDING


CHECKS: Mapping[str, Callable[[Evidence], Finding]] = {
    "plan-complete": plan_complete,
    "metrics-agreed": metrics_agreed,
    "traffic-model": traffic_model,
    "quotas": quotas,
    "capacity-measured": capacity_measured,
    "load-test-first": load_test_first,
    "load-test-full": load_test_full,
    "load-test-covers": load_test_covers,
    "load-test-margin": load_test_margin,
    "switch-table": switch_table,
    "switches-drilled": switches_drilled,
    "staffing": staffing,
    "earlier-gates": earlier_gates,
    "bot-replay": bot_replay,
    "frozen": frozen,
    "autoscaling-plan": autoscaling_plan,
    "rehearsal": rehearsal,
    "decision": decision,
    "limits-kept": limits_kept,
    "replicas": replicas,
    "floor-held": floor_held,
    "caches-warm": caches_warm,
    "war-room-roster": war_room_roster,
    "figures-settled": figures_settled,
    "event-report": event_report,
    "retrospective": retrospective,
}
TIMED_CHECKS: Mapping[str, Callable[[Evidence, datetime], Finding]] = {
    "sources-fresh": sources_fresh,
    "hourly-sync": hourly_sync,
    "push-headroom": push_headroom,
    "scaled-down": scaled_down,
}


def found(check: str, evidence: Evidence, now: datetime) -> Finding:
    """What a check finds at `now`."""
    timed = TIMED_CHECKS.get(check)
    return timed(evidence, now) if timed else CHECKS[check](evidence)
