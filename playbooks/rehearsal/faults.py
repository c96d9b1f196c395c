"""Drills: what `--inject` does to a rehearsal, each a word and its figures between colons."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from playbooks.rehearsal.inputs import Inputs, with_demand, with_limit, with_node_wait, with_outage
from playbooks.rehearsal.sends import with_send_early
from playbooks.rehearsal.support import with_bot_down

KEY = "--inject"
CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
SHAPES = {
    "lose-replicas": "lose-replicas:SERVICE:SHARE@HH:MM",
    "node-wait": "node-wait:TIMES",
    "limit": "limit:NAME:TIMES",
    "forecast": "forecast:TIMES",
    "push-early": "push-early:MINUTESm[@HH:MM]",
    "bot-down": "bot-down[:HH:MM-HH:MM]",
}


def injected(inputs: Inputs, fault: str, zone: ZoneInfo) -> Inputs:
    """The same event with one fault, such as `lose-replicas:checkout:0.33@20:02`.

    Raises:
        UserError: an unknown fault, service or limit, or figures that do not fit.
    """
    word, _colon, rest = fault.partition(":")
    if word not in SHAPES:
        raise UserError(Problem(say("there is no fault {name}", name=word), nearest(word, SHAPES), key=KEY))
    if word == "lose-replicas":
        return _losing(inputs, rest, zone)
    if word == "limit":
        name, _colon, times = rest.rpartition(":")
        _require_known(name, [limit.name for limit in inputs.limits])
        return with_limit(inputs, name, _times(word, times))
    if word == "bot-down":
        return _without_bot(inputs, rest, zone)
    if word == "push-early":
        return _early(inputs, rest, zone)
    if word == "node-wait":
        return _waiting(inputs, _times(word, rest))
    return with_demand(inputs, _times(word, rest))


def _early(inputs: Inputs, rest: str, zone: ZoneInfo) -> Inputs:
    found = _matched("push-early", rf"(\d{{1,3}})m?(?:@{CLOCK})?", rest)
    if not inputs.sends:
        what = say("the forecast knows of no send within the planned hours")
        raise UserError(Problem(what, say("run `surgeplan forecast` again if the plan has one"), key=KEY))
    send = max(inputs.sends, key=lambda each: each.most_requests_per_second)
    if found[2] is not None:
        clock = f"{found[2]}:{found[3]}"
        known = {f"{inputs.time_of(each.minute).astimezone(zone):%H:%M}": each for each in inputs.sends}
        if clock not in known:
            what = say("nothing is sent at {time}", time=clock)
            raise UserError(Problem(what, say("known: {names}", names=", ".join(known)), key=KEY))
        send = known[clock]
    minutes = int(found[1])
    if minutes > send.minute:
        what = say("{minutes} minutes early is before the planned hours begin", minutes=minutes)
        todo = say("the plan begins {count} minutes before it is sent", count=send.minute)
        raise UserError(Problem(what, todo, key=KEY))
    return replace(inputs, demand=with_send_early(inputs.demand, send, minutes))


def _without_bot(inputs: Inputs, rest: str, zone: ZoneInfo) -> Inputs:
    support = inputs.support
    if support is None or all(desk.bot is None for desk in support.desks):
        what = say("no desk with a bot is rehearsed, so a bot that fails changes nothing")
        raise UserError(Problem(what, say("leave this fault out"), key=KEY))
    if not rest:
        return replace(inputs, support=with_bot_down(support, support.time_of(0), support.time_of(support.half_hours)))
    found = _matched("bot-down", rf"{CLOCK}-{CLOCK}", rest)
    begin = _nearest_to_peak(inputs, int(found[1]), int(found[2]), zone)
    end = _nearest_to_peak(inputs, int(found[3]), int(found[4]), zone)
    while end <= begin:
        end += timedelta(days=1)
    return replace(inputs, support=with_bot_down(support, begin, end))


def _waiting(inputs: Inputs, times: float) -> Inputs:
    if all(fleet.nodes is None for fleet in inputs.fleets):
        what = say("no service waits for nodes in this plan, so waiting longer changes nothing")
        raise UserError(Problem(what, say("leave this fault out"), key=KEY))
    return with_node_wait(inputs, times)


def _losing(inputs: Inputs, rest: str, zone: ZoneInfo) -> Inputs:
    found = _matched("lose-replicas", rf"(.+):(0?\.\d+|1(?:\.0*)?)@{CLOCK}", rest)
    _require_known(found[1], inputs.services)
    if found[1] in inputs.never_full:
        what = say("{service} has no known capacity and is never full here", service=found[1])
        todo = say("run `surgeplan loadtest capacity {service}` first", service=found[1])
        raise UserError(Problem(what, todo, key=KEY))
    at = _nearest_to_peak(inputs, int(found[3]), int(found[4]), zone)
    if not 0 <= inputs.minute_of(at) < inputs.demand.minutes:
        what = say("{time} is outside the planned hours", time=f"{found[3]}:{found[4]}")
        raise UserError(Problem(what, say("choose a time between the plan's first and last step"), key=KEY))
    return with_outage(inputs, found[1], float(found[2]), at)


def _nearest_to_peak(inputs: Inputs, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """The instant of that wall time closest to the busiest minute."""
    peak = inputs.time_of(int(inputs.demand.requests_per_second.sum(axis=0).mean(axis=0).argmax()))
    local = peak.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    days = (local + timedelta(days=shift) for shift in (-1, 0, 1))
    return min(days, key=lambda at: abs(at - peak)).astimezone(UTC)


def _times(word: str, text: str) -> float:
    """A factor above zero: nothing at all of a forecast or a wait is no fault."""
    return float(_matched(word, r"((?!0+(?:\.0+)?$)\d+(?:\.\d+)?)", text)[1])


def _matched(word: str, pattern: str, text: str) -> re.Match[str]:
    found = re.fullmatch(pattern, text)
    if found is None:
        what: Text = say("{given} does not say how much", given=f"{word}:{text}".rstrip(":"))
        raise UserError(Problem(what, say("write {shape}", shape=SHAPES[word]), key=KEY))
    return found


def _require_known(name: str, known: list[str] | tuple[str, ...]) -> None:
    if name not in known:
        raise UserError(Problem(say("there is no {name}", name=name), nearest(name, known), key=KEY))
