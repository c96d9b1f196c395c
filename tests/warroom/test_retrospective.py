"""The retrospective: scores by hand, reach, capacity, decisions, and what is written for the next campaign."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.observed import cut_observed, planned_sha256
from campaign.plan import Channel, Owner, Plan, Send, Slot
from campaign.readiness import Checklist, Item, State
from campaign.store.events import Act, Event, chained
from campaign.words import Words
from warroom.retrospective.discipline import decisions, discipline, signed_again
from warroom.retrospective.effects import effect_at
from warroom.retrospective.lasting import lasting, usual_on
from warroom.retrospective.learn import with_line, with_observed
from warroom.retrospective.reach import Reported, biases, matched, planner_of
from warroom.retrospective.records import Reach
from warroom.retrospective.scores import method_score, wape
from warroom.retrospective.timeline import DAY, HOUR, WEEK, Buckets, days_before, mean_over, weeks_before

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
PUSH = Send(at=START, reach=1000)
LATER_PUSH = Send(at=START + timedelta(hours=6), reach=500)
PLAN = Plan(
    id="d11",
    kind="flagship",
    starts_at=START,
    ends_at=START + timedelta(hours=28),
    owner=Owner(team="marketing", name="lin"),
    channels=(
        Channel(name="app-push", sends=(PUSH, LATER_PUSH)),
        Channel(name="live", slots=(Slot(starts_at=START, ends_at=START + timedelta(hours=2), expected_viewers=400),)),
        Channel(name="feed", spend=3000),
    ),
)


def buckets(rates: list[float], seconds: int = 60, first: int = 0) -> Buckets:
    starts = first + seconds * np.arange(len(rates), dtype=np.int64)
    return Buckets(starts, np.full(len(rates), seconds, dtype=np.int64), np.array(rates, dtype=np.float64))


def test_means_over_other_intervals_keep_what_came_and_name_what_is_missing() -> None:
    hour = mean_over(buckets([10.0] * 30 + [20.0] * 30), np.array([0, 1800, HOUR]), np.array([HOUR, 600, 600]))
    assert hour[:2].tolist() == [15.0, 20.0]
    assert np.isnan(hour[2])
    assert np.isnan(mean_over(buckets([10.0, np.nan]), np.array([0]), np.array([120]))).all()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 7))
def test_a_mean_over_all_buckets_is_their_mean(rates: list[float], seconds: int) -> None:
    made = buckets(rates, seconds)
    (mean,) = mean_over(made, np.array([0]), np.array([seconds * len(rates)]))
    assert mean == pytest.approx(np.mean(rates), rel=1e-9, abs=1e-6)


@given(st.integers(0, 30 * DAY))
def test_plain_peers_use_only_what_was_over_at_the_as_of(hour: int) -> None:
    hours, as_of = np.array([hour // HOUR * HOUR + 40 * DAY]), 40 * DAY
    for past, period in ((weeks_before(hours, as_of), WEEK), (days_before(hours, as_of), DAY)):
        assert past[0] + HOUR <= as_of
        assert as_of - past[0] <= period
        assert (hours[0] - past[0]) % period == 0


def test_a_method_is_scored_by_hour_over_hours_both_know() -> None:
    hours = np.array([0, HOUR, 2 * HOUR, 3 * HOUR])
    score = method_score(hours, np.array([200.0, 100, 100, np.nan]), np.array([180.0, 240, 80, 500]))
    assert score is not None
    assert score.wape_ratio == pytest.approx((20 + 140 + 20) / 400)
    assert score.peak_error_ratio == pytest.approx(0.2)
    assert score.peak_time_error_minutes == 60
    assert method_score(hours, np.full(4, np.nan), np.ones(4)) is None
    assert wape(np.array([4.0]), np.array([4.0])) == 0


def test_reports_meet_the_push_nearest_in_time_and_the_rest_is_said() -> None:
    reports = [
        Reported("app-push", START + timedelta(minutes=4), "reach", 900),
        Reported("app-push", LATER_PUSH.at, "reach", 300),
        Reported("live", None, "viewers", 600),
        Reported("sms", None, "reach", 10),
    ]
    rows, notes = matched(PLAN, reports, planner_of(PLAN))
    assert [(r.channel, r.planned, r.real) for r in rows] == [
        ("app-push", 1000, 900), ("app-push", 500, 300), ("live", 400, 600),
    ]  # fmt: skip
    assert [str(note) for note in notes] == [
        "sms: reach was reported, but not planned",
        "what feed really reached is not known: evidence/d11/reach.csv",
    ]
    assert [(b.channel, b.real_to_planned_ratio, b.pushes) for b in biases(rows)] == [
        ("app-push", 0.8, 2), ("live", 1.5, 1),
    ]  # fmt: skip


def test_a_report_without_a_time_counts_for_all_of_the_channels_pushes() -> None:
    (row,), _ = matched(PLAN, [Reported("app-push", None, "reach", 1200)], "lin")
    assert (row.planned, row.real, row.at_utc) == (1500, 1200, None)


def test_money_is_no_habit_of_reach() -> None:
    assert biases([Reach(channel="feed", planner="lin", planned=3000, real=4000, measure="spend")]) == ()


def test_an_effect_is_what_came_beyond_the_forecast_scaled_by_the_hour_before() -> None:
    middle = buckets([100.0] * 60 + [200.0] * 65)
    real = buckets([150.0] * 60 + [250.0] * 65)
    assert effect_at(real, middle, HOUR) == pytest.approx(250 - 300)
    assert effect_at(real, middle, 2 * HOUR) is None


def test_days_are_compared_with_the_first_and_with_ordinary_ones() -> None:
    first = date(2026, 11, 11)
    daily = {first - timedelta(days=k): 100.0 for k in range(1, 40)} | {first: 400.0}
    daily |= {first + timedelta(days=k): 130.0 for k in (1, 2, 7)}
    found = lasting("active_users", daily, first, first)
    assert found is not None
    assert [(d.day, d.to_first_day_ratio, d.to_usual_ratio) for d in found.days] == [
        (1, 0.325, 1.3), (2, 0.325, 1.3), (7, 0.325, 1.3),
    ]  # fmt: skip
    assert lasting("active_users", {first: 400.0}, first, first) is None
    assert usual_on({}, first, first) is None


@given(st.integers(1, 7))
def test_an_ordinary_day_is_the_same_weekday_before_the_campaign(ahead: int) -> None:
    first = date(2026, 11, 11)
    day = first + timedelta(days=ahead)
    daily = {first - timedelta(days=k): float((first - timedelta(days=k)).weekday() + 1) for k in range(1, 60)}
    assert usual_on(daily, day, first) == day.weekday() + 1


def log(*acts: Act) -> list[Event]:
    events: list[Event] = []
    for act in acts:
        events.append(chained(act, len(events) + 1, events[-1].hash if events else "0" * 64))
    return events


def act(kind: str, subject: str, role: str = "sre", **body: object) -> Act:
    return Act(kind=kind, campaign="d11", subject=subject, actor="wang", role=role, at_utc=START, body=body)


def test_signatures_given_once_more_are_counted() -> None:
    events = log(act("sign", "G3"), act("sign", "G3"), act("sign", "G3", "marketing"), act("sign", "smoke-journey"))
    assert signed_again(events) == 1


def test_decisions_keep_their_limits_and_what_was_expected_of_them() -> None:
    events = log(
        act("decide", "go-no-go", "commander", verdict="go-with-limits", limits={"push_per_second": 5000}),
        act("switch", "recommend-off", service="shop", expected_requests_per_second=-1900),
        act("sign", "smoke-journey", note="fine"),
    )
    go, switch = decisions(events)
    assert (go.verdict, go.limits) == ("go-with-limits", {"push_per_second": 5000.0})
    assert (switch.subject, switch.service, switch.expected_requests_per_second) == ("recommend-off", "shop", -1900.0)


FOUND = {"peak_requests_per_second": 7790, "orders": 302656, "source": "surgeplan retro"}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_observed_goes_to_the_end_and_every_other_byte_stays(ending: str) -> None:
    text = ending.join(["# 双11", "id: a   # keep", "channels: [{name:  push}]", ""])
    after = with_observed(text, FOUND)
    assert after.startswith(text)
    assert after.removeprefix(text).replace(ending, "\n") == (
        "observed:\n  peak_requests_per_second: 7790\n  orders: 302656\n  source: surgeplan retro\n"
    )
    assert with_observed(after, FOUND) == after
    assert "".join(cut_observed(after)[::2]) == text


def test_what_a_person_observed_stays_with_its_comment_and_gaps_are_filled() -> None:
    text = "id: a\nobserved:\n  orders: 300000   # finance, not BI\n  source: review\n\n# the end\nkind: sale\n"
    after = with_observed(text, FOUND)
    assert "  orders: 300000   # finance, not BI\n" in after
    assert "  peak_requests_per_second: 7790\n" in after
    assert "source: review\n" in after
    assert after.endswith("# the end\nkind: sale\n")


def test_a_flow_mapping_is_filled_in_place() -> None:
    after = with_observed("id: a\nobserved: {orders: 5, source: review}\nkind: sale\n", FOUND)
    assert after == "id: a\nobserved: {orders: 5, source: review, peak_requests_per_second: 7790}\nkind: sale\n"


def test_an_earlier_retrospective_is_replaced() -> None:
    text = with_observed("id: a\n", FOUND)
    assert with_observed(text, FOUND | {"orders": 7}) == text.replace("302656", "7")


def test_a_plans_hash_without_observed_is_that_of_the_plan_before(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"id: a\r\nkind: sale\r\n")
    before = planned_sha256(file)
    file.write_bytes(with_observed("id: a\r\nkind: sale\r\n", FOUND).encode())
    assert planned_sha256(file) == before


def test_a_campaign_has_one_line_in_history_and_the_newest_counts() -> None:
    lines = with_line(['{"campaign": "a", "x": 1}', '{"campaign": "b", "x": 1}'], {"campaign": "a", "x": 2})
    assert [json.loads(line) for line in lines] == [{"campaign": "b", "x": 1}, {"campaign": "a", "x": 2}]


@pytest.mark.parametrize(
    ("state", "verdicts", "kept"),
    [
        ("fail", ["no-go"], "late"),
        ("stale", ["pass"], "late"),
        ("pass", ["fail", "pass"], "late"),
        ("fail", ["pass", "fail"], "never"),
        ("pending", [], "never"),
        ("pass", [], "on time"),
    ],
)
def test_what_somebody_signed_or_decided_was_done_then(state: State, verdicts: list[str], kept: str) -> None:
    words = Words(zh="事", en="thing")
    item = Item(
        id="thing", title=words, owner="sre", gate="G4", due_at_utc=START, due="T-1d", evidence=words, scope="d11",
        state=state,
    )  # fmt: skip
    checklist = Checklist(
        campaign="d11", tier="L", tier_ratio=None, evaluated_at_utc=START, items=(item,), gates=(), inputs={}
    )
    acts = [
        Act(kind="sign", campaign="d11", subject="thing", actor="lin", role="sre",
            at_utc=START + (n + 1) * timedelta(hours=1), body={"verdict": verdict})
        for n, verdict in enumerate(verdicts)
    ]  # fmt: skip
    events: list[Event] = []
    for act in acts:
        events.append(chained(act, len(events) + 1, events[-1].hash if events else "0" * 64))
    told = discipline(checklist, events, START + timedelta(days=1))
    assert (told.on_time, len(told.late), len(told.never)) == tuple(
        int(kept == n) for n in ("on time", "late", "never")
    )
