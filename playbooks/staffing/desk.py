"""A desk of surgeplan.yaml with all that planning needs: checked, completed from policy, assumptions stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from campaign.errors import Problem
from campaign.language import Text, _, say
from campaign.numbers import percent, spoken
from campaign.settings import Bot, Desk, Shift, minutes_of_day
from campaign.workspace import SETTINGS
from playbooks.staffing import chat
from playbooks.staffing.erlang import Definition
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.requirement import Rules

DAY_MINUTES = 1440
DEFINITIONS: dict[str, Definition] = {
    "served_within": "served_within",
    "first_response_within": "served_within",
    "answered_within": "answered_within",
    "virtual_wait_within": "virtual_wait_within",
    "short_abandons_dropped": "short_abandons_dropped",
    "short_abandons_good": "short_abandons_good",
}
ABANDONED = ("short_abandons_dropped", "short_abandons_good")


@dataclass(frozen=True)
class ReadyDesk:
    """A desk ready to be planned; `rules` is None for tickets, which have deadlines instead of a queue."""

    desk: Desk
    rules: Rules | None
    shifts: tuple[Shift, ...]
    recontact_hours: float
    assumptions: tuple[Text, ...]

    @property
    def name(self) -> str:
        return self.desk.name

    @property
    def deadline_seconds(self) -> float:
        return self.desk.service_level.seconds

    @property
    def at_work_ratio(self) -> float:
        """Share of rostered people who are at work."""
        return 1 - self.desk.shrinkage_ratio


def definition_in_words(definition: str) -> Text:
    """What the service level counts, since one name stands for many numbers."""
    words = {
        "served_within": say("served within the time, of all who came"),
        "first_response_within": say("first response within the time, of all who came"),
        "answered_within": say("served within the time, of those who were served"),
        "virtual_wait_within": say("would have been served within the time with endless patience"),
        "short_abandons_dropped": say("served within the time, of all who did not give up within it"),
        "short_abandons_good": say("served or gone within the time, of all who came"),
        "resolved_within": say("finished within the time, of all tickets"),
    }
    return words[definition]


def promise_in_words(ratio: float, seconds: float) -> str:
    """A share and a time: `80 % in 20 s`."""
    if seconds >= 7200:
        return _("{share} in {hours} h").format(share=percent(ratio), hours=spoken(seconds / 3600))
    return _("{share} in {seconds} s").format(share=percent(ratio), seconds=spoken(seconds))


def opening_minutes(desk: Desk) -> tuple[int, int]:
    """Opening and closing as minutes of the local day; past midnight is beyond 1440; equal means always open."""
    opens, closes = minutes_of_day(desk.opens), minutes_of_day(desk.closes)
    return opens, closes if closes > opens else closes + DAY_MINUTES


def check_desk(desk: Desk, index: int, policy: StaffingPolicy) -> Iterator[Problem]:
    """Everything about a desk that cannot be planned with."""
    key = f"desks[{index}]"
    low, high = policy.plausible_handle_seconds[desk.channel]
    if not low <= desk.handle_seconds <= high:
        yield Problem(
            say("{seconds} seconds of handling is implausible for {channel}", seconds=f"{desk.handle_seconds:g}",
                channel=desk.channel),
            _likely_unit(desk.handle_seconds, low, high),
            file=SETTINGS, key=f"{key}.handle_seconds",
        )  # fmt: skip
    if desk.channel != "ticket" and desk.service_level.definition == "resolved_within":
        yield Problem(
            say("resolved_within is a promise for tickets; {desk} is {channel}", desk=desk.name, channel=desk.channel),
            say("use served_within or first_response_within"),
            file=SETTINGS, key=f"{key}.service_level.definition",
        )  # fmt: skip
    if desk.channel == "ticket" and desk.service_level.definition in ABANDONED:
        yield Problem(
            say("{definition} counts those who give up; {desk} is a ticket desk, where nobody waits on the line",
                definition=desk.service_level.definition, desk=desk.name),
            say("use resolved_within"),
            file=SETTINGS, key=f"{key}.service_level.definition",
        )  # fmt: skip
    if desk.bot:
        yield from _bot_problems(desk.bot, f"{key}.bot")
    if desk.shifts:
        yield from _uncovered(desk, f"{key}.shifts")


def _likely_unit(given: float, low: float, high: float) -> Text:
    if given < low and low <= given * 60 <= high:
        return say("these look like minutes: write handle_seconds: {seconds}", seconds=f"{given * 60:g}")
    if given > high and low <= given / 1000 <= high:
        return say("these look like milliseconds: write handle_seconds: {seconds}", seconds=f"{given / 1000:g}")
    return say("write seconds between {low} and {high}", low=f"{low:g}", high=f"{high:g}")


def _bot_problems(bot: Bot, key: str) -> Iterator[Problem]:
    names = ("handled_ratio", "contained_ratio", "resolved_ratio")
    given = [(name, getattr(bot, name)) for name in names if getattr(bot, name) is not None]
    for (wider_name, wider), (name, ratio) in pairwise(given):
        for point in ("low", "mid", "high"):
            if getattr(wider, point) < getattr(ratio, point):
                yield Problem(
                    say("{wider} is below {narrower} at {point}", wider=wider_name, narrower=name, point=point),
                    say("the bot cannot contain more than it handled, nor resolve more than it contained"),
                    file=SETTINGS, key=f"{key}.{wider_name}.{point}",
                )  # fmt: skip


def _uncovered(desk: Desk, key: str) -> Iterator[Problem]:
    opens, closes = opening_minutes(desk)
    at_work = [False] * DAY_MINUTES
    for shift in desk.shifts:
        for part in shift.worked:
            start = minutes_of_day(part.starts)
            for minute in range(start, start + int(part.hours * 60)):
                at_work[minute % DAY_MINUTES] = True
    missing = [minute for minute in range(opens, closes) if not at_work[minute % DAY_MINUTES]]
    if missing:
        last = next((m for m in missing if m + 1 not in missing), missing[-1])
        yield Problem(
            say("no shift of {desk} covers {start} to {end}", desk=desk.name, start=_clock(missing[0]),
                end=_clock(last + 1)),
            say("add a shift there or shorten the opening hours"),
            file=SETTINGS, key=key,
        )  # fmt: skip


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def ready_desk(desk: Desk, policy: StaffingPolicy) -> ReadyDesk:
    """Complete a checked desk from policy, saying what was assumed."""
    assumed: list[Text] = []
    shifts = desk.shifts or default_shifts(desk, policy)
    if not desk.shifts:
        assumed.append(
            say("{desk}: no shifts given; shifts of {hours} hours every {minutes} minutes are assumed", desk=desk.name,
                hours=f"{policy.shift.hours:g}", minutes=policy.shift.starts_every_minutes)
        )  # fmt: skip
    if not desk.shrinkage_ratio:
        assumed.append(say("{desk}: no shrinkage given; everybody on a shift is at work", desk=desk.name))
    recontact = policy.recontact_hours
    if desk.bot:
        recontact = desk.bot.recontact_hours or recontact
        assumed += _bot_assumptions(desk, desk.bot, recontact)
    rules = None if desk.channel == "ticket" else _rules(desk, policy, assumed)
    return ReadyDesk(desk, rules, tuple(shifts), recontact, tuple(assumed))


def _bot_assumptions(desk: Desk, bot: Bot, recontact_hours: float) -> Iterator[Text]:
    if bot.contained_ratio is None:
        yield say("{desk}: no contained_ratio given; whatever the bot does not resolve goes straight to a person",
                  desk=desk.name)  # fmt: skip
    elif bot.recontact_hours is None:
        yield say("{desk}: what the bot contains but does not resolve comes back after {hours} hours on average",
                  desk=desk.name, hours=f"{recontact_hours:g}")  # fmt: skip


def _rules(desk: Desk, policy: StaffingPolicy, assumed: list[Text]) -> Rules:
    channel: Literal["phone", "chat"] = "phone" if desk.channel == "phone" else "chat"
    patience = desk.patience_seconds
    if patience is None:
        patience = policy.patience_seconds[channel]
        assumed.append(
            say("{desk}: no patience_seconds given; {seconds} seconds are assumed", desk=desk.name,
                seconds=f"{patience:g}")
        )  # fmt: skip
    levels: tuple[float, ...] = (desk.handle_seconds,)
    if channel == "chat" and desk.concurrency > 1:
        levels = chat.handle_seconds_by_level(
            desk.handle_seconds, desk.concurrency, policy.chat_throughput_by_concurrency
        )
        assumed.append(
            say("{desk}: one chat takes {alone} seconds alone and {full} seconds as one of {count}", desk=desk.name,
                alone=f"{levels[0]:.0f}", full=f"{levels[-1]:.0f}", count=len(levels))
        )  # fmt: skip
    return Rules(
        handle_seconds=levels,
        patience_seconds=patience,
        definition=DEFINITIONS[desk.service_level.definition],
        target_ratio=desk.service_level.ratio,
        within_seconds=desk.service_level.seconds,
        abandonment_max_ratio=1.0 if desk.abandonment_max_ratio is None else desk.abandonment_max_ratio,
        occupancy_max_ratio=desk.occupancy_max_ratio,
        redial_ratio=_redial_ratio(desk, policy, assumed),
        redial_seconds=policy.redials.after_minutes * 60,
    )


def _redial_ratio(desk: Desk, policy: StaffingPolicy, assumed: list[Text]) -> float:
    given = desk.redial_ratio
    ratio = policy.redials.ratio if given is None else given
    minutes = f"{policy.redials.after_minutes:g}"
    if given is None:
        assumed.append(
            say("{desk}: no redial_ratio given; {share} of those who give up are assumed to contact the desk again, "
                "after {minutes} minutes on average; people are planned for them too", desk=desk.name,
                share=percent(ratio), minutes=minutes)
        )  # fmt: skip
    elif given:
        assumed.append(
            say("{desk}: those who give up and come again are assumed to do so after {minutes} minutes on average",
                desk=desk.name, minutes=minutes)
        )  # fmt: skip
    return ratio


def default_shifts(desk: Desk, policy: StaffingPolicy) -> tuple[Shift, ...]:
    """Shifts of policy's length that cover the opening hours, the last one ending at closing time."""
    opens, closes = opening_minutes(desk)
    length = min(policy.shift.hours * 60, closes - opens)
    last = int(closes - length)
    around_the_clock = closes - opens == DAY_MINUTES
    starts = list(range(opens, (closes if around_the_clock else last) + 1, policy.shift.starts_every_minutes))
    if not around_the_clock and starts[-1] != last:
        starts.append(last)
    unique = dict.fromkeys(start % DAY_MINUTES for start in starts)
    rest = policy.shift.break_minutes if length >= 6 * 60 else 0
    return tuple(
        Shift(name=f"s{_clock(start).replace(':', '')}", starts=_clock(start), hours=length / 60, break_minutes=rest)
        for start in unique
    )
