"""Decisions while a campaign runs: recorded once, with what was expected, and an hour later with what came of them."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from campaign.errors import UserError
from campaign.store.events import Event
from campaign.store.live import Measured
from campaign.traffic import TrafficPaths
from campaign.workspace import open_workspace
from forecast.epochs import epochs
from playbooks.readiness.acts import Actor
from playbooks.readiness.record import workspace_log
from playbooks.readiness.standing import standing
from tests.warroom.live_event import CAMPAIGN, LEVEL, START, came, model_files, paths_of
from tests.warroom.test_levers import NOW, PUSH, PUSH_AT, campaign_in
from warroom.handed import campaign_events
from warroom.live.actions.log import Decision, acts_of
from warroom.live.actions.outcome import together_with
from warroom.live.actions.plans import as_decided
from warroom.live.actions.records import Range
from warroom.live.actions.sends import learned_of, planned_sends
from warroom.live.actions.words import outcome_words
from warroom.live.clocks import outcomes
from warroom.live.clocks.outcomes import tell_effects
from warroom.live.clocks.sync import Synced, sync
from warroom.live.deciding.decisions import Verb, Wanted, decisions, requests, take
from warroom.live.deciding.levers import levers
from warroom.live.expected.yardstick import expected_of
from warroom.live.state import live_state, live_store
from warroom.retrospective.discipline import decisions as scored

HOLD = "hold:app-push@20261110T130000Z"
HOUR = timedelta(hours=1)
ZHOU, WANG, LIN = Actor("zhou", ("commander",)), Actor("wang", ("sre", "ops")), Actor("lin", ("marketing",))


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose frozen paths have the 21:00 push in them, made once and copied for each test."""
    made = campaign_in(tmp_path_factory.mktemp("event"))
    model_files(made, with_push(made), effects=(PUSH,))
    return made


