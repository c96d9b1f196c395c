"""What an action is, and what it is expected to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text
from campaign.readiness import Role

Kind = Literal["scale", "switch", "hold", "stagger", "agents", "bot"]
Measure = Literal["requests", "capacity", "service_level", "contacts"]
"""requests: per second that come; capacity: requests per second that are carried; service_level: ratio of a desk;
contacts: that reach people at a desk in half an hour."""
State = Literal["ready", "asked", "done"]
Floats = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)


def send_id(channel: str, at: datetime) -> str:
    """A send as the log names it: `app-push@20261110T115500Z`."""
    return f"{channel}@{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Range:
    """A change by its quantiles, with its sign: nine of ten times it is above p10, nine of ten times below p90."""

    p10: float
    p50: float
    p90: float

    @classmethod
    def of(cls, values: Floats | list[float]) -> Range:
        """The same change at three levels of what it depends on, in whichever order they come out."""
        low, middle, high = sorted(float(value) for value in values)
        return cls(low, middle, high)

    @classmethod
    def drawn(cls, draws: Floats) -> Range:
        """From one change per sample path."""
        p10, p50, p90 = (float(value) for value in np.quantile(draws, LEVELS))
        return cls(p10, p50, p90)


@dataclass(frozen=True)
class Effect:
    """What an action is expected to change on one service or desk.

    largest: where it changes most, at `at`. hour: the mean over the hour from `starts`, which is what its real effect
    is compared with an hour later.
    """

    measure: Measure
    name: str
    largest: Range
    at: datetime
    hour: Range
    starts: datetime


@dataclass(frozen=True)
class Lever:
    """One action that is possible now.

    id: stays the same while it is the same action, such as `hold:app-push@20261110T115500Z`, `scale:storefront:24`.
    subject: the service, switch, send, desk or question; amount: replicas, minutes or people where it has one; base:
    replicas or people that would be there without it.
    effects: the strongest first. impact_per_hour: what it saves of requests beyond the capacity in the next three
    hours, in the workspace's currency; None where no order value is given. headroom_before, headroom_after: the least
    share of the capacity that its service keeps at p90 in these hours once it works, without and with it. hours,
    people: what it takes until it works. decides: whose decision it is; everybody else may ask for it. state, by, at:
    whether somebody asked for it or did it, who, and when. past_campaigns: of a send, how many past campaigns had its
    channel; with none, its effect is what is usual of a send; None of the others.
    """

    id: str
    kind: Kind
    subject: str
    amount: float | None
    base: float | None
    title: Text
    how: Text
    effects: tuple[Effect, ...]
    impact_per_hour: float | None
    headroom_before: float | None
    headroom_after: float | None
    hours: float
    people: float
    decides: tuple[Role, ...]
    state: State = "ready"
    by: str | None = None
    at: datetime | None = None
    past_campaigns: int | None = None

    @property
    def effect(self) -> Effect:
        """What it changes most."""
        return self.effects[0]
