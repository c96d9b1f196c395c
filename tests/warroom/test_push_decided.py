"""Can I push now, by what was decided since the plan: floors, switches, sends, and replicas that were read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from campaign.language import use_language
from campaign.plan import Send
from campaign.store.live import Measured
from campaign.workspace import Workspace, open_workspace
from playbooks.readiness.acts import Actor
from tests.warroom.live_event import CAMPAIGN, END, START
from tests.warroom.scaling_plan import LEAD, plan_file
from tests.warroom.test_levers import NOW, PUSH_AT, event_in
from warroom.live.deciding.decisions import Verb, Wanted, take
from warroom.live.state import live_store
from warroom.push.asking import Planned, Pushes
from warroom.push.carried import BEFORE_MINUTES, Carried, Stretch, carried
from warroom.push.decided import Decided, decided
from warroom.push.room import AFTER_MINUTES, LATEST_MINUTES, Room, room_for
from warroom.push.routes import asked

ZHOU = Actor("zhou", ("commander",))
MINUTE = timedelta(minutes=1)
AT = NOW + 30 * MINUTE
SCALE, SWITCH, HOLD = "scale:storefront:30", "switch:recommend-off", "hold:app-push@20261110T130000Z"
LEVEL = 1000.0


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = event_in(tmp_path_factory.mktemp("event"))
    plan_file(made, {START - 60 * MINUTE: 10, START + 120 * MINUTE: 6}, most=40)
    return made


@pytest.fixture
def folder(event: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Path(shutil.copytree(event, tmp_path / "shop"))


@dataclass(frozen=True)
class Steady:
    """A forecast of the same requests per second in every minute; a send adds its reach to that."""

    services: tuple[str, ...] = ("storefront",)

    def minutes(self, at: datetime, minutes: int, channel: str, send: Send | None) -> NDArray[np.float32]:
        return np.full((10, 1, minutes), LEVEL + (send.reach if send else 0.0), np.float32)


@dataclass
class Stands:
    """In the oracle's place: the forecast is steady, what is carried is real."""

    met: list[Decided] = field(default_factory=list)

    def room(
        self, workspace: Workspace, decided: Decided, channel: str, send: Send, now: datetime
    ) -> tuple[Room, Carried]:
        self.met.append(decided)
        starts = send.at - BEFORE_MINUTES * MINUTE
        stretch = Stretch(starts, BEFORE_MINUTES + LATEST_MINUTES + AFTER_MINUTES, decided.known_at(starts))
        most = carried(workspace, CAMPAIGN, ["storefront"], stretch)
        before = min(most.sees_minutes, BEFORE_MINUTES)
        pushes = Pushes(Steady(), channel, before, decided)  # type: ignore[arg-type]
        return room_for(send, pushes, Planned(most.between(BEFORE_MINUTES - before), send.at, before)), most


def do(folder: Path, lever: str, verb: Verb = "act", at: datetime = NOW, until: datetime | None = None) -> None:
    take(open_workspace(folder), CAMPAIGN, verb, Wanted(lever, ZHOU, "it gets tight", at, until))


def answer(folder: Path, reach: int, at: datetime = AT, now: datetime = NOW) -> tuple[bool, tuple[str, ...]]:
    """Whether so many more requests per second fit by the floors alone, and what was counted."""
    use_language("en")
    workspace = open_workspace(folder)
    plan = workspace.plan(CAMPAIGN)
    told = asked(Stands(), workspace, plan, str(reach), at.isoformat(), "", now)  # type: ignore[arg-type]
    return told.fits_by_floors, told.counted


def test_without_decisions_the_plan_alone_counts(folder: Path) -> None:
    assert answer(folder, 1) == (False, ())  # ten replicas carry a thousand
    assert not (folder / "state" / "surgeplan.db").exists()


