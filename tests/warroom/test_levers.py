"""What can be done now: which actions there are, what each is expected to do, and which comes first."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.files import write_text
from campaign.language import say
from campaign.plan import Send
from campaign.settings import Limit, Settings
from campaign.store.live import Measured
from campaign.traffic import Course, Effect, EffectQuantiles
from campaign.workspace import open_workspace
from forecast.uplift.kernels import pulse
from playbooks.growth.policy import Response
from playbooks.readiness.brought import Drill
from tests.warroom.live_event import CAMPAIGN, END, LEVEL, START, model_files
from tests.warroom.scaling_plan import plan_file
from warroom.live.actions.ahead import P50, P90, Ahead
from warroom.live.actions.courses import Added, Sending
from warroom.live.actions.records import Effect as ExpectedEffect
from warroom.live.actions.records import Lever, Range
from warroom.live.actions.scaling import replicas_allowed, scaling_wanted
from warroom.live.actions.sends import Planned, held, learned_of, planned_sends, spread_out
from warroom.live.actions.switches import drilled_seconds, shed
from warroom.live.actions.words import doubt_words
from warroom.live.actions.worth import in_order
from warroom.live.deciding.levers import levers, unlearned_sends
from warroom.live.state import live_state, live_store

PUSH_AT = START + timedelta(hours=1)
NOW = START + timedelta(minutes=30)
SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - {name: storefront, capacity_requests_per_second_per_replica: 100, replicas: {today: 8, min: 2}}
funnel:
  - {stage: home, endpoint: "GET /", continues_ratio: 0.02, requests: {storefront: 2}}
risk: {value_lost_per_refused_order: 100}
switches:
  - {id: recommend-off, effect: {storefront: 0.25}, action: turn them off, executor: sre, drilled_seconds: 12}
  - {id: reviews-off, effect: {storefront: 0.1}, executor: sre}
roles: {lin: marketing, wang: "sre, ops", zhou: commander}
"""
PLAN = """\
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T00:00+08:00
channels:
  - name: app-push
    sends:
      - {at: 2026-11-10T19:55+08:00, reach: 1800000, open_ratio: 0.04}
      - {at: 2026-11-10T21:00+08:00, reach: 900000, per_second: 1500, open_ratio: 0.03}
"""
SENDING_SECONDS, DECAY_SECONDS = 600, 1200.0


def course_of(at: datetime, sending_seconds: float, decay_seconds: float = DECAY_SECONDS, minutes: int = 150) -> Course:
    """A send's course minute by minute, as the forecast writes it."""
    starts = 60.0 * np.arange(minutes)
    people = pulse(starts, starts + 60, sending_seconds, decay_seconds)
    ratios = tuple(float(f"{ratio:.3g}") for ratio in people / people.max())
    return Course(sent_at_utc=at, ratios=ratios)


PUSH = Effect(
    driver="app-push",
    at_utc=PUSH_AT + timedelta(minutes=10),
    service="storefront",
    added_requests_per_second=EffectQuantiles(p10=200, p50=300, p90=450),
    course=course_of(PUSH_AT, SENDING_SECONDS),
    past_campaigns=4,
)


