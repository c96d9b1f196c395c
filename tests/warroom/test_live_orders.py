"""Replicas that are on their way, that should be ready and are not, and floors that hold against the plan's steps."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaign.documents import read_json
from campaign.errors import UserError
from campaign.store.live import Measured
from campaign.workspace import open_workspace
from playbooks.autoscaling.orders import floor_at
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.readiness.acts import Actor
from surgeplan.cli import main
from tests.warroom.conftest import form_token
from tests.warroom.live_event import CAMPAIGN, END, START, model_files
from tests.warroom.scaling_plan import LEAD, plan_file
from tests.warroom.test_levers import NOW, campaign_in
from warroom.live.actions.records import Lever
from warroom.live.actions.scaling_words import scaling_lines
from warroom.live.clocks.sync import sync
from warroom.live.deciding.decisions import Verb, Wanted, decisions, take
from warroom.live.deciding.levers import levers
from warroom.live.records import LiveState
from warroom.live.state import live_state, live_store
from warroom.push.carried import Stretch, carried
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONG_BEFORE = START - 8 * HOUR
PATCHED = 3 * MINUTE
"""From a decision until its floor is patched: `levers.scale.hours` of the shipped rules."""
SRE = Actor("wang", ("sre",))
FLOORS = Path("out") / CAMPAIGN / "live" / "floors"
PLANNED_TO_16 = {LONG_BEFORE: 8, NOW + 20 * MINUTE: 16, NOW + 90 * MINUTE: 10}


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of about 1,160 requests a second at p90, on replicas of 100."""
    made = campaign_in(tmp_path_factory.mktemp("event"))
    model_files(made)
    return made


