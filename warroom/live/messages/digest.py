"""The hourly message: four numbers with their band, time to capacity, what changed, the first alert, what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import Quantity, local_minute, percent
from campaign.plan import Plan
from playbooks.readiness.labels import ROLE_LABELS
from warroom.live.actions.log import Decision
from warroom.live.actions.scaling_words import scaling_lines
from warroom.live.actions.words import decided_lines
from warroom.live.records import Alert, Call, Hour, LiveState, Metric
from warroom.live.sources.causes import by_cause
from warroom.live.sources.sight import sight_of

HOUR = timedelta(hours=1)
DIFFERENT_RATIO = 0.005
CORRECTIONS_MOST = 4
HEAD_DIGITS = 12
CALLS: dict[Call, Text] = {"go": say("GO"), "watch": say("WATCH"), "act": say("ACT")}
Figures = Mapping[str, Mapping[str, float]]
"""Value by metric and hour (ISO 8601), as an earlier message told them."""


@dataclass(frozen=True)
class Before:
    """What the message before this one told. at: None before the first; missed: hours without a message of their own;
    lost: hours whose message nobody can say arrived."""

    at: datetime | None
    figures: Figures
    missed: tuple[datetime, ...] = ()
    lost: tuple[datetime, ...] = ()


def digest(
    state: LiveState, plan: Plan, hour: datetime, before: Before, decided: Iterable[Decision], zone: ZoneInfo
) -> tuple[Text, list[Text]]:
    """Title and lines of the message about one hour; decided: what was decided or told since the last one."""
    title = say(
        "{plan} {since}: {hour} · {call}",
        plan=plan.title,
        since=t_plus(hour + HOUR - plan.starts_at),
        hour=_span(hour, zone),
        call=call_words(state),
    )
    lines = [
        *(number(metric, hour) for metric in state.metrics),
        capacity_line(state, zone),
        *scaling_lines(state, zone),
        *corrections(state.metrics, hour, before.figures, zone),
        *_news(state.alerts, before.at, zone),
        *decided_lines(decided, before.at, zone),
        *_first_alert(state),
        *_sources(state, zone),
        *_gaps(before, zone),
    ]
    return title, [*lines, *_head(state)]


def call_words(state: LiveState) -> Text:
    """GO, WATCH or ACT; or that there is nothing it could rest on."""
    sight = sight_of(state)
    if sight == "unseen":
        return say("NO FIGURES YET")
    return say("BLIND") if sight == "blind" else CALLS[state.call]


def t_plus(since: timedelta) -> str:
    """`T+03:00`, `T-00:30`."""
    minutes = round(since / timedelta(minutes=1))
    return f"T{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _span(hour: datetime, zone: ZoneInfo) -> str:
    return f"{local_minute(hour, zone)}–{(hour + HOUR).astimezone(zone):%H:%M}"


def number(metric: Metric, hour: datetime) -> Text:
    """One figure with its band and place in it; what is preliminary or not told yet is said."""
    found = next((h for h in metric.hours if h.starts_at == hour), None)
    if found is None or found.actual is None:
        return say("{title}: not told yet", title=metric.title)
    mark = say(" (preliminary)") if found.preliminary else ""
    value = say("{value} {unit}", value=Quantity(found.actual), unit=metric.unit)
    if found.frozen is None or found.percentile_ratio is None:
        return say("{title}: {value}{mark}", title=metric.title, value=value, mark=mark)
    return say(
        "{title}: {value}{mark}; forecast {low}–{high}, {place}",
        title=metric.title,
        value=value,
        mark=mark,
        low=Quantity(found.frozen.p10),
        high=Quantity(found.frozen.p90),
        place=place(found),
    )


def place(hour: Hour) -> str:
    """`P62`; beyond the first and last of a hundred, as such."""
    assert hour.percentile_ratio is not None
    share = 100 * hour.percentile_ratio
    return "<P1" if share < 1 else ">P99" if share > 99 else f"P{share:.0f}"


def capacity_line(state: LiveState, zone: ZoneInfo) -> Text:
    """When demand reaches the capacity, and what is free now."""
    tightest = state.tightest
    if tightest is None:
        return say("Capacity: not known")
    spare = percent(tightest.headroom_ratio) if tightest.headroom_ratio is not None else "-"
    if tightest.reached_at is None:
        return say(
            "Capacity: not reached before the end (p90); tightest {service}, head-room {spare}",
            service=tightest.service,
            spare=spare,
        )
    return say(
        "Capacity: {service} reaches {most}/s at {at} (p90), in {minutes} min; head-room now {spare}",
        service=tightest.service,
        most=Quantity(tightest.reached_requests_per_second or tightest.requests_per_second or 0.0),
        at=local_minute(tightest.reached_at, zone),
        minutes=round((tightest.time_to_capacity or timedelta(0)) / timedelta(minutes=1)),
        spare=spare,
    )


def corrections(metrics: Iterable[Metric], hour: datetime, told: Figures, zone: ZoneInfo) -> list[Text]:
    """Earlier hours whose figure is another one than was told; the newest first, and not more than a few."""
    found = [
        (h.starts_at, metric, h, was)
        for metric in metrics
        for h in metric.hours
        if h.starts_at < hour and h.actual is not None
        if (was := told.get(metric.name, {}).get(h.starts_at.isoformat())) is not None
        if abs(h.actual - was) > DIFFERENT_RATIO * max(abs(was), 1.0)
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    return [_corrected(metric, h, was, zone) for _, metric, h, was in found[:CORRECTIONS_MOST]]


def _corrected(metric: Metric, hour: Hour, was: float, zone: ZoneInfo) -> Text:
    words = (
        say("{at} {title}: now {value} (was {was})")
        if hour.preliminary
        else say("{at} {title}: final {value} (was {was})")
    )
    values = {"at": local_minute(hour.starts_at, zone), "title": metric.title}
    return Text(words.message, values | {"value": Quantity(hour.actual or 0.0), "was": Quantity(was)})


def _news(alerts: Iterable[Alert], since: datetime | None, zone: ZoneInfo) -> Iterator[Text]:
    """Alerts that ended since the last message; those that stand are told by the first of them and their number."""
    for alert in alerts:
        if alert.cleared_at is not None and (since is None or alert.cleared_at > since):
            yield say("cleared {at}: {alert}", at=local_minute(alert.cleared_at, zone), alert=alert.title)


def _first_alert(state: LiveState) -> Iterator[Text]:
    stand = [alert for alert in state.alerts if alert.open]
    if not stand and sight_of(state) in ("unseen", "blind"):
        yield say("None stands, and none can fire without figures.")
        action = say("bring in the figures: a source, or files in history/")
        yield say("Asked: @{owner} {action}", owner=ROLE_LABELS["data"], action=action)
        return
    if not stand:
        yield say("No alert stands; nothing is asked of anybody")
        return
    first = stand[0]
    yield say("! {alert}", alert=first.title)
    yield say("Asked: @{owner} {action}", owner=ROLE_LABELS[first.owner], action=first.action)
    if len(stand) > 1:
        yield say("and {n} more alerts", n=len(stand) - 1)


def _sources(state: LiveState, zone: ZoneInfo) -> Iterator[Text]:
    """Each late source once, with all that it should tell and how far it has told all of it; then contradictions."""
    late = [source for source in state.sources if source.state != "fresh"]
    for name in dict.fromkeys(source.name for source in late):
        own = [source for source in late if source.name == name]
        marks = [source.watermark for source in own if source.watermark]
        until = local_minute(min(marks), zone) if len(marks) == len(own) else "-"
        measures = ", ".join(source.measure for source in own)
        yield say("late: {source} ({measure}), told up to {until}", source=name, measure=measures, until=until)
    yield from (each.what for each in by_cause(source for source in state.sources if source.state == "fresh"))


def _gaps(before: Before, zone: ZoneInfo) -> Iterator[Text]:
    if before.missed:
        hours = ", ".join(local_minute(hour, zone) for hour in before.missed)
        yield say("synced late, without a message of their own: {hours}", hours=hours)
    if before.lost:
        hours = ", ".join(local_minute(hour, zone) for hour in before.lost)
        yield say("may not have arrived: the message of {hours}", hours=hours)


def _head(state: LiveState) -> Iterator[Text]:
    if state.head:
        yield say("log {head}", head=state.head[:HEAD_DIGITS])