def test_a_raised_floor_counts_until_its_time_and_is_said(folder: Path) -> None:
    do(folder, SCALE, until=NOW + 80 * MINUTE)
    fits, counted = answer(folder, 1900)
    assert fits is False  # it ends within the hour from the push on
    assert counted == ("counted: storefront has at least 30 replicas until 11-10 21:50, decided at 11-10 20:33",)
    do(folder, SCALE, "undo", at=NOW + MINUTE)
    do(folder, SCALE, at=NOW + 2 * MINUTE)
    fits, counted = answer(folder, 1900, now=NOW + 3 * MINUTE)
    assert fits is True
    assert counted == ("counted: storefront has at least 30 replicas until 11-12 02:00, decided at 11-10 20:35",)
    do(folder, SCALE, "undo", at=NOW + 4 * MINUTE)
    assert answer(folder, 1, now=NOW + 5 * MINUTE) == (False, ())


def test_a_raised_floor_counts_no_sooner_than_its_replicas_are_ready(folder: Path) -> None:
    do(folder, SCALE)
    ordered = NOW + 3 * MINUTE
    assert answer(folder, 1900, at=ordered + (LEAD - 1) * MINUTE)[0] is False
    assert answer(folder, 1900, at=ordered + LEAD * MINUTE)[0] is True


def test_a_pulled_switch_takes_its_share_of_every_request_once_it_works(folder: Path) -> None:
    do(folder, SWITCH)
    fits, counted = answer(folder, 300)  # 1,300 less a quarter are 975
    assert fits is True
    assert counted == ("counted: switch recommend-off is pulled and stays so (storefront −25 %)",)
    assert answer(folder, 300, at=NOW)[0] is False
    do(folder, SWITCH, "undo", at=NOW + MINUTE)
    assert answer(folder, 300, now=NOW + 2 * MINUTE) == (False, ())


def sends(folder: Path, now: datetime) -> list[Send]:
    workspace = open_workspace(folder)
    (channel,) = decided(workspace, workspace.plan(CAMPAIGN), now).plan.channels
    return list(channel.sends)


def test_a_held_send_is_not_asked_for_and_one_held_midway_only_as_far_as_it_went(folder: Path) -> None:
    planned = sends(folder, NOW)
    do(folder, HOLD)
    assert sends(folder, NOW) == planned[:1]
    assert answer(folder, 1)[1] == ("counted: the 11-10 21:00 send of app-push is held",)
    do(folder, HOLD, "undo", at=NOW + MINUTE)
    assert sends(folder, NOW + MINUTE) == planned
    do(folder, HOLD, at=PUSH_AT + 4 * MINUTE)
    first, cut = sends(folder, PUSH_AT + 5 * MINUTE)
    assert first == planned[0]
    assert cut.reach == pytest.approx(planned[1].reach * 4 / 10)  # 900,000 at 1,500 a second take ten minutes


def test_a_send_that_is_spread_out_goes_out_that_slowly(folder: Path) -> None:
    do(folder, "stagger:app-push@20261110T130000Z:60")
    assert sends(folder, NOW)[1].per_second == pytest.approx(900_000 / 3600)
    assert answer(folder, 1)[1] == ("counted: the 11-10 21:00 send of app-push goes out over 60 min",)


def read(folder: Path, at: datetime, replicas: int) -> None:
    value = Measured("ready_replicas", "storefront", 60, int(at.timestamp()), replicas, False)
    live_store(open_workspace(folder)).keep(CAMPAIGN, [value])


def test_replicas_that_are_missing_now_are_not_counted_on_for_a_push_of_this_hour(folder: Path) -> None:
    do(folder, SWITCH)
    assert answer(folder, 100)[0] is True
    read(folder, NOW - MINUTE, 7)
    fits, counted = answer(folder, 100)
    assert fits is False
    assert counted[0] == "counted: 7 replicas of storefront were ready at 11-10 20:29"
    later = NOW + 61 * MINUTE  # by then they may long be others
    assert answer(folder, 100, at=later)[1] == (
        "counted: switch recommend-off is pulled and stays so (storefront −25 %)",
    )


def test_decisions_of_other_hours_are_not_said(folder: Path) -> None:
    do(folder, SCALE, until=NOW + 60 * MINUTE)
    assert answer(folder, 1, at=END - 60 * MINUTE)[1] == ()
