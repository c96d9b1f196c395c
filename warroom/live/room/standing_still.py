"""What stands still, in words: work that fails and why, and what nobody has done though it was due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from campaign.language import Text, say
from warroom.live.clocks.overdue import Overdue
from warroom.live.records import Stale
from warroom.service.troubles import Trouble, Work

FAILS: dict[Work, Text] = {
    "minute": say("By the minute nothing new is read or kept: {why}. It is tried again every half minute."),
    "hour": say("The hourly sync cannot be done: {why}. It is tried again every half minute."),
}
BOTH = say("Nothing new is read or kept, by the minute or hourly: {why}. It is tried again every half minute.")
WAITS: dict[Work, Text] = {
    "minute": say("Nobody has looked at the minutes: what comes now is not seen here, and no minute rule can fire."),
    "hour": say("The hourly sync is overdue."),
}


def standing_still(troubles: Sequence[Trouble], overdue: Iterable[Overdue]) -> tuple[Stale, ...]:
    """Empty when both clocks go. What fails says why; of the rest it is known only that it was not done."""
    failing = {trouble.work for trouble in troubles}
    waiting = (Stale(WAITS[each.work], each.since) for each in overdue if each.work not in failing)
    return (*_failing(troubles), *waiting)


def _failing(troubles: Sequence[Trouble]) -> Iterator[Stale]:
    by_cause: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        by_cause.setdefault(trouble.why.speak("en"), []).append(trouble)
    for own in by_cause.values():
        words = BOTH if len(own) > 1 else FAILS[own[0].work]
        yield Stale(Text(words.message, {"why": own[0].why}), min(trouble.since for trouble in own))
