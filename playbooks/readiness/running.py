"""Checks of the running system and of who stands ready: replicas, floors, caches, sources, seats, drills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from campaign.language import Text, say
from campaign.numbers import local_minute, percent
from playbooks.autoscaling.orders import floor_at, ready_at
from playbooks.readiness.brought import Seat
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.finding import PASS, PENDING, Finding, joined
from playbooks.readiness.readings import Sample
from playbooks.readiness.scaling import HELD

SAMPLE_GAP = timedelta(minutes=1)  # the first of ten minutes' samples may lie a step or two inside them
LATE_TIMES, LATE_LEAST = 3, timedelta(hours=1)
SINGLE_SEATS = ("commander", "deputy", "scribe")
DOUBLE_SEATS = ("marketing", "sre", "ops", "support")  # two deep: one sleeps, or loses the network
BEFORE_START = timedelta(hours=1)
HOUR = timedelta(hours=1)


def replicas(evidence: Evidence) -> Finding:
    """Every planned service has as many ready replicas at the newest reading as its plan should have ready by then."""
    sample = _newest(evidence)
    if sample is None or evidence.autoscaling is None:
        return PENDING
    short = list(_short(evidence, sample, {}, say("{service} has {has} of {needed} replicas ready")))
    return Finding("fail" if short else "pass", joined(short) if short else None, sample.at_utc)


def floor_held(evidence: Evidence) -> Finding:
    """For ten minutes up to the newest reading no service's floor (ready replicas, without one) was below the plan."""
    newest = _newest(evidence)
    if newest is None or evidence.autoscaling is None or evidence.readings is None:
        return PENDING
    held = [s for s in evidence.readings.samples if newest.at_utc - s.at_utc <= HELD]
    if newest.at_utc - held[0].at_utc < HELD - SAMPLE_GAP:
        minutes = round((newest.at_utc - held[0].at_utc) / timedelta(minutes=1))
        return Finding("pending", say("read for {minutes} minutes so far, ten are needed", minutes=minutes))
    for sample in held:
        short = list(_short(evidence, sample, sample.floor, say("{service} was held at {has} of {needed}")))
        if short:
            at = local_minute(sample.at_utc, evidence.settings.zone)
            return Finding("fail", say("{at}: {what}", at=at, what=joined(short)), newest.at_utc)
    return Finding("pass", None, newest.at_utc)


def _newest(evidence: Evidence) -> Sample | None:
    return evidence.readings.samples[-1] if evidence.readings and evidence.readings.samples else None


def _short(evidence: Evidence, sample: Sample, floors: dict[str, float], words: Text) -> Iterator[Text]:
    """floors: minReplicas as read; where there is none, ready replicas count, a start-up after they were ordered."""
    assert evidence.autoscaling
    for name, service in evidence.autoscaling.services.items():
        has = floors.get(name, sample.ready.get(name))
        needed = (floor_at if name in floors else ready_at)(service, sample.at_utc)
        if has is None:
            yield say("{service} was not read", service=name)
        elif has < needed:
            yield Text(words.message, {"service": name, "has": f"{has:g}", "needed": needed})


def caches_warm(evidence: Evidence) -> Finding:
    hits = evidence.readings.cache_hits if evidence.readings else None
    if hits is None:
        return PENDING
    cold = [f"{name} {percent(ratio)}" for name, ratio in sorted(hits.ratios.items()) if ratio < hits.at_least_ratio]
    if cold:
        note = say("below {wanted}: {names}", wanted=percent(hits.at_least_ratio), names=", ".join(cold))
        return Finding("fail", note, hits.at_utc)
    return Finding("pass", None, hits.at_utc)


def sources_fresh(evidence: Evidence, now: datetime) -> Finding:
    """Each source was pulled within three times its own lateness (an hour at least); the newest row is not old."""
    if evidence.history_ends_at_utc is None:
        return Finding("pending", say("history/ has no traffic yet"))
    late = [
        say("{source} was last pulled {hours} h ago", source=name, hours=f"{(now - mark.pulled_until) / HOUR:.1f}")
        for name, mark in sorted(evidence.watermarks.items())
        if now - mark.pulled_until > max(LATE_TIMES * mark.lateness, LATE_LEAST)
    ]
    if late:
        return Finding("stale", joined(late), evidence.history_ends_at_utc)
    return Finding("pass", None, evidence.history_ends_at_utc)


def figures_settled(evidence: Evidence) -> Finding:
    """Every source that is pulled is final beyond the campaign's end; a signed note does where none is."""
    ends = evidence.plan.ends_at
    marks = evidence.watermarks
    open_marks = {n: m.final_until for n, m in marks.items() if m.final_until is None or m.final_until < ends}
    if not marks:
        return PENDING
    if open_marks:
        names = ", ".join(sorted(open_marks))
        return Finding("pending", say("not final up to the campaign's end yet: {names}", names=names))
    return PASS


def war_room_roster(evidence: Evidence) -> Finding:
    """No hour from an hour before the start to the end without each seat, desks two deep, everyone acknowledged."""
    if evidence.seats is None:
        return PENDING
    silent = sorted({seat.name for seat in evidence.seats if not seat.acknowledged})
    if silent:
        return Finding("pending", say("not acknowledged yet: {names}", names=", ".join(silent)))
    wanted = dict.fromkeys(SINGLE_SEATS, 1) | {
        seat: 2 for seat in DOUBLE_SEATS if seat != "support" or evidence.settings.desks
    }
    hour = evidence.plan.starts_at - BEFORE_START
    while hour < evidence.plan.ends_at:
        for seat, count in wanted.items():
            there = people_at(evidence.seats, seat, hour, min(hour + HOUR, evidence.plan.ends_at))
            if there < count:
                at = local_minute(hour, evidence.settings.zone)
                note = say("{at}: {seat} has {there} of {count} people", at=at, seat=seat, there=there, count=count)
                return Finding("fail", note)
        hour += HOUR
    return PASS


def people_at(seats: tuple[Seat, ...], seat: str, starts_at: datetime, ends_at: datetime) -> int:
    """How many different people hold a seat through the whole stretch; relays within it count as one."""
    instants = [starts_at, *(s.starts_at for s in seats if starts_at < s.starts_at < ends_at)]
    instants += [s.ends_at for s in seats if starts_at < s.ends_at < ends_at]
    return min(len({s.name for s in seats if s.seat == seat and s.starts_at <= at < s.ends_at}) for at in instants)


def switches_drilled(evidence: Evidence) -> Finding:
    """Each switch has its seconds to effect: in surgeplan.yaml, or in a drill record that was also undone."""
    known = {drill.switch: drill for drill in sorted(evidence.drills, key=lambda drill: drill.drilled_at)}
    switches = [switch.id for switch in evidence.settings.switches if switch.drilled_seconds is None]
    idle = [name for name in switches if name not in known]
    if idle:
        return Finding("pending", say("not drilled yet: {names}", names=", ".join(idle)))
    stuck = [name for name in switches if not known[name].undone]
    if stuck:
        return Finding("fail", say("pulled, but not put back: {names}", names=", ".join(stuck)))
    oldest = min((known[name].drilled_at for name in switches), default=None)
    return Finding("pass", None, oldest)
