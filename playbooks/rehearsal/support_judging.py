"""What support met in a rehearsal: how surely each desk breaks its promise and when, waits, contacts that give up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np

from campaign.language import Text, say
from campaign.numbers import Quantity, local_minute, percent
from campaign.settings import Settings
from campaign.traffic import Quantiles
from playbooks.rehearsal.certainty import interval, with_interval
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.judging import lost_orders_by_minute
from playbooks.rehearsal.record import DeskOutcome, Verdict
from playbooks.rehearsal.support import (
    Bools,
    Floats,
    Support,
    SupportDesk,
    TicketRules,
    by_half_hour,
    play_support,
)  # fmt: skip
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played


def supported(inputs: Inputs, played: Played, only: str | None = None) -> dict[str, DeskPlayed]:
    """The desks after the event was played; none where none are rehearsed. Lost orders change what support is asked."""
    support = inputs.support
    if support is None:
        return {}
    return play_support(support, lost_by_half_hour(inputs, played, support), only)


def lost_by_half_hour(inputs: Inputs, played: Played, support: Support) -> Floats:
    """[path, half_hour] of the support's: orders lost for good."""
    lost = lost_orders_by_minute(inputs, played).astype(np.float64)
    return by_half_hour(lost, inputs.starts_at_utc, support)


def breaking(desk: SupportDesk, met: DeskPlayed) -> Bools:
    """[path]: the promise is broken over all judged half-hours together."""
    found: Bools = met.event_level_ratio(desk.judged) < desk.target_ratio - 1e-9
    return found


def unserved(desk: SupportDesk, met: DeskPlayed) -> Floats:
    """[path]: contacts that give up in judged half-hours; of tickets those that are late."""
    missed = met.attempts * (1 - met.level_ratio) if isinstance(desk.rules, TicketRules) else met.abandoned
    found: Floats = (missed * desk.judged).sum(axis=1)
    return found


def outcomes(support: Support | None, played: Mapping[str, DeskPlayed]) -> tuple[DeskOutcome, ...]:
    """One for each desk, in the workspace's order."""
    return () if support is None else tuple(_outcome(support, desk, played[desk.name]) for desk in support.desks)


def _outcome(support: Support, desk: SupportDesk, met: DeskPlayed) -> DeskOutcome:
    below, broken = _below(desk, met).mean(axis=0), breaking(desk, met)
    busiest = int((met.attempts.mean(axis=0) * desk.judged).argmax())
    worst = int(below.argmax()) if below.any() else busiest
    return DeskOutcome(
        desk=desk.name,
        target_ratio=desk.target_ratio,
        within_seconds=desk.within_seconds,
        accepted_ratio=support.accepted_ratio,
        breaks_ratio=float(broken.mean()),
        breaks_interval=interval(int(broken.sum()), len(broken)),
        half_hour_ratio=float(below[worst]),
        worst_at_utc=support.time_of(worst),
        level_ratio=Quantiles.of(met.event_level_ratio(desk.judged)),
        longest_wait_minutes=Quantiles.of((met.longest_wait_seconds * desk.judged).max(axis=1) / 60),
        given_up=Quantiles.of(unserved(desk, met)),
        attempts_mean=float((met.attempts * desk.judged).sum(axis=1).mean()),
    )


def _below(desk: SupportDesk, met: DeskPlayed) -> Bools:
    """[path, half_hour]: below the promise, where it is judged and anybody comes."""
    found: Bools = (met.level_ratio < desk.target_ratio - 1e-9) & desk.judged & (met.attempts > 0.5)
    return found


def with_desks(outcome: Verdict, why: Text, desks: Sequence[DeskOutcome]) -> tuple[Verdict, Text]:
    """The services' verdict, unless it is a GO and a desk breaks its promise more often than its plan accepts."""
    open_or_broken = [desk for desk in desks if not desk.surely_keeps]
    if not open_or_broken or outcome == "no-go":
        return outcome, why
    worst = max(open_or_broken, key=lambda desk: desk.breaks_interval.low - desk.accepted_ratio)
    said = {
        "desk": worst.desk, "target": percent(worst.target_ratio), "accepted": percent(worst.accepted_ratio),
        "ratio": with_interval(worst.breaks_ratio, worst.breaks_interval),
    }  # fmt: skip
    if worst.surely_breaks:
        return "no-go", say(
            "the {desk} desk breaks its promise ({target}) in {ratio} of events; {accepted} is accepted", **said
        )
    if outcome == "too-close":
        return outcome, why
    return "too-close", say(
        "the {desk} desk breaks its promise ({target}) in {ratio} of events; {accepted} is accepted, and so many paths "
        "do not decide",
        **said,
    )


def told_of_desks(support: Support, played: Mapping[str, DeskPlayed], path: int, zone: ZoneInfo) -> Iterator[Text]:
    """What support met on one path: desks that broke their promise, their longest wait and until when it lasted."""
    for desk in support.desks:
        met = played[desk.name]
        below = np.flatnonzero(_below(desk, met)[path])
        if not len(below) or not breaking(desk, met)[path]:
            continue
        waits = met.longest_wait_seconds[path] * desk.judged
        yield say(
            "{desk}: {level} in time, wait up to {wait}, below its promise until {time}, {count} {left}",
            desk=desk.name,
            level=percent(float(met.event_level_ratio(desk.judged)[path])),
            wait=duration(float(waits.max())),
            time=local_minute(support.time_of(_end_of_stretch(below, int(waits.argmax()))), zone),
            count=Quantity(float(unserved(desk, met)[path])),
            left=say("late") if isinstance(desk.rules, TicketRules) else say("gave up"),
        )


def _end_of_stretch(below: np.ndarray, worst: int) -> int:
    """The end of the half-hours below the promise around, or else after, the worst one."""
    ends = [int(part[-1]) + 1 for part in np.split(below, np.flatnonzero(np.diff(below) > 1) + 1)]
    return next((end for end in ends if end > worst), ends[-1])


def duration(seconds: float) -> Text:
    """Minutes, or hours from two on."""
    if seconds >= 2 * 3600:
        return say("{hours:g} h", hours=round(seconds / 3600, 1))
    if seconds < 60:
        return say("{seconds} s", seconds=round(seconds))
    return say("{minutes} min", minutes=round(seconds / 60))


def desks_assumed(settings: Settings, support: Support | None) -> Iterator[Text]:
    """What the desks' part takes for granted."""
    if support is None:
        if settings.desks:
            yield say("no staffing plan: support desks and the bot are not part of this rehearsal")
        return
    rules = support.lost_orders
    yield say(
        "desks are played with the people of the staffing plan; a desk breaks its promise where its level over the "
        "whole event is below it, and {ratio} of events may, as the plan is made for",
        ratio=percent(support.accepted_ratio),
    )  # fmt: skip
    yield say(
        "{follow} of a desk's contacts follow orders, after an hour to a week: lost orders take theirs with them; "
        "{complain} of those who lose an order complain in the same half-hour",
        follow=percent(rules.follow_ratio), complain=percent(rules.complain_ratio),
    )  # fmt: skip
    if any(desk.bot for desk in support.desks):
        yield say("what the bot contains and resolves is drawn for each path from its ranges")
    for desk in support.desks:
        if desk.missed is None and not isinstance(desk.rules, TicketRules):
            yield say("{desk}: no table of levels (staffing_levels.npz); small desks look up to 3 points off",
                      desk=desk.name)  # fmt: skip