def campaign_in(made: Path) -> Path:
    """A workspace that plans the campaign and has no forecast yet."""
    (made / "campaigns").mkdir()
    (made / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    (made / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    return made


def event_in(made: Path) -> Path:
    """A workspace with a forecast."""
    model_files(campaign_in(made), effects=(PUSH,))
    return made


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return event_in(tmp_path_factory.mktemp("event"))


@pytest.fixture
def folder(event: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Path(shutil.copytree(event, tmp_path / "shop"))


def found(folder: Path, now: datetime = NOW) -> dict[str, Lever]:
    workspace = open_workspace(folder)
    return {lever.id: lever for lever in levers(workspace, live_state(workspace, CAMPAIGN, now))}


def ahead(rate: float = LEVEL, carries: float = 900.0, minutes: int = 240, tested: bool = False) -> Ahead:
    starts = int(NOW.timestamp()) + 60 * np.arange(minutes, dtype=np.int64)
    middle = np.full(minutes, rate)
    return Ahead(
        "storefront", NOW, starts, np.full(minutes, 60), np.array([0.9 * middle, middle, 1.2 * middle]), middle,
        np.full(minutes, carries), tested,
    )  # fmt: skip


def the_push(folder: Path) -> Planned:
    return planned_sends(open_workspace(folder).plan(CAMPAIGN))[1]


def test_the_levers_of_a_campaign_are_its_services_switches_and_sends(folder: Path) -> None:
    names = [lever.id.rpartition("@")[0] or lever.id for lever in found(folder).values()]
    assert sorted(names) == [
        "hold:app-push", "scale:storefront:12", "stagger:app-push", "switch:recommend-off", "switch:reviews-off",
    ]  # fmt: skip


def test_holding_a_send_takes_off_what_the_forecast_learned_that_it_adds_at_its_largest(folder: Path) -> None:
    lever = found(folder)["hold:app-push@20261110T130000Z"]
    effect = lever.effect
    assert (effect.measure, effect.name, effect.starts) == ("requests", "storefront", PUSH_AT)
    assert effect.largest.p50 == pytest.approx(-300, rel=0.05)
    assert (effect.largest.p10, effect.largest.p90) == (pytest.approx(-450, rel=0.05), pytest.approx(-200, rel=0.05))
    assert timedelta(minutes=8) <= effect.at - PUSH_AT <= timedelta(minutes=12)
    assert effect.largest.p50 < effect.hour.p50 < 0
    assert lever.title.speak("en") == "hold the 21:00 send of app-push"
    assert lever.decides == ("commander",)


def test_a_send_that_went_out_is_no_lever_and_one_that_goes_out_is_held_for_the_rest(folder: Path) -> None:
    whole = found(folder)["hold:app-push@20261110T130000Z"]
    half = found(folder, PUSH_AT + timedelta(minutes=5))
    assert half["hold:app-push@20261110T130000Z"].effect.hour.p50 > 0.7 * whole.effect.hour.p50
    assert not any(name.startswith("stagger") for name in half)
    assert not any(name.startswith("hold") for name in found(folder, PUSH_AT + timedelta(minutes=11)))


def test_after_the_end_and_before_a_forecast_nothing_can_be_done(folder: Path) -> None:
    assert found(folder, END) == {}
    (folder / "out" / CAMPAIGN / "traffic.json").unlink()
    assert found(folder) == {}


def test_scaling_says_replicas_until_when_they_are_ready_and_the_head_room_before_and_after(folder: Path) -> None:
    lever = found(folder)["scale:storefront:12"]
    assert lever.headroom_before is not None
    assert lever.headroom_after is not None
    assert lever.headroom_before == pytest.approx(1 - 1150 / 800, abs=0.05)
    assert 0 <= lever.headroom_after < 0.1
    assert lever.effect.largest.p50 == 400
    assert lever.how.speak("en").startswith("raise the floor of storefront to 12 replicas; 1,1")
    assert lever.how.speak("en").endswith("need 12 replicas, 8 would be ready")
    assert lever.effect.starts >= NOW + timedelta(minutes=5)


def test_the_command_that_scales_names_the_namespace_of_the_plans_files(folder: Path) -> None:
    (folder / "autoscaling.yaml").write_text("namespace: shop\n", "utf-8")
    plan_file(folder, {START - timedelta(hours=1): 2}, most=40)
    write_text(folder / "out" / CAMPAIGN / "playbook/kubernetes/10-hpa.yaml", "")
    lever = next(lever for lever in found(folder).values() if lever.kind == "scale")
    patch = f'{{"spec":{{"minReplicas":{lever.amount}}}}}'
    assert str(lever.how).startswith(f"kubectl -n shop patch hpa storefront --type=merge -p '{patch}'")


def test_a_service_is_not_scaled_beyond_its_quota(folder: Path) -> None:
    (folder / "surgeplan.yaml").write_text(SETTINGS.replace("min: 2", "min: 2, max: 9"), "utf-8")
    assert not any(name.startswith("scale") for name in found(folder))


def test_ready_replicas_count_where_they_are_read(folder: Path) -> None:
    """Twenty carry more than is asked: what is offered is a tenth more, which no demand explains."""
    at = int(NOW.timestamp()) - 60
    live_store(open_workspace(folder)).keep(CAMPAIGN, [Measured("ready_replicas", "storefront", 60, at, 20.0, False)])
    (scale,) = (lever for lever in found(folder).values() if lever.kind == "scale")
    assert (scale.id, scale.how.speak("en")) == ("scale:storefront:22", "raise the floor of storefront to 22 replicas")


@given(
    st.lists(st.floats(0, 5000), min_size=3, max_size=3), st.floats(0, 2000), st.floats(60, 7200), st.integers(-60, 180)
)
def test_holding_a_send_never_raises_what_a_minute_expects(
    largest: list[float], rate: float, decay: float, since: int
) -> None:
    service, at = ahead(rate), NOW - timedelta(minutes=since)
    change = held(service, added(at, np.sort(largest), decay), 60.0 * since)
    assert (change <= 0).all()
    after = service.changed(change[P50])
    assert (after.expected <= service.expected).all()
    assert (after.expected >= 0).all()
    assert after.beyond() <= service.beyond()


@pytest.mark.parametrize("sending_seconds", [60.0, 90.0, 200.0, 600.0, 1234.0])
@pytest.mark.parametrize("decay", [300.0, 1200.0])
def test_the_course_alone_says_how_a_send_comes_that_is_held_half_way_or_goes_out_more_slowly(
    sending_seconds: float, decay: float
) -> None:
    """Beside the kernel that made the course: what is left of it is a later and shorter one."""
    at = NOW
    course = course_of(at, sending_seconds, decay, 240)
    send = Send(at=at, reach=100_000, per_second=100_000 / sending_seconds, open_ratio=0.05)
    one = Added(np.ones(3), int(at.timestamp()), 60, np.array(course.ratios), Sending((send,)))
    starts = 60.0 * np.arange(240)
    grid = int(at.timestamp()) + starts.astype(np.int64), np.full(240, 60)
    largest = pulse(starts, starts + 60, sending_seconds, decay).max()
    slower = pulse(starts, starts + 60, 3600.0, decay) / largest
    assert one.course_spread(*grid, 60) == pytest.approx(slower, abs=0.03)
    gone = 0.5 * sending_seconds
    if gone >= 60:  # shorter ones the kernel does not tell apart
        left = 0.5 * pulse(starts - gone, starts + 60 - gone, gone, decay) / largest
        assert one.course_left(*grid, gone) == pytest.approx(left, abs=0.08)
        assert one.course_left(*grid, gone).sum() == pytest.approx(left.sum(), rel=0.05)


@given(st.integers(0, 500), st.integers(1, 500), st.floats(1, 500), st.booleans())
def test_scaling_up_never_lowers_head_room(more: int, base: int, per_replica: float, tested: bool) -> None:
    service = ahead(tested=tested)
    after = service.with_capacity(more * per_replica, (base + more) * per_replica, NOW)
    before_headroom, after_headroom = service.headroom(), after.headroom()
    assert before_headroom is not None
    assert after_headroom is not None
    assert after_headroom >= before_headroom
    assert after.beyond() <= service.beyond()


@given(st.floats(10, 20_000), st.integers(1, 100), st.floats(1, 500), st.integers(1, 5), st.booleans())
def test_a_service_is_scaled_to_what_its_p90_needs(
    rate: float, running: int, per_replica: float, multiple: int, tested: bool
) -> None:
    service = ahead(rate, carries=running * per_replica, tested=tested)
    wanted = scaling_wanted(service, running, per_replica, multiple, NOW)
    more = wanted.replicas - wanted.base
    after = service.with_capacity(more * per_replica, wanted.replicas * per_replica, NOW)
    assert wanted.replicas > running
    assert wanted.replicas % multiple == 0
    assert after.beyond() <= 1e-6 * rate


def test_where_planned_floors_rise_the_minute_that_needs_most_decides_not_the_tightest() -> None:
    """200 beyond eight planned replicas now, 150 beyond sixteen later: eighteen carry both, ten only the first."""
    service, later = ahead(), np.arange(240) >= 100
    expected = service.expected.copy()
    expected[P90] = np.where(later, 1750.0, 1000.0)
    service = replace(service, expected=expected, carries=np.where(later, 1600.0, 800.0),
                      replicas=np.where(later, 16, 8))  # fmt: skip
    wanted = scaling_wanted(service, 8, 100.0, 1, NOW)
    assert (wanted.base, wanted.replicas, wanted.at) == (16, 18, NOW + timedelta(minutes=100))
    assert service.with_capacity(200.0, 1800.0, NOW).beyond() == 0


@given(st.lists(st.floats(0, 3), min_size=3, max_size=3), st.floats(0, 1))
def test_a_switch_sheds_its_share_and_no_more(quantiles: list[float], ratio: float) -> None:
    service = replace(ahead(), expected=1000 * np.outer(np.sort(quantiles), np.ones(240)))
    change = shed(service, ratio, NOW + timedelta(minutes=10))
    assert (change[:, :10] == 0).all()
    assert np.allclose(change[:, 10:], -ratio * service.expected[:, 10:])


def test_the_people_of_a_send_that_goes_out_slower_come_later_and_are_as_many(folder: Path) -> None:
    service = ahead(minutes=1440)
    change = spread_out(service, learned_of((PUSH,), the_push(folder))["storefront"], 60)
    assert change[P50].min() < -100
    assert change[P50].max() > 50
    assert change[P50].sum() == pytest.approx(0, abs=0.01 * 300 * 60)


def test_a_send_finds_its_own_effect_among_those_of_its_channel(folder: Path) -> None:
    first, second = planned_sends(open_workspace(folder).plan(CAMPAIGN))
    small = EffectQuantiles(p10=1, p50=2, p90=3)
    other = PUSH.model_copy(update={"course": course_of(first.at, 60), "added_requests_per_second": small})
    slot = PUSH.model_copy(update={"driver": "livestream"})
    assert learned_of((slot, PUSH, other), first)["storefront"].largest.tolist() == [1, 2, 3]
    assert learned_of((slot, other, PUSH), second)["storefront"].largest.tolist() == [200, 300, 450]
    assert learned_of((PUSH.model_copy(update={"course": None}),), second) == {}


def test_the_course_of_a_send_has_its_top_after_it_went_out_and_is_one_there(folder: Path) -> None:
    service, push = ahead(minutes=1440), learned_of((PUSH,), the_push(folder))["storefront"]
    at = service.starts, service.seconds
    shape = push.course(*at)
    assert shape.max() == pytest.approx(1.0)
    assert (shape[service.starts + 60 <= PUSH_AT.timestamp()] == 0).all()
    assert push.course_left(*at, 0.0).max() == pytest.approx(1.0)
    assert push.course_left(*at, 11 * 60.0).max() == 0


@pytest.mark.parametrize(
    ("campaigns", "said"), [(0, "no past campaign had this channel"), (2, "channel: 2"), (3, None), (None, None)]
)
def test_of_a_send_of_which_little_is_known_that_is_said(folder: Path, campaigns: int | None, said: str | None) -> None:
    model_files(folder, effects=(PUSH.model_copy(update={"past_campaigns": campaigns}),))
    held = found(folder)["hold:app-push@20261110T130000Z"]
    words = doubt_words(held)
    assert held.effect.largest.p90 == pytest.approx(-200, rel=0.05)
    assert (said in words.speak("en")) if said else words is None
    assert doubt_words(found(folder)["switch:recommend-off"]) is None


def test_a_send_planned_after_the_forecast_is_no_lever_and_it_is_said_what_to_do(folder: Path) -> None:
    workspace = open_workspace(folder)
    assert unlearned_sends(workspace, CAMPAIGN, NOW) == ()
    plan = folder / "campaigns" / "d11.yaml"
    plan.write_text(PLAN + "  - {name: sms, sends: [{at: 2026-11-10T21:30+08:00, reach: 500000}]}\n", "utf-8")
    (sms,) = unlearned_sends(open_workspace(folder), CAMPAIGN, NOW)
    assert (sms.send.channel, "sms" in " ".join(found(folder))) == ("sms", False)
    assert "as of 2026-11-07 12:00 UTC has no effect of it" in sms.why.speak("en")
    assert "surgeplan ask d11" in sms.why.speak("en")
    model_files(folder, effects=(PUSH.model_copy(update={"course": None}),))
    (older, _) = unlearned_sends(open_workspace(folder), CAMPAIGN, NOW)
    assert "does not say how its people come" in older.why.speak("en")


def test_a_course_in_hours_is_held_and_spread_in_hours() -> None:
    at = NOW.replace(minute=0)
    send = Send(at=NOW, reach=100_000, per_second=100, open_ratio=0.05)
    one = Added(np.array([50.0, 100.0, 150.0]), int(at.timestamp()), 3600, np.array([0.4, 1.0, 0.1]), Sending((send,)))
    hours = int(at.timestamp()) + 3600 * np.arange(6), np.full(6, 3600)
    assert one.course(*hours).tolist() == [0.4, 1.0, 0.1, 0, 0, 0]
    assert one.course_left(*hours, 500.0) == pytest.approx(0.5 * one.course(*hours))
    assert one.course_spread(*hours, 120) == pytest.approx([0.2, 0.7, 0.55, 0.05, 0, 0])


def test_a_drill_of_this_campaign_is_newer_than_the_table(folder: Path) -> None:
    switch = open_workspace(folder).settings.switches[0]
    drill = Drill("recommend-off", datetime(2026, 11, 1, tzinfo=UTC), 40.0, True, "wang")
    assert drilled_seconds(switch, ()) == 12
    assert drilled_seconds(switch, (drill,)) == 40
    drilled, never = (found(folder)[f"switch:{name}"] for name in ("recommend-off", "reviews-off"))
    assert drilled.hours < never.hours
    assert "never drilled" in never.how.speak("en")


def test_limits_shared_with_others_bound_the_replicas() -> None:
    services = ({"name": "a", "replicas": {"max": 50}}, {"name": "b"})
    pool = Limit(name="connections", kind="per_replica", total=1000, reserved=100, used_by={"a": 20, "b": 10})
    settings = Settings.model_validate({"time_zone": "UTC", "services": services, "limits": [pool.model_dump()]})
    assert replicas_allowed(settings, "a", {"a": 10, "b": 30}) == 30
    assert replicas_allowed(settings, "b", {"a": 45, "b": 30}) == 0
    assert replicas_allowed(settings.model_copy(update={"limits": ()}), "b", {}) is None


def made(name: str, impact: float | None, hours: float, people: float, won: float) -> Lever:
    nothing = Range(0, 0, 0)
    effect = ExpectedEffect("requests", "storefront", nothing, NOW, nothing, NOW)
    words = say("pull switch {switch}", switch=name)
    template = Lever("", "switch", "", None, None, words, words, (effect,), None, 0.0, None, 0, 0, ("sre",))
    return replace(template, id=name, impact_per_hour=impact, hours=hours, people=people, headroom_after=won)


LEVERS = st.builds(
    made,
    st.uuids().map(str),
    st.one_of(st.none(), st.sampled_from([0.0, 1.0, 5.0])),
    st.sampled_from([0.1, 1.0]),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from([0.0, 0.2]),
)


@given(st.lists(LEVERS, max_size=12, unique_by=lambda lever: lever.id), st.randoms())
def test_the_order_of_levers_is_total_and_what_saves_most_comes_first(drawn: list[Lever], random: object) -> None:
    response = Response(order_by=("impact", "hours", "people"))
    once = in_order(drawn, response)
    shuffled = list(drawn)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(shuffled, response) == once
    said = [lever.impact_per_hour for lever in once if lever.impact_per_hour is not None]
    assert said == sorted(said, reverse=True)
    assert [lever.impact_per_hour is None for lever in once] == sorted(lever.impact_per_hour is None for lever in once)
    for first, second in pairwise(once):
        if (first.impact_per_hour, first.headroom_after) == (second.impact_per_hour, second.headroom_after):
            assert (first.hours, first.people) <= (second.hours, second.people)


def test_what_helps_against_a_shortage_comes_first_and_is_worth_the_orders_it_saves(folder: Path) -> None:
    (folder / "surgeplan.yaml").write_text(SETTINGS.replace("min: 2", "min: 2, max: 9"), "utf-8")
    first, *rest = found(folder).values()
    assert first.impact_per_hour is not None
    assert first.impact_per_hour > 0
    assert all(first.impact_per_hour >= (lever.impact_per_hour or 0.0) for lever in rest)
    assert first.id == "switch:recommend-off"  # a quarter of all, where one replica more is allowed
    # 0.01 orders for a request, worth 100 each
    over = LEVEL * 1.15 - 900
    assert first.impact_per_hour == pytest.approx(over * 3600, rel=0.2)


def added(at: datetime, largest: np.ndarray, decay: float) -> Added:  # type: ignore[type-arg]
    """A send of 200 s, as the forecast has it."""
    send = Send(at=at, reach=100_000, per_second=500, open_ratio=0.05)
    ratios = np.array(course_of(at, 200.0, decay, 400).ratios)
    return Added(largest, int(at.timestamp()), 60, ratios, Sending((send,)))
