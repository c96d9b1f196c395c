"""Checks of what the live side does by itself: the hourly sync, head-room before pushes, scaling down."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.language import say
from campaign.numbers import local_minute, percent
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.finding import PASS, PENDING, Finding, joined

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
CALM = timedelta(minutes=30)
NAMED_MOST = 3


def hourly_sync(evidence: Evidence, now: datetime) -> Finding:
    """Every closed hour of the campaign was synced by quarter past; the first fifteen minutes of one do not count."""
    plan, synced = evidence.plan, evidence.live.synced
    if not synced:
        return PENDING
    hour, due = min(synced), []
    first = plan.starts_at.replace(minute=0, second=0, microsecond=0)
    hour = min(hour, first.astimezone(hour.tzinfo))
    while hour + HOUR + QUARTER <= now and hour < plan.ends_at:
        due.append(hour)
        hour += HOUR
    late = [h for h in due if h not in synced or synced[h] > h + HOUR + QUARTER]
    if late:
        zone = evidence.settings.zone_of(plan)
        hours = ", ".join(local_minute(h, zone) for h in late[:NAMED_MOST]) + (" …" if len(late) > NAMED_MOST else "")
        return Finding("fail", say("not synced by quarter past: {hours}", hours=hours))
    return Finding("pass", say("{count} hours synced by quarter past", count=len(due)), max(synced.values()))


def push_headroom(evidence: Evidence, now: datetime) -> Finding:
    """Before each send that has gone out, the re-forecast's p90 with it was seen to fit the capacity."""
    zone = evidence.settings.zone_of(evidence.plan)
    sent = sorted({send.at for send in evidence.plan.sends if send.at <= now})
    seen = evidence.live.headroom
    if not sent or not any(at in seen for at in sent):
        return PENDING
    unseen = [local_minute(at, zone) for at in sent if at not in seen]
    if unseen:
        return Finding("pending", say("not looked at before these sends: {times}", times=", ".join(unseen)))
    short = [
        say("{at}: p90 was {ratio} above the capacity", at=local_minute(at, zone), ratio=percent(-seen[at]))
        for at in sent
        if seen[at] < 0
    ]
    if short:
        return Finding("fail", joined(short))
    return Finding("pass", say("least head-room before a send: {ratio}", ratio=percent(min(seen[at] for at in sent))))


def scaled_down(evidence: Evidence, now: datetime) -> Finding:
    """After the end floors (ready replicas, without one) are the usual ones, and errors kept to the objective for half
    an hour up to that reading."""
    plan, scaling = evidence.plan, evidence.autoscaling
    samples = evidence.readings.samples if evidence.readings else ()
    newest = samples[-1] if samples else None
    if scaling is None or newest is None or newest.at_utc < plan.ends_at or newest.at_utc > now:
        return PENDING
    floors = newest.ready | newest.floor
    high = []
    for name, service in scaling.services.items():
        usual = max(service.replicas.floor, evidence.settings.service(name).replicas.today or 0)
        if name not in floors:
            return Finding("pending", say("{service} was not read", service=name))
        if floors[name] > usual:
            high.append(
                say("{service} is held at {has}, usual {usual}", service=name, has=f"{floors[name]:g}", usual=usual)
            )
    if high:
        return Finding("pending", joined(high))
    return _calm(evidence, newest.at_utc)


def _calm(evidence: Evidence, until: datetime) -> Finding:
    assert evidence.autoscaling
    for name in evidence.autoscaling.services:
        most = evidence.settings.service(name).slo.error_ratio
        lately = {at: ratio for at, ratio in evidence.live.errors.get(name, {}).items() if until - CALM <= at <= until}
        if most is None or not lately or max(lately) - min(lately) < CALM - 2 * timedelta(minutes=1):
            return Finding("pending", say("{service}: errors were not read for half an hour", service=name))
        mean = sum(lately.values()) / len(lately)
        if mean > most:
            words = say("{service}: {ratio} errors since it was scaled down", service=name, ratio=percent(mean))
            return Finding("fail", words, until)
    return Finding("pass", PASS.note, until)
