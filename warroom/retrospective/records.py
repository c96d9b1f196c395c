"""`out/<id>/retro.json`: one campaign's plan, forecast, capacity and decisions beside what came."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord
from campaign.words import Words


class MethodScore(FileRecord):
    """One way of forecasting, by hour on the sum of all services, over the hours of the campaign that are known.

    wape_ratio: sum of absolute errors over the sum of what came. peak_error_ratio: |forecast / real - 1| of the busiest
    hour; peak_time_error_minutes: forecast minus real busiest hour. campaign: whose hours were taken, for that peer.
    """

    wape_ratio: float
    peak_error_ratio: float
    peak_time_error_minutes: float | None = None
    campaign: str | None = None


class ServiceScore(FileRecord):
    """One service at the finest length that forecast and history share.

    peak_error_ratio: p50 / real - 1; peak_time_error_minutes: forecast minus real. Coverage ratios: of the campaign's
    intervals, the share inside [p10, p90], below p90 and below p99; None where history's buckets are longer than the
    forecast's intervals.
    """

    peak_requests_per_second: float
    peak_at_utc: AwareDatetime
    bucket_seconds: int
    peak_p50: float
    peak_p90: float
    peak_p99: float
    peak_error_ratio: float
    peak_time_error_minutes: float
    within_p90: bool
    within_p99: bool
    wape_ratio: float
    inside_p10_p90_ratio: float | None = None
    below_p90_ratio: float | None = None
    below_p99_ratio: float | None = None


class ForecastScore(FileRecord):
    """The forecast that was handed over beside what came; `methods` holds ours as `surgeplan` and plain peers."""

    as_of_utc: AwareDatetime
    bundle: str | None = Field(description="the frozen bundle it was read from; null: the newest traffic.json")
    made_afterwards: bool
    hours: int
    services: dict[str, ServiceScore]
    total: ServiceScore
    methods: dict[str, MethodScore]

    @property
    def best_peer(self) -> str | None:
        """The other method with the smallest error by hour."""
        peers = {name: score.wape_ratio for name, score in self.methods.items() if name != OURS}
        return min(peers, key=lambda name: peers[name]) if peers else None


OURS, LAST_WEEK, YESTERDAY, LAST_CAMPAIGN = "surgeplan", "last-week", "last-day", "last-campaign"


class Figure(FileRecord):
    """A count over the whole campaign: marketing's own, the forecast's, and what came."""

    measure: str
    expected: float | None = None
    forecast_p50: float | None = None
    real: float | None = None


class Reach(FileRecord):
    """One push, slot or stretch of spending: planned and real people (or money, for `spend`)."""

    channel: str
    planner: str
    planned: float
    real: float
    at_utc: AwareDatetime | None = None
    measure: Literal["reach", "viewers", "spend"] = "reach"


class Bias(FileRecord):
    """A planner's habit on a channel: real over planned, all of this campaign's pushes together."""

    channel: str
    planner: str
    real_to_planned_ratio: float
    pushes: int


class ServiceCapacity(FileRecord):
    """The plan's floors beside what the traffic that came needed, at the capacity that the plan used (its low bound).

    Replica-hours run from the first step until the floor is the usual one again. short_minutes: more was needed than
    the floor, and the autoscaler or luck had to carry it. cost_of_caution: the replica-hours beyond need, in money.
    """

    peak_bought: int
    peak_needed: int
    replica_hours_bought: float
    replica_hours_needed: float
    short_minutes: float
    cost_of_caution: float | None = None


class DeskScore(FileRecord):
    """How one desk served in the campaign: contacts that wanted a person, the share served in time beside the planned
    and the promised one, hours below the promise, the share that gave up, the most who waited, people signed in and
    rostered on average. Null where the source, or the plan, does not tell it."""

    contacts_offered: float
    service_level_ratio: float | None = None
    planned_service_level_ratio: float | None = None
    promised_ratio: float
    hours_below_promise: int = 0
    abandoned_ratio: float | None = None
    waiting_most: float | None = None
    agents_logged_in: float | None = None
    agents_rostered: float | None = None


class AlertScore(FileRecord):
    """Alerts that fired; precision is useful / (useful + noise) among those that somebody marked."""

    fired: int
    useful: int
    noise: int
    unmarked: int
    precision_ratio: float | None = None


class Late(FileRecord):
    """An item or gate that was done after its due time; `done_at_utc` is null for one never done."""

    subject: str
    title: Words
    owner: str
    due_at_utc: AwareDatetime
    done_at_utc: AwareDatetime | None = None
    hours_late: float | None = None


class Waived(FileRecord):
    item: str
    by: str
    reason: str
    at_utc: AwareDatetime
    until_utc: AwareDatetime


class Discipline(FileRecord):
    """How the checklist was kept: done in time, late, never, waived, signed anew after an edit."""

    items: int
    on_time: int
    late: tuple[Late, ...] = ()
    never: tuple[Late, ...] = ()
    waivers: tuple[Waived, ...] = ()
    signed_again: int = 0


class ChangeQuantiles(FileRecord):
    """A change with its sign: nine of ten times it is above p10, nine of ten times below p90."""

    p10: float
    p50: float
    p90: float


class Decision(FileRecord):
    """A decision and what traffic did after it.

    real_requests_per_second: mean of the hour after minus what the forecast's middle, scaled by the hour before, would
    have been. None where no traffic is known around it. Of an action while the campaign ran (`act`): title, reason and
    who asked for it; expected and real are of `measure` in the hour in which its effect was looked for, as the live
    side told it then; effect: `told`, `not-told-apart` from none, or `unknown` with why.
    """

    at_utc: AwareDatetime
    by: str
    subject: str
    verdict: str
    service: str | None = None
    expected_requests_per_second: float | None = None
    real_requests_per_second: float | None = None
    limits: dict[str, float] = {}
    title: Words | None = None
    reason: str = ""
    asked_by: str | None = None
    measure: Literal["requests", "capacity", "service_level", "contacts"] | None = None
    expected: ChangeQuantiles | None = None
    real: ChangeQuantiles | None = None
    effect: Literal["told", "not-told-apart", "unknown"] | None = None
    why: Words | None = None


class Action(FileRecord):
    """What somebody will change before the next campaign."""

    action: str
    owner: str
    due: date


class LastingDay(FileRecord):
    """D+day after the campaign's last day, in the campaign's zone."""

    day: int
    date: str
    value: float
    to_first_day_ratio: float
    to_usual_ratio: float | None = None


class Lasting(FileRecord):
    """Did the peak last? Daily actives (or what stands in for them) of D+1 to D+7 beside the campaign's first day, and
    beside the median of the same weekday in the four weeks before."""

    measure: Literal["active_users", "orders", "requests"]
    first_day: str
    first_day_value: float
    days: tuple[LastingDay, ...]


class Retrospective(FileRecord):
    """The whole of `retro.json`. Parts without evidence are null, and `assumptions` says what would fill them."""

    schema_version: Literal[1] = 1
    campaign: str
    kind: str
    planner: str
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    inputs: dict[str, str]
    forecast: ForecastScore
    figures: tuple[Figure, ...] = ()
    reach: tuple[Reach, ...] = ()
    bias: tuple[Bias, ...] = ()
    capacity: dict[str, ServiceCapacity] = {}
    desks: dict[str, DeskScore] = {}
    currency: str
    alerts: AlertScore | None = None
    discipline: Discipline
    decisions: tuple[Decision, ...] = ()
    lasting: Lasting | None = None
    actions: tuple[Action, ...] = ()
    assumptions: tuple[Words, ...] = ()