@pytest.fixture
def folder(event: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Path(shutil.copytree(event, tmp_path / "shop"))


def read(folder: Path, at: datetime, ready: int) -> LiveState:
    """The live state at an instant at which so many replicas are read."""
    workspace, minute = open_workspace(folder), int(at.timestamp()) // 60 * 60
    live_store(workspace).keep(CAMPAIGN, [Measured("ready_replicas", "storefront", 60, minute, float(ready), False)])
    return live_state(workspace, CAMPAIGN, at)


def do(folder: Path, verb: Verb, lever: str, at: datetime = NOW, until: datetime | None = None) -> None:
    take(open_workspace(folder), CAMPAIGN, verb, Wanted(lever, SRE, "it gets tight", at, until))


def said(folder: Path, state: LiveState) -> list[str]:
    plan = open_workspace(folder).plan(CAMPAIGN)
    return [text.speak("en") for text in scaling_lines(state, open_workspace(folder).settings.zone_of(plan))]


def counted(state: LiveState, at: datetime) -> int:
    """Replicas that are counted on at an instant."""
    minutes, capacity = state.minutes["storefront"], state.capacities["storefront"]
    return capacity.replicas[max(i for i, start in enumerate(minutes.starts_at) if start <= at.timestamp())]


def scale_levers(folder: Path, state: LiveState) -> list[Lever]:
    return [lever for lever in levers(open_workspace(folder), state) if lever.kind == "scale"]


def held_plan(folder: Path) -> AutoscalingPlan:
    return read_json(folder / FLOORS / "autoscaling.json", "autoscaling.json", AutoscalingPlan)


def test_a_planned_step_is_on_its_way_for_a_start_up_and_then_overdue(folder: Path) -> None:
    step = NOW - 2 * MINUTE
    plan_file(folder, {LONG_BEFORE: 8, step: 30}, most=8)
    under_way = read(folder, NOW, 8)
    assert [counted(under_way, step + k * MINUTE) for k in (0, LEAD - 1, LEAD)] == [8, 8, 30]
    assert said(folder, under_way) == ["storefront: 30 replicas, ordered at 20:28, are ready by 20:34"]
    late = read(folder, step + (LEAD + 1) * MINUTE, 11)
    assert said(folder, late) == ["storefront: 30 replicas, ordered at 20:28, should be ready since 20:34; 11 are"]
    assert counted(late, NOW + 2 * HOUR) == 11
    assert said(folder, read(folder, step + (LEAD + 2) * MINUTE, 30)) == []


def test_who_asks_for_a_push_counts_on_a_step_a_start_up_after_it(folder: Path) -> None:
    plan_file(folder, {LONG_BEFORE: 8, NOW - 3 * MINUTE: 12, NOW + 20 * MINUTE: 16}, most=40)
    row = carried(open_workspace(folder), CAMPAIGN, ["storefront"], Stretch(NOW, 60)).rows["storefront"]
    assert row.floor.tolist() == [8] * (LEAD - 3) + [12] * 23 + [16] * (60 - 20 - LEAD)


def test_a_floor_that_was_decided_counts_where_the_plan_has_no_steps(folder: Path) -> None:
    plan_file(folder, {}, most=8)
    do(folder, "act", "scale:storefront:12")
    ready = NOW + PATCHED + LEAD * MINUTE
    state = read(folder, NOW + MINUTE, 8)
    assert [counted(state, ready + k * MINUTE) for k in (-1, 0)] == [8, 12]
    steps = held_plan(folder).services["storefront"].steps
    assert [step.replicas for step in steps if step.starts_at_utc <= NOW + PATCHED] == [12]


@pytest.mark.parametrize("planned", [True, False])
def test_what_was_just_ordered_is_on_its_way_and_not_ordered_again(folder: Path, planned: bool) -> None:
    """Also where there is no plan and only what was read is known."""
    lead = LEAD if planned else 7  # the policy's start-up, node wait and executor
    if planned:
        plan_file(folder, {LONG_BEFORE: 8}, most=8)
    assert [lever.amount for lever in scale_levers(folder, read(folder, NOW, 8))] == [12]
    do(folder, "act", "scale:storefront:12")
    state = read(folder, NOW + MINUTE, 8)
    ready = NOW + PATCHED + lead * MINUTE
    assert [counted(state, ready + k * MINUTE) for k in (-1, 0)] == [8, 12]
    order = state.capacities["storefront"].orders[0]
    assert (order.replicas, order.ready_at, order.overdue) == (12, ready, False)
    (again,) = scale_levers(folder, state)
    assert (again.base, again.amount) == (12, 14)  # nothing is short: a tenth more
    assert "need" not in again.how.speak("en")
    came = read(folder, ready + MINUTE, 12)
    assert came.capacities["storefront"].orders == ()


def test_what_was_ordered_and_is_not_there_in_time_is_said_wherever_scaling_is(folder: Path) -> None:
    plan_file(folder, {LONG_BEFORE: 8}, most=8)
    do(folder, "act", "scale:storefront:12", NOW - 10 * MINUTE)
    state = read(folder, NOW, 9)
    told = "storefront: 12 replicas, ordered at 20:23, should be ready since 20:29; 9 are"
    assert said(folder, state)[0] == told
    assert state.capacities["storefront"].reached_at == NOW
    read(folder, START + HOUR + 8 * MINUTE, 9)
    done = sync(open_workspace(folder), CAMPAIGN, START + HOUR + 9 * MINUTE, (), lambda _: None)
    assert done.words is not None
    assert told in [line.speak("en") for line in done.words[1]]
    zh = "storefront：20:23 发起扩容到 12 个副本，20:29 就该就绪，目前只有 9 个"
    assert zh in [line.speak("zh") for line in done.words[1]]


def test_a_planned_step_does_not_lower_what_was_decided_and_that_is_said(folder: Path) -> None:
    plan_file(folder, PLANNED_TO_16, most=40)
    offered = next(each for each in scale_levers(folder, read(folder, NOW, 8)))
    do(folder, "act", "scale:storefront:24", until=NOW + 2 * HOUR)
    state = live_state(open_workspace(folder), CAMPAIGN, NOW + 10 * MINUTE)
    assert {counted(state, NOW + k * MINUTE) for k in (9, 20, 26, 90, 119)} == {24}
    assert said(folder, state)[-1] == (
        "storefront is held at 24 replicas or more until 22:30; the step to 16 planned for 20:50 does not lower it "
        "once the steps in out/d11/live/floors are applied"
    )
    service = held_plan(folder).services["storefront"]
    assert [floor_at(service, NOW + k * MINUTE) for k in (2, 3, 20, 90, 119, 120)] == [8, 24, 24, 24, 24, 10]
    steps = (folder / FLOORS / "kubernetes" / "30-steps.yaml").read_text("utf-8")
    assert steps.count('{\\"minReplicas\\": 24}') == 3  # the decision, 20:50 and 22:00
    assert not (folder / FLOORS / "kubernetes" / "10-hpa.yaml").exists()
    assert "then apply the steps in out/d11/live/floors, or the step to" in offered.how.speak("en")


def test_what_is_taken_back_leaves_the_floors_to_the_plan_again(folder: Path) -> None:
    plan_file(folder, PLANNED_TO_16, most=40)
    do(folder, "act", "scale:storefront:24")
    do(folder, "undo", "scale:storefront:24", NOW + 30 * MINUTE)
    service = held_plan(folder).services["storefront"]
    assert [floor_at(service, NOW + k * MINUTE) for k in (20, 29, 30, 90)] == [24, 24, 16, 10]
    state = live_state(open_workspace(folder), CAMPAIGN, NOW + 31 * MINUTE)
    assert state.held == ()
    assert counted(state, NOW + 40 * MINUTE) < 24


def test_without_a_time_a_floor_holds_until_the_plan_itself_goes_back(folder: Path) -> None:
    plan_file(folder, PLANNED_TO_16, most=40)
    do(folder, "act", "scale:storefront:24")
    state = live_state(open_workspace(folder), CAMPAIGN, NOW + 10 * MINUTE)
    assert "storefront is held at 24 replicas or more until it is taken back; the step to 16" in said(folder, state)[-1]
    assert counted(state, END) == 24
    gone_back = read(folder, END + 2 * HOUR + MINUTE, 2)
    assert (gone_back.held, said(folder, gone_back)) == ((), [])
    plan = held_plan(folder)
    service = plan.services["storefront"]
    assert floor_at(service, END + 2 * HOUR - MINUTE) == 24
    assert service.returns_at_utc == plan.ends_at_utc == END + 2 * HOUR


def test_of_several_decisions_the_highest_that_holds_counts(folder: Path) -> None:
    plan_file(folder, {LONG_BEFORE: 8}, most=8)
    do(folder, "act", "scale:storefront:20", until=NOW + HOUR)
    do(folder, "act", "scale:storefront:30", NOW + MINUTE, until=NOW + 20 * MINUTE)
    do(folder, "act", "scale:storefront:25", NOW + 21 * MINUTE, until=NOW + 40 * MINUTE)
    state = live_state(open_workspace(folder), CAMPAIGN, NOW + 22 * MINUTE)
    assert [counted(state, NOW + k * MINUTE) for k in (15, 22, 35, 45, 60)] == [30, 20, 25, 20, 8]
    assert [held.hold.replicas for held in state.held] == [25]


def test_a_second_tap_is_the_same_decision_while_it_holds_and_a_new_one_after_its_time(folder: Path) -> None:
    plan_file(folder, {LONG_BEFORE: 8}, most=8)
    do(folder, "act", "scale:storefront:12", until=NOW + HOUR)
    for after in (0, 1, 59, 61):
        do(folder, "act", "scale:storefront:12", NOW + after * MINUTE)
    made = decisions(open_workspace(folder), CAMPAIGN)
    assert [(decision.at, decision.until) for decision in made] == [(NOW, NOW + HOUR), (NOW + 61 * MINUTE, None)]
    with pytest.raises(UserError, match="decided on for another time"):
        do(folder, "act", "scale:storefront:12", NOW + 62 * MINUTE, until=NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("lever", "until", "refused"),
    [("scale:storefront:12", NOW, "is past"), ("switch:recommend-off", NOW + HOUR, "only a floor is raised until")],
)
def test_a_time_that_means_nothing_is_refused(folder: Path, lever: str, until: datetime, refused: str) -> None:
    with pytest.raises(UserError, match=refused):
        do(folder, "act", lever, until=until)
    assert decisions(open_workspace(folder), CAMPAIGN) == ()


def test_a_floor_may_be_held_beyond_the_plans_own_way_back(folder: Path) -> None:
    plan_file(folder, {LONG_BEFORE: 8}, most=8)
    do(folder, "act", "scale:storefront:12", END - MINUTE, until=END + 3 * HOUR)
    plan = held_plan(folder)
    service = plan.services["storefront"]
    assert floor_at(service, END + 2 * HOUR) == 12
    assert service.returns_at_utc == plan.ends_at_utc == END + 3 * HOUR


def test_deciding_at_the_keyboard_says_what_is_on_its_way_and_until_when_it_holds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_file(folder, PLANNED_TO_16, most=40)
    told = ["--as", "wang", "--workspace", str(folder), "--now", NOW.isoformat()]
    until = (NOW + HOUR).isoformat()
    words = ["scale:storefront:24", "--reason", "tight", "--until", until]
    assert main(["act", CAMPAIGN, *words, *told, "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "storefront: 24 replicas, ordered at 20:33, are ready by 20:39" in out
    assert "held at 24 replicas or more until 21:30; the step to 16 planned for 20:50 does not lower it" in out
    assert main(["act", CAMPAIGN, *told, "--lang", "zh"]) == 0
    assert "storefront 至少保持 24 个副本到 21:30" in capsys.readouterr().out
    assert main(["act", CAMPAIGN, *told, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(answer["decisions"][0]["until_utc"]) == NOW + HOUR
    assert len(answer["scaling"]) == 2


def test_the_page_says_until_when_a_floor_is_held_and_a_phone_may_say_it(folder: Path) -> None:
    plan_file(folder, PLANNED_TO_16, most=40)
    app = site_app(Site(folder, Door("local", "a secret of this test", {}), lambda: NOW))
    phone = TestClient(app)
    phone.post("/me", data={"name": "zhou", "role": "commander", "form_token": form_token(phone, "/me")})
    lever = "scale:storefront:24"
    offered = scale_levers(folder, live_state(open_workspace(folder), CAMPAIGN, NOW))[0].id
    page = f"/live/{CAMPAIGN}/act?lever={offered}"
    assert 'name="until"' in phone.get(page).text
    sent = {"lever": lever, "verb": "act", "reason": "tight", "until": "never", "form_token": form_token(phone, page)}
    assert phone.post(f"/live/{CAMPAIGN}/act", data=sent).status_code == 422
    done = phone.post(f"/live/{CAMPAIGN}/act", data=sent | {"until": "2026-11-10T21:30"}, follow_redirects=False)
    assert done.status_code == 303
    shown = phone.get(f"/live/{CAMPAIGN}?lang=en").text
    assert "storefront is held at 24 replicas or more until 21:30" in shown
    assert "held until 21:30" in shown
    state = phone.get(f"/api/campaigns/{CAMPAIGN}/live").json()
    assert [(each["service"], each["replicas"]) for each in state["held"]] == [("storefront", 24)]
    assert state["capacities"]["storefront"]["orders"][0]["replicas"] == 24
