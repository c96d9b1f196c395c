"""Go, go with limits, no-go, or too close to call with the paths there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaign.errors import ExitCode
from campaign.language import Text, say
from campaign.numbers import percent
from playbooks.rehearsal.certainty import paths_that_decide, with_interval
from playbooks.rehearsal.record import Break, Rehearsal, Verdict

IN_WORDS: dict[Verdict, Text] = {
    "go": say("GO"),
    "go-with-limits": say("GO with limits"),
    "no-go": say("NO-GO"),
    "too-close": say("TOO CLOSE TO CALL"),
}
EXITS: dict[Verdict, ExitCode] = {
    "go": ExitCode.YES,
    "go-with-limits": ExitCode.YES,
    "no-go": ExitCode.NO,
    "too-close": ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Played:
    """On how many paths it was judged, of how many the forecast holds; limited_only: capacity lost nothing."""

    paths: int
    available: int
    limited_only: bool


def verdict(found: Sequence[Break], accepted_ratio: float, played: Played) -> tuple[Verdict, Text]:
    """Go where surely no service breaks in any minute more often than accepted, no-go where one surely does.

    With limits where only limits do it. Where the paths do not decide, it is too close to call, which is no go.
    """
    services = [one for one in found if one.kind == "service"]
    worst = max(services, key=lambda one: one.worst_minute_ratio)
    limits = [one.name for one in found if one.kind == "limit" and one.worst_minute_ratio > accepted_ratio]
    said = {"name": worst.name, "ratio": worst_minute(worst), "accepted": percent(accepted_ratio)}
    if limits and (played.limited_only or surely_within(services, accepted_ratio)):
        return "go-with-limits", say(
            "replicas suffice; what is beyond {limits} is refused and must be kept out", limits=", ".join(limits)
        )
    if any(one.worst_minute_interval.low > accepted_ratio for one in services):
        return "no-go", say(
            "{name} loses more than its objective allows with probability {ratio} in its worst minute; "
            "{accepted} is accepted",
            **said,
        )
    if not surely_within(services, accepted_ratio):
        return "too-close", _undecided(worst, accepted_ratio, played, said)
    return "go", say(
        "no service loses more than its objective allows in any minute more often than {accepted}; worst: {name} at "
        "{ratio}",
        **said,
    )


def surely_within(services: Sequence[Break], accepted_ratio: float) -> bool:
    """Every interval stays within what is accepted."""
    return all(one.worst_minute_interval.high <= accepted_ratio for one in services)


def worst_minute(one: Break) -> str:
    return with_interval(one.worst_minute_ratio, one.worst_minute_interval)


def _undecided(worst: Break, accepted_ratio: float, played: Played, said: dict[str, str]) -> Text:
    if played.paths >= played.available:
        return say(
            "{name} loses more than its objective allows with probability {ratio} in its worst minute, {accepted} is "
            "accepted; all {paths} paths of the forecast leave it open, so to be careful this is no GO",
            paths=played.paths, **said,
        )  # fmt: skip
    needed = paths_that_decide(worst.worst_minute_ratio, accepted_ratio, played.paths) or played.available
    return say(
        "{name} loses more than its objective allows with probability {ratio} in its worst minute, {accepted} is "
        "accepted; {paths} paths leave it open: rehearse with --paths {more}",
        paths=played.paths, more=min(needed, played.available), **said,
    )  # fmt: skip


def headline(found: Rehearsal) -> Text:
    """The verdict and why, as one sentence."""
    return say("{verdict}: {why}", verdict=IN_WORDS[found.verdict], why=found.why)
