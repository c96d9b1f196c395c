"""The whole war room for programs: the live state with what people need beside it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from campaign.readiness import Item
from warroom.live.answers.state import MinutesAnswer, StateAnswer, minutes_answer, seconds, state_answer
from warroom.live.room.definitions import Defined
from warroom.live.room.happened import Happened
from warroom.live.room.service_desk import DeskNow, HourServed
from warroom.live.room.switches import SwitchNow
from warroom.live.room.war_room import WarRoom
from warroom.live.room.watching import Failed
from warroom.live.sources.sight import known_until

HAPPENED_MOST = 200


class SwitchAnswer(BaseModel):
    """A switch: ready once it was drilled; pulled since, or null."""

    id: str
    drilled_seconds: float | None
    put_back: bool = Field(description="false: it was pulled in a drill and never put back")
    pulled_at_utc: datetime | None
    sheds_requests_per_second: dict[str, float]


class ServedAnswer(BaseModel):
    """How people served in the newest hour that is told: contacts that wanted a person, the share served in time beside
    the planned one, the share that gave up, the most who waited, people signed in."""

    hour_utc: datetime
    contacts_offered: float
    service_level_ratio: float | None
    planned_service_level_ratio: float | None
    abandoned_ratio: float | None
    waiting: float | None
    agents_logged_in: float | None
    preliminary: bool


class DeskAnswer(BaseModel):
    """The service desk: its newest hour, and people of now against the plan. served: null where no source tells it."""

    hour_utc: datetime | None
    contacts: float | None
    planned_contacts: float | None
    contained_ratio: float | None
    waiting: float | None
    rostered: float | None
    required: float | None
    served: ServedAnswer | None


class ItemAnswer(BaseModel):
    """A checklist item that is left."""

    id: str
    title: str
    owner: str
    state: str
    due_at_utc: datetime
    overdue: bool


class HappenedAnswer(BaseModel):
    """One thing that happened."""

    at_utc: datetime
    what: str
    by: str
    role: str


class DefinedAnswer(BaseModel):
    """What a figure means. id: null where the dictionary does not define it."""

    metric: str
    id: str | None
    unit: str
    approval: str | None
    sources: list[str]
    settles_after_seconds: float | None
    lateness_seconds: float | None


class RoomAnswer(StateAnswer):
    """Everything that the page says."""

    schema_version: int = 1
    campaign: str
    at_utc: datetime
    phase: str
    since_start_seconds: float
    next_instant_utc: datetime | None
    next_sync_utc: datetime | None
    synced_at_utc: datetime | None
    oldest_watermark_utc: datetime | None
    known_until_utc: datetime | None
    commander: list[str]
    commander_is_rostered: bool
    verdict: str | None
    switches: list[SwitchAnswer]
    desks: dict[str, DeskAnswer]
    checklist_left: list[ItemAnswer] | None = Field(description="stale first; null where it cannot be made")
    happened: list[HappenedAnswer] = Field(description="the newest first")
    definitions: dict[str, DefinedAnswer]
    unread: list[str] = Field(description="what cannot be read now, and why")
    minutes: MinutesAnswer | None


def room_answer(service: str, room: WarRoom, failed: Failed | None) -> RoomAnswer:
    """In the reader's language. service: whose series by interval are wanted, empty for none."""
    state, clock = room.state, room.state.clock
    minutes = state.minutes.get(service)
    why = [str(problem) for problem in failed.error.problems] if failed else []
    return RoomAnswer(
        **dict(state_answer(state)) | {"stale": [str(each.what) for each in room.stale]},
        campaign=state.campaign,
        at_utc=state.now,
        phase=clock.phase,
        since_start_seconds=clock.since_start.total_seconds(),
        next_instant_utc=clock.next_instant,
        next_sync_utc=clock.next_sync_at,
        synced_at_utc=state.synced_at,
        oldest_watermark_utc=state.oldest_watermark,
        known_until_utc=known_until(state),
        commander=list(room.commander.names),
        commander_is_rostered=room.commander.rostered,
        verdict=room.verdict,
        switches=[_switch(each) for each in room.switches],
        desks={each.desk.name: _desk(each) for each in room.desks},
        checklist_left=None if room.left is None else [_item(item) for item in room.left],
        happened=[_happened(each) for each in room.happened[:HAPPENED_MOST]],
        definitions={each.figure: _defined(each) for each in room.definitions},
        unread=[*(str(text) for text in room.unread), *why],
        minutes=minutes_answer(minutes, state.capacities) if minutes else None,
    )


def _switch(each: SwitchNow) -> SwitchAnswer:
    return SwitchAnswer(
        id=each.switch.id,
        drilled_seconds=each.drilled_seconds,
        put_back=not each.stuck,
        pulled_at_utc=each.pulled_at,
        sheds_requests_per_second=dict(each.sheds),
    )


def _desk(each: DeskNow) -> DeskAnswer:
    hour, planned = each.hour, each.planned
    return DeskAnswer(
        hour_utc=hour.starts_at if hour else None,
        contacts=hour.contacts if hour else None,
        planned_contacts=hour.expected_p50 if hour else None,
        contained_ratio=hour.contained_ratio if hour else None,
        waiting=each.queue.value if each.queue else None,
        rostered=planned.rostered if planned else None,
        required=planned.required if planned else None,
        served=_served(each.served) if each.served else None,
    )


def _served(hour: HourServed) -> ServedAnswer:
    return ServedAnswer(
        hour_utc=hour.starts_at,
        contacts_offered=hour.offered,
        service_level_ratio=hour.level_ratio,
        planned_service_level_ratio=hour.planned_ratio,
        abandoned_ratio=hour.abandoned_ratio,
        waiting=hour.waiting,
        agents_logged_in=hour.agents,
        preliminary=hour.preliminary,
    )


def _item(item: Item) -> ItemAnswer:
    return ItemAnswer(
        id=item.id,
        title=str(item.title),
        owner=item.owner,
        state=item.state,
        due_at_utc=item.due_at_utc,
        overdue=item.overdue,
    )


def _happened(each: Happened) -> HappenedAnswer:
    return HappenedAnswer(at_utc=each.at, what=str(each.what), by=each.by, role=each.role)


def _defined(each: Defined) -> DefinedAnswer:
    return DefinedAnswer(
        metric=each.metric,
        id=each.id,
        unit=each.unit,
        approval=each.approval,
        sources=list(each.sources),
        settles_after_seconds=seconds(each.settles_after),
        lateness_seconds=seconds(each.lateness),
    )