@pytest.fixture
def folder(event: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Path(shutil.copytree(event, tmp_path / "shop"))


def with_push(folder: Path) -> TrafficPaths:
    paths = paths_of()
    planned = planned_sends(open_workspace(folder).plan(CAMPAIGN))[1]
    shape = learned_of((PUSH,), planned)["storefront"].course(epochs(paths.starts_at_utc), paths.seconds)
    return replace(paths, requests_per_second=(paths.requests_per_second + 300 * shape).astype(np.float32))


def do(
    folder: Path, verb: Verb, lever: str, by: Actor = ZHOU, at: datetime = NOW, reason: str = "it gets tight"
) -> Event:
    return take(open_workspace(folder), CAMPAIGN, verb, Wanted(lever, by, reason, at))


def synced(
    folder: Path, at: datetime, told_until: datetime, factor: float = 1.0, since: datetime | None = None
) -> Synced:
    came(folder, told_until, factor, since)
    return sync(open_workspace(folder), CAMPAIGN, at, (), lambda _: None)


def looked(
    folder: Path, at: datetime, told_until: datetime, factor: float = 1.0, since: datetime | None = None
) -> None:
    """A look at `at`, when a thousand requests per second are told up to `told_until`, times `factor` from `since`."""
    workspace = open_workspace(folder)
    plan, log = workspace.plan(CAMPAIGN), campaign_events(workspace, CAMPAIGN)
    first, last = (int(moment.timestamp()) for moment in (START, told_until))
    rates = {
        start: LEVEL * (factor if since and start >= since.timestamp() else 1.0) for start in range(first, last, 60)
    }
    values = [Measured("requests", "storefront", 60, start, rate, False) for start, rate in rates.items()]
    live_store(workspace).keep(CAMPAIGN, values)
    tell_effects(workspace, plan, expected_of(workspace, plan, log, keeping=True), log, at)


def message(done: Synced) -> str:
    assert done.words is not None
    return "\n".join(line.speak("en") for line in done.words[1])


def only(folder: Path) -> Decision:
    (decision,) = decisions(open_workspace(folder), CAMPAIGN)
    return decision


def events(folder: Path, kind: str) -> list[Event]:
    return [event for event in workspace_log(open_workspace(folder)).events() if event.kind == kind]


def test_a_decision_is_kept_with_who_why_and_what_is_expected(folder: Path) -> None:
    do(folder, "act", HOLD, reason="storefront is at its limit")
    decision = only(folder)
    assert (decision.by, decision.role, decision.reason) == ("zhou", "commander", "storefront is at its limit")
    assert (decision.kind, decision.lever, decision.stands, decision.outcome) == ("hold", HOLD, True, None)
    assert decision.effect.largest.p50 == pytest.approx(-300, rel=0.1)
    assert decision.looked_for == (PUSH_AT, PUSH_AT + HOUR)
    assert decision.title.zh == "压住 app-push 21:00 的推送"


def test_a_lever_is_no_go_decision(folder: Path) -> None:
    do(folder, "act", HOLD)
    assert standing(campaign_events(open_workspace(folder), CAMPAIGN), CAMPAIGN).decision is None
    assert not (folder / "out" / CAMPAIGN / "limits.json").exists()


def test_two_taps_are_one_decision_even_at_once(folder: Path) -> None:
    first = do(folder, "act", HOLD)
    assert do(folder, "act", HOLD, at=NOW + timedelta(seconds=3)) == first
    found: list[Event] = []
    taps = [
        threading.Thread(target=lambda: found.append(do(folder, "act", "switch:recommend-off", WANG))) for _ in "12"
    ]
    for tap in taps:
        tap.start()
    for tap in taps:
        tap.join()
    assert [event.hash for event in found] == [found[0].hash] * 2
    assert len(events(folder, "act")) == 2


def test_marketing_asks_and_the_commander_decides(folder: Path) -> None:
    with pytest.raises(UserError, match="lin does not decide on this"):
        do(folder, "act", HOLD, LIN)
    asked = do(folder, "request", HOLD, LIN)
    assert do(folder, "request", HOLD, LIN, NOW + timedelta(seconds=2)) == asked
    workspace = open_workspace(folder)
    by_id = {lever.id: lever for lever in levers(workspace, live_state(workspace, CAMPAIGN, NOW))}
    assert (by_id[HOLD].state, by_id[HOLD].by) == ("asked", "lin")
    do(folder, "act", HOLD, at=NOW + timedelta(minutes=1))
    (request,) = requests(workspace, CAMPAIGN)
    assert (request.open, request.answer, request.answered_by) == (False, "act", "zhou")
    assert only(folder).asked_by == "lin"


def test_a_request_may_be_declined_and_asked_again(folder: Path) -> None:
    do(folder, "request", HOLD, LIN)
    with pytest.raises(UserError, match="does not decide"):
        do(folder, "decline", HOLD, LIN)
    first = do(folder, "decline", HOLD)
    assert do(folder, "decline", HOLD, at=NOW + timedelta(seconds=2)) == first
    do(folder, "request", HOLD, LIN, NOW + timedelta(minutes=5))
    assert [request.answer for request in requests(open_workspace(folder), CAMPAIGN)] == ["decline", None]


@pytest.mark.parametrize(
    ("verb", "lever", "reason", "refused"),
    [
        ("act", HOLD, " ", "needs a reason"),
        ("act", "hold:app-push@20261110T115500Z", "late", "is not possible now"),
        ("act", "switch:nothing", "x", "is not possible now"),
        ("act", "scale:storefront:4", "x", "is not possible now"),
        ("decline", HOLD, "x", "nobody asks for"),
        ("undo", HOLD, "x", "nobody decided on"),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, verb: Verb, lever: str, reason: str, refused: str) -> None:
    with pytest.raises(UserError, match=refused):
        do(folder, verb, lever, reason=reason)
    assert workspace_log(open_workspace(folder)).events() == []


def test_another_number_of_replicas_or_minutes_may_be_chosen(folder: Path) -> None:
    do(folder, "act", "scale:storefront:15", WANG)
    do(folder, "act", "stagger:app-push@20261110T130000Z:45")
    scale, stagger = decisions(open_workspace(folder), CAMPAIGN)
    assert (scale.amount, scale.base, scale.effect.largest.p50) == (15, 8, 700)
    assert stagger.amount == 45


def test_a_switch_is_ready_again_once_it_is_taken_back(folder: Path) -> None:
    def state() -> str:
        workspace = open_workspace(folder)
        found = levers(workspace, live_state(workspace, CAMPAIGN, NOW))
        return next(lever.state for lever in found if lever.id == "switch:recommend-off")

    do(folder, "act", "switch:recommend-off", WANG)
    assert state() == "done"
    first = do(folder, "undo", "switch:recommend-off", WANG, NOW + timedelta(minutes=2))
    assert do(folder, "undo", "switch:recommend-off", WANG, NOW + timedelta(minutes=3)) == first
    assert state() == "ready"
    do(folder, "act", "switch:recommend-off", WANG, NOW + timedelta(minutes=4))
    assert [d.stands for d in decisions(open_workspace(folder), CAMPAIGN)] == [False, True]


def test_an_hour_later_its_real_effect_is_told_once_with_its_range(folder: Path) -> None:
    do(folder, "act", HOLD)
    done = synced(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + HOUR + timedelta(minutes=6))
    outcome = only(folder).outcome
    assert outcome is not None
    assert outcome.real is not None
    assert outcome.observed == pytest.approx(LEVEL)
    assert outcome.verdict == "told"
    expected = only(folder).effect.hour
    assert outcome.real.p10 < expected.p50 < outcome.real.p90 or outcome.real.p50 == pytest.approx(
        expected.p50, rel=0.15
    )
    assert "hold the 21:00 send of app-push: it did −" in message(done)
    again = synced(folder, PUSH_AT + 2 * HOUR + timedelta(minutes=9), PUSH_AT + 2 * HOUR)
    assert "it did" not in message(again)
    assert len(events(folder, "effect")) == 1


def test_the_hourly_message_says_what_was_decided_since_the_last_one(folder: Path) -> None:
    do(folder, "act", HOLD, reason="no room")
    text = message(synced(folder, START + HOUR + timedelta(minutes=9), START + HOUR))
    assert "decided 11-10 20:30 by zhou: hold the 21:00 send of app-push, expected −" in text
    later = message(synced(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + timedelta(minutes=30)))
    assert "decided" not in later


def test_a_send_that_came_all_the_same_had_no_effect_that_can_be_told(folder: Path) -> None:
    do(folder, "act", HOLD)
    looked(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + HOUR + timedelta(minutes=6), 1.2, PUSH_AT)
    outcome = only(folder).outcome
    assert outcome is not None
    assert outcome.verdict == "not-told-apart" or (outcome.real is not None and outcome.real.p50 > -60)
    assert "it did −" not in outcome_words(only(folder)).speak("en")


def test_while_sources_are_late_nothing_is_told_and_after_a_day_it_is_given_up(folder: Path) -> None:
    do(folder, "act", HOLD)
    looked(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + timedelta(minutes=30))
    assert only(folder).outcome is None
    looked(folder, PUSH_AT + 26 * HOUR, PUSH_AT + timedelta(minutes=30))
    outcome = only(folder).outcome
    assert outcome is not None
    assert (outcome.verdict, outcome.real) == ("unknown", None)
    assert "the sources never told all of that hour" in outcome_words(only(folder)).speak("en")


def test_two_looks_at_once_tell_an_effect_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    do(folder, "act", HOLD)
    workspace, now = open_workspace(folder), PUSH_AT + HOUR + timedelta(minutes=9)
    plan, log = workspace.plan(CAMPAIGN), campaign_events(workspace, CAMPAIGN)
    with monkeypatch.context() as patched:
        patched.setattr(outcomes, "outcome_of", lambda *_: None)
        looked(folder, now, now)
    expected = expected_of(workspace, plan, log)
    told: list[int] = []
    looks = [
        threading.Thread(target=lambda: told.append(len(tell_effects(workspace, plan, expected, log, now))))
        for _ in "123"
    ]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert sorted(told) == [0, 0, 1]
    assert len(events(folder, "effect")) == 1


def test_without_paths_the_frozen_band_tells_it_more_widely(folder: Path) -> None:
    do(folder, "act", HOLD)
    (folder / "out" / CAMPAIGN / "traffic_paths.npz").unlink()
    looked(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + HOUR + timedelta(minutes=6))
    outcome = only(folder).outcome
    assert outcome is not None
    assert outcome.real is not None
    assert outcome.real.p50 == pytest.approx(only(folder).effect.hour.p50, rel=0.2)
    assert outcome.real.p90 - outcome.real.p10 > 100


def test_taken_back_before_its_hour_is_over_nothing_is_told_of_it(folder: Path) -> None:
    do(folder, "act", "switch:recommend-off", WANG)
    do(folder, "undo", "switch:recommend-off", WANG, NOW + timedelta(minutes=10))
    looked(folder, NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert "taken back before its hour was over" in outcome_words(only(folder)).speak("en")


def test_scaling_did_what_the_replicas_that_became_ready_carry(folder: Path) -> None:
    do(folder, "act", "scale:storefront:12", WANG)
    first = int(only(folder).effect.starts.timestamp())
    ready = [Measured("ready_replicas", "storefront", 60, first + 60 * n, 11.0, False) for n in range(60)]
    live_store(open_workspace(folder)).keep(CAMPAIGN, ready)
    looked(folder, NOW + 2 * HOUR, NOW + 2 * HOUR)
    outcome = only(folder).outcome
    assert outcome is not None
    assert outcome.real == Range(300.0, 300.0, 300.0)
    assert outcome.observed == 11.0


def test_nobody_reading_replicas_means_nothing_is_known_of_scaling(folder: Path) -> None:
    do(folder, "act", "scale:storefront:12", WANG)
    looked(folder, NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert only(folder).outcome is None
    looked(folder, NOW + 27 * HOUR, NOW + 2 * HOUR)
    assert "nobody read the ready replicas of storefront" in outcome_words(only(folder)).speak("en")


def test_once_a_send_is_held_the_reforecast_is_without_it_and_the_frozen_band_is_not(folder: Path) -> None:
    at = PUSH_AT + timedelta(minutes=10)
    synced(folder, NOW - timedelta(minutes=5), NOW - timedelta(minutes=6))
    do(folder, "act", HOLD)
    synced(folder, NOW + timedelta(minutes=1), NOW)
    series = live_state(open_workspace(folder), CAMPAIGN, NOW + timedelta(minutes=1)).minutes["storefront"]
    place = series.starts_at.index(int(at.timestamp()))
    assert series.reforecast is not None
    reforecast, frozen = series.reforecast.p50[place], series.frozen.p50[place]
    assert reforecast is not None
    assert frozen is not None
    assert frozen == pytest.approx(1300, rel=0.03)
    assert reforecast == pytest.approx(1000, rel=0.06)


def test_paths_are_the_same_where_no_send_was_decided_on(folder: Path) -> None:
    paths, plan = paths_of(), open_workspace(folder).plan(CAMPAIGN)
    assert as_decided(paths, plan, (PUSH,), ()) is paths


def test_decisions_that_work_on_the_same_hour_are_named_with_each_other(folder: Path) -> None:
    do(folder, "act", HOLD)
    do(folder, "act", "switch:recommend-off", WANG)
    hold, switch = decisions(open_workspace(folder), CAMPAIGN)
    assert together_with(hold, (hold, switch)) == (switch.id,)
    ended = replace(switch, ended_at=PUSH_AT - timedelta(minutes=1))
    assert together_with(hold, (hold, ended)) == ()


def test_the_retrospective_reads_what_was_expected_and_what_came(folder: Path) -> None:
    do(folder, "act", HOLD)
    looked(folder, PUSH_AT + HOUR + timedelta(minutes=9), PUSH_AT + HOUR + timedelta(minutes=6))
    log = campaign_events(open_workspace(folder), CAMPAIGN)
    (decision,) = scored(log)
    assert (decision.subject, decision.verdict, decision.reason) == (HOLD, "act", "it gets tight")
    assert decision.expected is not None
    assert decision.real is not None
    assert decision.real.p50 == pytest.approx(acts_of(log, CAMPAIGN).decisions[0].outcome.real.p50)  # type: ignore[union-attr]
