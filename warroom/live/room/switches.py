"""The switches (预案) of the settings: drilled or not, in how many seconds, and what each sheds now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaign.settings import Switch
from playbooks.readiness.brought import Drill
from warroom.live.records import Minutes


@dataclass(frozen=True)
class SwitchNow:
    """One switch. drilled_seconds: how long it took to have effect, None where nobody ever pulled it; stuck: pulled in
    a drill and not put back. sheds: requests per second off each service at the newest known demand.

    pulled_at: since when it is pulled in this campaign, None where it is not.
    """

    switch: Switch
    drilled_seconds: float | None
    drilled_at: datetime | None
    stuck: bool
    sheds: Mapping[str, float]
    pulled_at: datetime | None = None


def switches_now(
    switches: Iterable[Switch],
    drills: Iterable[Drill],
    minutes: Mapping[str, Minutes],
    now: datetime,
    pulled: Mapping[str, datetime],
) -> tuple[SwitchNow, ...]:
    """Every switch in the order of the settings; the newest drill of each counts. pulled: since when, by id."""
    known = {drill.switch: drill for drill in sorted(drills, key=lambda drill: drill.drilled_at)}
    return tuple(_now(each, known.get(each.id), minutes, now, pulled.get(each.id)) for each in switches)


def _now(
    switch: Switch, drill: Drill | None, minutes: Mapping[str, Minutes], now: datetime, pulled_at: datetime | None
) -> SwitchNow:
    sheds = {
        name: ratio * demand
        for name, ratio in switch.effect.items()
        if name in minutes and (demand := demand_now(minutes[name], now)) is not None
    }
    return SwitchNow(
        switch=switch,
        drilled_seconds=drill.seconds_to_effect if drill else switch.drilled_seconds,
        drilled_at=drill.drilled_at if drill else None,
        stuck=drill is not None and not drill.undone,
        sheds=sheds,
        pulled_at=pulled_at,
    )


def demand_now(minutes: Minutes, now: datetime) -> float | None:
    """The newest actual of the last ten intervals, else the middle of the forecast; None outside of it."""
    at = next(
        (
            i
            for i, (start, seconds) in enumerate(zip(minutes.starts_at, minutes.seconds, strict=True))
            if start <= now.timestamp() < start + seconds
        ),
        None,
    )
    if at is None:
        return None
    lately = [value for value in minutes.actual[max(at - 9, 0) : at + 1] if value is not None]
    band = minutes.reforecast or minutes.frozen
    return lately[-1] if lately else band.p50[at] if band.p50[at] is not None else minutes.frozen.p50[at]
