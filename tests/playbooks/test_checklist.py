"""The checklist: what applies, when it is due, and what the evidence makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.bundle import FrozenBundle
from campaign.capacity import Capacity, CapacityRange
from campaign.errors import UserError
from campaign.language import Language
from campaign.plan import Channel, Moment, Offer, Owner, Plan, Send
from campaign.readiness import GATES, Item
from campaign.settings import Bot, Desk, Limit, RatioRange, Replicas, Service, ServiceLevel, Settings, Stage, Switch
from campaign.traffic import BackTest, Peak, Quantiles, SecondProfile, TrafficModel
from playbooks.autoscaling import plan as scaling
from playbooks.readiness.binding import Binding, changed
from playbooks.readiness.checks import CHECKS, TIMED_CHECKS
from playbooks.readiness.evaluate import choose_items, evaluate, gate_states
from playbooks.readiness.evidence import Evidence, LoadTestRun, Replay, StaffedSlot
from playbooks.readiness.policy import due_at, read_checklist_policy
from playbooks.readiness.standing import Signed, Standing
from playbooks.readiness.tier import load_ratio, tier_of

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
END = datetime(2026, 11, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = Service(name="shop", capacity_requests_per_second_per_replica=100, replicas=Replicas(today=8, max=100))
CHAT = Desk(
    name="chat",
    channel="chat",
    handle_seconds=400,
    service_level=ServiceLevel(ratio=0.8, seconds=60),
    bot=Bot(resolved_ratio=RatioRange(low=0.3, mid=0.4, high=0.5)),
)
SETTINGS = Settings(time_zone="Asia/Shanghai", services=(SHOP,))
PLAN = Plan(
    id="d11",
    kind="flagship",
    starts_at=START,
    ends_at=END,
    owner=Owner(contact="lin"),
    channels=(Channel(name="push", sends=(Send(at=START, reach=1e6),)),),
    moments=(Moment(at=START, kind="opening"),),
    offers=(Offer(id="cut"),),
    expected={"orders": 9.0},
)


def quantiles(p90: float) -> Quantiles:
    return Quantiles(p10=p90 / 4, p50=p90 / 2, p90=p90, p99=p90 * 2)


def model(p90: float = 6000.0, plan_hash: str = "p1") -> TrafficModel:
    peak = Peak(peak_requests_per_second=quantiles(p90), peak_at_utc=START)
    return TrafficModel(
        campaign="d11",
        as_of_utc=START - 3 * DAY,
        lead_days=3,
        inputs={"campaigns/d11.yaml": plan_hash},
        seed=0,
        paths=10,
        starts_at_utc=START,
        ends_at_utc=END,
        knowledge="good",
        services={"shop": peak},
        total=peak,
        back_test=BackTest(campaigns=0),
    )


def autoscaling(peak: int = 60, hit: bool = False, of_model: str = "t1") -> scaling.AutoscalingPlan:
    outcome = scaling.Outcome(
        overloaded_minutes=0, event_overload_ratio=0, above_capacity_ratio=0, replica_hours=1, oracle_ratio=1
    )
    limit = scaling.LimitHit(
        limit="sms",
        needed=9,
        allowed=3,
        admitted_requests_per_second=300,
        refused_requests_per_second=600,
        starts_at_utc=START,
        ends_at_utc=END,
    )
    service = scaling.ServicePlan.model_construct(
        lead_minutes=7,
        verdict="scheduled",
        steps=(),
        limits_hit=(limit,) if hit else (),
        replicas=scaling.ReplicaCounts(today=8, floor=8, most=100, peak=peak, needed=quantiles(peak)),
        back_test=scaling.BackTest.model_construct(policies={"plan": outcome}),
    )
    return scaling.AutoscalingPlan.model_construct(campaign="d11", model=of_model, services={"shop": service})


def evidence(**given: object) -> Evidence:
    base = Evidence(plan=PLAN, settings=SETTINGS, plan_hashes=frozenset({"p1"}), traffic=model(), traffic_hash="t1")
    return replace(base, **given)  # type: ignore[arg-type]


def run(tested: float, outcome: str = "GO", *, counts: bool = True, ended: datetime = START - 4 * DAY) -> LoadTestRun:
    return LoadTestRun(outcome, counts, ended, {"shop": tested})


def items(of: Evidence, tier: str = "L", waves: tuple[Plan, ...] = ()) -> tuple[Item, ...]:
    return choose_items(POLICY, tier, of, waves or (of.plan,))  # type: ignore[arg-type]


POLICY = read_checklist_policy(Path("/nowhere"))
DUE = {
    "plan-submitted": -28, "metrics-agreed": -28, "traffic-draft": -21, "quotas-obtained": -21, "load-test-first": -14,
    "switch-table": -14, "game-day": -10, "load-test-full": -7, "readiness-review": -7, "bot-trained": -5,
    "tracking-checked": -5, "compliance-cleared": -5, "newcomer-guidance": -5, "plan-frozen": -3, "change-freeze": -2,
    "go-no-go": -1,
}  # fmt: skip
EVERYTHING = evidence(
    settings=SETTINGS.model_copy(
        update={
            "desks": (CHAT,),
            "switches": (Switch(id="off", effect={"shop": 0.5}, action="a", undo="u", executor="sre"),),
            "limits": (Limit(name="sms", kind="rate", total=300, used_by={"shop": 0.01}),),
        }
    ),
    autoscaling=autoscaling(hit=True),
    capacities={
        "shop": Capacity(
            service="shop",
            source="declared",
            capacity_requests_per_second_per_replica=CapacityRange(low=100, mid=100, high=100),
        )
    },
)


@pytest.mark.parametrize(("item", "days"), DUE.items())
def test_items_are_due_when_the_countdown_says(item: str, days: int) -> None:
    found = {i.id: i for i in items(EVERYTHING)}
    assert found[item].due_at_utc == START + days * DAY


def test_what_follows_the_campaign_counts_from_its_end() -> None:
    found = {i.id: i.due_at_utc for i in items(EVERYTHING)}
    assert found["retrospective"] == END + 7 * DAY
    assert found["event-report"] == END + 3 * DAY
    assert found["hourly-sync"] == START + timedelta(hours=1)
    assert due_at("T-30m", START, END) == START - timedelta(minutes=30)


def test_a_small_campaign_has_at_most_twelve_items_whatever_it_needs() -> None:
    small, middle, large = (items(EVERYTHING, tier) for tier in "SML")
    assert len(small) <= 12
    assert {i.id for i in small} < {i.id for i in middle} < {i.id for i in large}
    assert {i.gate for i in large} == {*GATES, None}
    assert "rate-limits-shop-sms" in {i.id for i in small}


def test_every_item_and_check_of_the_policy_is_reached() -> None:
    of = replace(EVERYTHING, standing=decided(spend=1).standing)
    assert {row.id for row in POLICY.items} == {i.id.removesuffix("-shop-sms") for i in items(of)}
    assert {row.check for row in POLICY.items if row.check} == {*CHECKS, *TIMED_CHECKS}


def test_rate_limits_appear_only_where_a_limit_is_hit() -> None:
    assert not any(i.id.startswith("rate-limits") for i in items(evidence(autoscaling=autoscaling())))
    (line,) = [i for i in items(EVERYTHING) if i.id.startswith("rate-limits")]
    assert line.title.en.endswith(": shop admits 300 of 900 requests per second (sms)")
    assert line.title.zh.endswith("：shop：900 次/秒中放行 300（sms）")


def test_every_limit_of_every_service_has_its_own_line() -> None:
    plan = autoscaling(hit=True)
    shop = plan.services["shop"]
    endpoint = scaling.EndpointLimit(
        endpoint="POST /orders", value_rank=1, demand_requests_per_second=900, admitted_requests_per_second=300
    )
    other = shop.limits_hit[0].model_copy(update={"limit": "replicas.max"})
    limited = shop.model_copy(update={"limits_hit": (*shop.limits_hit, other), "rate_limits": (endpoint,)})
    both = evidence(autoscaling=plan.model_copy(update={"services": {"shop": limited, "pay": shop}}))
    lines = {i.id: i.evidence.en for i in items(both) if i.id.startswith("rate-limits")}
    assert set(lines) == {"rate-limits-shop-sms", "rate-limits-shop-replicas.max", "rate-limits-pay-sms"}
    assert lines["rate-limits-shop-sms"].endswith(": POST /orders 300/s")


def test_the_floor_that_must_have_held_is_the_one_ten_minutes_before() -> None:
    plan = autoscaling()
    due = START - timedelta(minutes=30)
    steps = tuple(
        scaling.Step(starts_at_utc=due + timedelta(minutes=at), replicas=count, why="")
        for at, count in ((-60, 12), (-10, 20), (-9, 44))
    )
    shop = plan.services["shop"].model_copy(update={"steps": steps})
    found = {i.id: i for i in items(evidence(autoscaling=plan.model_copy(update={"services": {"shop": shop}})))}
    assert found["floor-held"].due_at_utc == due
    assert found["floor-held"].evidence.en.endswith(": shop 20")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (((-60, 8), (15, 44)), "the usual one, no proof of the steps: look again after 11-10 19:45"),
        (
            ((-390, 9), (-360, 8), (-60, 8), (15, 44)),
            "the usual one: whether steps run could be seen at 11-10 13:00, and can again after 11-10 19:45",
        ),
    ],
)
def test_a_usual_floor_that_held_is_said_to_prove_no_step(steps: tuple[tuple[int, int], ...], said: str) -> None:
    due = START - timedelta(minutes=30)
    made = tuple(scaling.Step(starts_at_utc=due + timedelta(minutes=at), replicas=count, why="") for at, count in steps)
    plan = autoscaling().model_copy(update={"time_zone": "Asia/Shanghai"})
    shop = plan.services["shop"].model_copy(update={"steps": made})
    found = {i.id: i for i in items(evidence(autoscaling=plan.model_copy(update={"services": {"shop": shop}})))}
    assert found["floor-held"].evidence.en.endswith(f": shop 8 ({said})")


def test_a_declared_capacity_keeps_an_item_open() -> None:
    (row,) = [i for i in evaluate(items(EVERYTHING), EVERYTHING, START) if i.id == "capacity-measured"]
    assert (row.state, str(row.note)) == ("pending", "declared, not measured: shop")
    known = {"shop": EVERYTHING.capacities["shop"].model_copy(update={"source": "measured"})}
    assert "capacity-measured" not in {i.id for i in items(replace(EVERYTHING, capacities=known))}
    assert one("capacity-measured", replace(EVERYTHING, capacities=known)) == ("pass", "")


@pytest.mark.parametrize(
    ("item", "change"),
    [("bot-trained", {"desks": ()}), ("staffing-plan", {"desks": ()}), ("game-day", {"switches": ()})],
)
def test_items_of_what_a_system_lacks_are_left_out(item: str, change: dict[str, object]) -> None:
    lacking = replace(EVERYTHING, settings=EVERYTHING.settings.model_copy(update=change))
    assert item in {i.id for i in items(EVERYTHING)}
    assert item not in {i.id for i in items(lacking)}


def test_waves_of_a_promotion_share_what_is_done_once() -> None:
    first = PLAN.model_copy(
        update={"id": "w1", "part_of": "d11", "starts_at": START - 10 * DAY, "ends_at": END - 10 * DAY}
    )
    second = PLAN.model_copy(update={"id": "w2", "part_of": "d11"})
    found = {i.id: i for i in items(replace(EVERYTHING, plan=second), waves=(first, second))}
    assert (found["quotas-obtained"].scope, found["quotas-obtained"].due_at_utc) == ("d11", START - 31 * DAY)
    assert (found["plan-frozen"].scope, found["plan-frozen"].due_at_utc) == ("w2", START - 3 * DAY)


@pytest.mark.parametrize(
    ("ratio", "tier"), [(0.0, "S"), (0.499, "S"), (0.5, "M"), (0.799, "M"), (0.8, "L"), (7.0, "L"), (None, "L")]
)
def test_tier_boundaries(ratio: float | None, tier: str) -> None:
    assert tier_of(ratio, POLICY.tier_below) == tier


def test_the_tier_is_the_tightest_services_peak_over_what_is_proven() -> None:
    each = CapacityRange(low=50, mid=100, high=150)
    capacity = Capacity(service="shop", source="measured", capacity_requests_per_second_per_replica=each)
    assert load_ratio(model(4000), SETTINGS, {"shop": capacity}) == (pytest.approx(4000 / (50 * 100)), [])
    declared = capacity.model_copy(update={"source": "declared"})
    ratio, said = load_ratio(model(4000), SETTINGS, {"shop": declared})
    assert ratio == pytest.approx(4000 / (50 * 8))
    assert [str(text) for text in said] == ["the capacity of shop is declared, not measured"]


def test_unknown_capacity_or_forecast_makes_a_campaign_large_and_says_so() -> None:
    ratio, said = load_ratio(model(), SETTINGS, {})
    assert ratio is None
    assert str(said[0]) == "what shop can carry is unknown: treated as tier L until it is"
    assert load_ratio(None, SETTINGS, {})[0] is None


def one(check: str, of: Evidence) -> tuple[str, str]:
    finding = CHECKS[check](of)
    return finding.state, str(finding.note or "")


def test_a_complete_plan_passes_and_a_thin_one_is_told_what_it_lacks() -> None:
    assert one("plan-complete", evidence()) == ("pass", "")
    thin = Plan(id="d11", kind="k", starts_at=START, ends_at=END)
    told = one("plan-complete", evidence(plan=thin))
    assert told == ("pending", "the plan does not say yet: owner.contact, channels, offers, expected")


def test_a_traffic_model_of_an_older_plan_is_stale() -> None:
    assert one("traffic-model", evidence()) == ("pass", "")
    stale = one("traffic-model", evidence(plan_hashes=frozenset({"p2"})))
    assert stale == ("stale", "the plan changed after traffic.json was made")
    assert one("traffic-model", evidence(traffic=None))[0] == "pending"


def test_an_autoscaling_plan_of_another_model_is_stale() -> None:
    assert one("autoscaling-plan", evidence(autoscaling=autoscaling())) == ("pass", "")
    assert one("autoscaling-plan", evidence(autoscaling=autoscaling(of_model="t0")))[0] == "stale"


def scaled(*floors: tuple[timedelta, int], most: int = 100) -> scaling.AutoscalingPlan:
    """100 requests/s a replica; the floors from their times before the start on; made for another model."""
    made = autoscaling(peak=max(floor for _, floor in floors), of_model="older")
    steps = tuple(scaling.Step(starts_at_utc=START - before, replicas=floor, why="x") for before, floor in floors)
    low = CapacityRange(low=100, mid=120, high=140)
    counts = made.services["shop"].replicas.model_copy(update={"most": most})
    service = made.services["shop"].model_copy(
        update={"steps": steps, "capacity_requests_per_second_per_replica": low, "replicas": counts}
    )
    return made.model_copy(update={"services": {"shop": service}})


RATES = {"shop": [(START, 6000.0), (START + timedelta(minutes=9), 5000.0)]}


@pytest.mark.parametrize(
    ("floors", "state", "told"),
    [
        (((DAY, 60),), "pass", "made for an earlier model; its floors carry this one"),
        (((DAY, 59), (timedelta(minutes=7), 60)), "pass", "made for an earlier model; its floors carry this one"),
        (((DAY, 59), (timedelta(minutes=6), 60)), "stale", "shop needs 60 replicas at 11-10 20:00, 59 are planned"),
        (((DAY, 59),), "stale", "shop needs 60 replicas at 11-10 20:00, 59 are planned"),
        (((DAY, 60), (-timedelta(minutes=5), 40)), "stale", "shop needs 50 replicas at 11-10 20:09, 40 are planned"),
    ],
)
def test_scaling_is_reopened_only_where_its_floors_fall_short(
    floors: tuple[tuple[timedelta, int], ...], state: str, told: str
) -> None:
    assert one("autoscaling-plan", evidence(autoscaling=scaled(*floors), rates=RATES)) == (state, told)


def test_a_plan_that_cannot_reach_the_new_peak_is_stale() -> None:
    of = evidence(autoscaling=scaled((DAY, 30), most=50), rates={})
    assert one("autoscaling-plan", of) == ("stale", "shop needs 60 replicas, at most 50 are planned")


def test_a_note_on_floors_holds_until_more_replicas_are_planned() -> None:
    signed = Binding(floors={"shop": 60})
    assert changed(signed, Binding(floors={"shop": 50}), ("floors",)) == []
    (told,) = changed(signed, Binding(floors={"shop": 61, "pay": 0}), ("floors",))
    assert str(told) == "more replicas are planned for shop"


@pytest.mark.parametrize(
    ("check", "tested", "state"),
    [
        *(("load-test-first", 3000, "pass"), ("load-test-first", 2999, "fail")),
        *(("load-test-full", 6000, "pass"), ("load-test-full", 5999, "fail")),
        *(("load-test-margin", 9000, "pass"), ("load-test-margin", 8999, "fail")),
    ],
)
def test_a_load_test_passes_from_its_target_on(check: str, tested: float, state: str) -> None:
    assert one(check, evidence(load_test=run(tested)))[0] == state


def test_a_load_test_that_falls_short_names_service_and_rates() -> None:
    told = one("load-test-full", evidence(load_test=run(4200)))
    assert told == ("fail", "shop tested to 4,200 of 6,000 requests/s")


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (run(9000, "NO-GO"), "fail"),
        (run(9000, "INVALID"), "pending"),
        (run(9000, "INCONCLUSIVE"), "pending"),
        (run(9000, counts=False), "pending"),
        (None, "pending"),
    ],
)
def test_only_a_valid_go_proves_anything(given: LoadTestRun | None, state: str) -> None:
    assert one("load-test-full", evidence(load_test=given))[0] == state


def steep(**given: object) -> tuple[str, str]:
    """Coverage by a run of 6,000 requests/s whose model crowds a fifth of a minute into ten seconds."""
    profile = SecondProfile(service="shop", moment=START, from_seconds=0, shares=(0.02,) * 10 + (0.016,) * 50)
    made = model().model_copy(update={"second_profiles": (profile,)})
    tested = replace(run(6000), **{"image_digest": "sha256:" + "a" * 64, "steepest_requests": 72_000.0} | given)
    return one("load-test-covers", evidence(load_test=tested, traffic=made, image_digest="sha256:" + "a" * 64))


@pytest.mark.parametrize(
    ("given", "state", "told"),
    [
        ({}, "pass", ""),
        ({"model_hash": "older"}, "pass", "tested an earlier model and covers this one"),
        ({"image_digest": None}, "fail", "does not say which image it tested"),
        (
            {"image_digest": "sha256:" + "b" * 64},
            "fail",
            "image sha256:bbbbbbbbbbbb was tested, sha256:aaaaaaaaaaaa will",
        ),
        ({"steepest_requests": 60_000.0}, "fail", "its steepest ten seconds sent 60,000 of 72,000 requests"),
        ({"steepest_requests": None}, "fail", "does not say how steep it was"),
        ({"tested": {"shop": 6000.0, "pay": 1500.0}}, "fail", "the request mix differs by 0.20"),
        ({"tested": {"shop": 5900.0}}, "fail", "shop tested to 5,900 of 6,000 requests/s"),
    ],
)
def test_a_load_test_covers_a_model_by_image_rates_mix_and_steepness(
    given: dict[str, object], state: str, told: str
) -> None:
    found, note = steep(**given)
    assert found == state
    assert told in note


def test_a_release_that_nobody_named_is_said() -> None:
    state, note = one("load-test-covers", evidence(load_test=run(6000)))
    assert state == "pass"
    assert "which image will run is not said: evidence/d11/image_digest.txt" in note


def test_old_load_tests_are_stale() -> None:
    (item,) = (i for i in items(EVERYTHING) if i.id == "load-test-covers")
    ended = START - 20 * DAY
    of = replace(EVERYTHING, load_test=run(9000, ended=ended))
    assert evaluate((item,), of, ended + 14 * DAY)[0].state == "pass"
    late = evaluate((item,), of, ended + 14 * DAY + timedelta(hours=1))[0]
    assert (late.state, str(late.note)) == ("stale", "337 hours old; it proves this for 336")


@pytest.mark.parametrize(("kind", "total", "state"), [("rate", 72, "pass"), ("rate", 71.9, "fail")])
def test_quotas_hold_a_fifth_more_than_the_p90_peak(kind: str, total: float, state: str) -> None:
    limit = Limit(name="sms", kind="rate", total=total, used_by={"shop": 0.01})
    of = evidence(settings=SETTINGS.model_copy(update={"limits": (limit,)}))
    assert one("quotas", of)[0] == state


def test_quotas_per_replica_need_the_autoscaling_plan() -> None:
    limit = Limit(name="db", kind="per_replica", total=1500, reserved=60, used_by={"shop": 20})
    of = evidence(settings=SETTINGS.model_copy(update={"limits": (limit,)}))
    assert one("quotas", of) == ("pending", "there is no autoscaling.json yet")
    assert one("quotas", replace(of, autoscaling=autoscaling(60)))[0] == "pass"
    assert one("quotas", replace(of, autoscaling=autoscaling(61))) == ("fail", "db needs 1,460, has 1,440")


def test_a_roster_short_in_one_half_hour_fails_and_says_where() -> None:
    slots = (StaffedSlot(START, "chat", 9, 9), StaffedSlot(START + timedelta(minutes=30), "chat", 9, 8))
    told = one("staffing", evidence(staffing=slots))
    assert told == ("fail", "1 half-hours are short, the first at 11-10 20:30 on chat")
    assert one("staffing", evidence(staffing=slots[:1]))[0] == "pass"
    assert one("staffing", evidence(staffing=(replace(slots[0], rostered=None),)))[0] == "pending"


@pytest.mark.parametrize(("level", "state"), [(0.8, "pass"), (0.79, "fail")])
def test_a_roster_is_measured_by_the_service_level_it_delivers(level: float, state: str) -> None:
    slot = StaffedSlot(START, "chat", 9, 8, level)
    assert one("staffing", replace(EVERYTHING, staffing=(slot,)))[0] == state


@pytest.mark.parametrize(
    ("questions", "passed", "state"), [(5, 5, "pass"), (10, 9, "pass"), (10, 8, "fail"), (4, 4, "pending")]
)
def test_the_bot_must_answer_nine_of_ten_on_every_offer(questions: int, passed: int, state: str) -> None:
    assert one("bot-replay", evidence(bot_replay={"cut": Replay(questions, passed)}))[0] == state


def test_a_replay_says_how_many_passed_and_waits_for_questions_not_tried_yet() -> None:
    assert one("bot-replay", evidence(bot_replay={"cut": Replay(6, 4)})) == ("fail", "too many wrong answers: cut 4/6")
    told = one("bot-replay", evidence(bot_replay={"cut": Replay(6, 4, untried=2)}))
    assert told == ("pending", "questions that nobody tried on the bot yet: cut 2")


def test_a_replay_about_other_rules_proves_nothing_any_more() -> None:
    offers = {"cut": Replay(6, 6, outdated=1)}
    state, note = one("bot-replay", replace(EVERYTHING, bot_replay=offers))
    assert (state, note) == ("stale", "replayed with other rules than today's: cut")


def test_reworded_offers_reopen_the_bots_item_once_frozen() -> None:
    path, digest = "evidence/d11/bot_replay.csv", "r1"
    bundle = FrozenBundle(
        campaign="d11", hash="h", as_of_utc=START, files={path: digest}, components={"wording": "w1"}, peaks={}
    )
    of = replace(EVERYTHING, bot_replay={"cut": Replay(6, 6)}, bot_replay_hash=digest, bundle=bundle)
    assert one("bot-replay", replace(of, binding=Binding({"wording": "w1"})))[0] == "pass"
    assert one("bot-replay", replace(of, binding=Binding({"wording": "w2"})))[0] == "stale"
    again = replace(of, binding=Binding({"wording": "w2"}), bot_replay_hash="r2")
    assert one("bot-replay", again)[0] == "pass"


def decided(**caps: float) -> Evidence:
    """A GO with limits on a plan with one push of 20,000 a second and 300,000 to spend."""
    push = Send(at=START, reach=1000, per_second=20_000)
    plan = PLAN.model_copy(
        update={"channels": (Channel(name="push", sends=(push,)), Channel(name="feed", spend=300_000))}
    )
    decision = Signed("chen", "commander", START - DAY, Binding(), {"verdict": "go-with-limits", "limits": caps})
    return evidence(plan=plan, standing=Standing(decision=decision))


@pytest.mark.parametrize(
    ("caps", "told"),
    [
        ({"push_per_second": 20_000, "spend": 300_000}, ""),
        ({"push_per_second": 5000}, "push at 11-10 20:00 sends 20,000/s, at most 5,000/s is allowed"),
        ({"spend": 200_000}, "300,000 CNY are planned, at most 200,000 may be spent"),
    ],
)
def test_a_go_with_limits_asks_whether_the_plan_keeps_to_them(caps: dict[str, float], told: str) -> None:
    of = decided(**caps)
    assert one("limits-kept", of) == ("pending" if told else "pass", told)
    assert "limits-kept" in {item.id for item in items(of)}
    assert "limits-kept" not in {item.id for item in items(evidence())}


def test_a_gate_signed_on_a_draft_holds_up_to_what_was_tested() -> None:
    signed = Binding(peaks={"shop": 5000})
    grown = Binding(peaks={"shop": 6000}, tested={"shop": 7000})
    assert changed(signed, grown, ("carried",)) == []
    assert [str(t) for t in changed(signed, replace(grown, peaks={"shop": 7001}), ("carried",))] == [
        "the p90 peak of shop grew"
    ]
    assert changed(signed, grown, ("peak",)) != []


def test_switches_need_who_how_and_back() -> None:
    bare = evidence(settings=SETTINGS.model_copy(update={"switches": (Switch(id="off"),)}))
    assert one("switch-table", bare) == ("fail", "without action, executor, effect or undo: off")
    assert one("switches-drilled", bare) == ("pending", "not drilled yet: off")
    assert one("switch-table", EVERYTHING)[0] == "pass"


def test_every_stage_but_the_most_valuable_has_a_switch_or_a_signed_reason() -> None:
    switch = Switch(id="off", effect={"shop": 0.2}, action="a", undo="u", executor="sre")
    funnel = (
        Stage(stage="home", value_rank=2, requests={"shop": 3}),
        Stage(stage="search", value_rank=1, requests={"index": 2}),
        Stage(stage="pay", value_rank=0, requests={"pay": 1}),
    )
    of = evidence(settings=SETTINGS.model_copy(update={"switches": (switch,), "funnel": funnel}))
    note = "no switch sheds search: add one, or sign the reason"
    assert one("switch-table", of) == ("pending", note)
    (item,) = (i for i in items(of) if i.id == "switch-table")
    signed = Signed("wang", "sre", START - 20 * DAY, Binding(), {"verdict": "pass", "note": "search is cached"})
    told = replace(of, standing=Standing(notes={(item.scope, item.id): signed}))
    assert evaluate((item,), told, START - 15 * DAY)[0].state == "pass"
    assert evaluate((item,), of, START - 15 * DAY)[0].state == "pending"


def test_an_undone_item_past_its_time_is_overdue() -> None:
    (item,) = (i for i in items(EVERYTHING) if i.id == "compliance-cleared")
    on_time = evaluate((item,), EVERYTHING, item.due_at_utc)[0]
    late = evaluate((item,), EVERYTHING, item.due_at_utc + timedelta(seconds=1))[0]
    assert (on_time.overdue, late.overdue, late.state) == (False, True, "pending")


def test_the_review_waits_for_everything_before_it() -> None:
    states = {i.id: i for i in evaluate(items(EVERYTHING), EVERYTHING, START - 8 * DAY)}
    assert states["readiness-review"].state == "pending"
    red = evaluate(items(EVERYTHING), replace(EVERYTHING, load_test=run(10)), START)
    assert {i.id: i.state for i in red}["readiness-review"] == "fail"
    card = str(next(i.note for i in red if i.id == "readiness-review"))
    assert re.search(r"^\d green; red: .*“Full load test.*; open: .*“Third parties told", card), card
    done = tuple(i for i in items(EVERYTHING) if i.id in ("plan-submitted", "readiness-review"))
    assert [i.state for i in evaluate(done, EVERYTHING, START)] == ["pass", "pass"]


def test_a_gate_opens_when_nothing_is_missing() -> None:
    signed = {("G0", role): Signed("x", role, START, Binding(), {}) for role in ("marketing", "sre")}
    found = evaluate(items(EVERYTHING), EVERYTHING, START)
    unsigned = gate_states(POLICY, found, "L", EVERYTHING)[0]
    assert (unsigned.gate, unsigned.open, unsigned.missing) == ("G0", False, ())
    of = replace(EVERYTHING, standing=replace(EVERYTHING.standing, signatures=signed))
    gates = {g.gate: g for g in gate_states(POLICY, found, "L", of)}
    assert (gates["G0"].open, gates["G1"].open) == (True, False)
    assert "third-parties-told" in gates["G1"].missing
    passed = tuple(i.model_copy(update={"state": "pass"}) for i in found)
    assert all(g.open and not g.missing for g in gate_states(POLICY, passed, "S", EVERYTHING))


@given(st.sampled_from(sorted(CHECKS)), st.floats(1, 1e6), st.integers(-60, 30))
def test_the_same_evidence_and_time_give_the_same_states(check: str, tested: float, days: int) -> None:
    of, now = replace(EVERYTHING, load_test=run(tested)), START + days * DAY
    chosen = tuple(i for i in items(of) if i.check == check)
    assert evaluate(chosen, of, now) == evaluate(chosen, of, now)


@given(st.floats(1, 1e6), st.floats(0, 1e6))
def test_a_higher_tested_rate_never_turns_a_pass_into_a_failure(tested: float, more: float) -> None:
    if one("load-test-full", evidence(load_test=run(tested)))[0] == "pass":
        assert one("load-test-full", evidence(load_test=run(tested + more)))[0] == "pass"


def own(folder: Path, text: str) -> Path:
    (folder / "checklist.yaml").write_text("schema_version: 1\n" + text, "utf-8")
    return folder


def test_a_workspace_overrides_adds_and_drops_items(tmp_path: Path) -> None:
    policy = read_checklist_policy(
        own(
            tmp_path,
            "items:\n  - {id: go-no-go, due: T-2d}\n  - {id: game-day, tiers: []}\n"
            "  - {id: tax, owner: ops, due: T-9d, tiers: [L], title: {zh: a, en: b}, evidence: {zh: a, en: b}}\n",
        )
    )
    found = {i.id: i for i in choose_items(policy, "L", EVERYTHING, (PLAN,))}
    assert found["go-no-go"].due_at_utc == START - 2 * DAY
    assert "game-day" not in found
    assert found["tax"].gate is None


def test_all_problems_of_a_workspaces_checklist_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_checklist_policy(
            own(
                tmp_path,
                "items:\n  - {id: go-no-go, due: T-2w}\n  - {id: game-day, check: gameday}\n  - {id: x, ownr: ops}\n",
            )
        )
    told = str(caught.value)
    assert "checklist.yaml:3" in told
    assert "T-2w is not a due time\n  write T-3d, T-1h, T-30m before it, T+7d after it" in told
    assert "checklist.yaml:4" in told
    assert "there is no check gameday" in told
    assert "ownr: unknown key\n  did you mean owner?" in told


@pytest.mark.parametrize("text", ["items: 3\n", "items:\n  - due: T-1d\n", "items:\n  - {id: a}\n  - {id: a}\n"])
def test_a_checklist_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        read_checklist_policy(own(tmp_path, text))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_row_speaks_both_languages(language: Language) -> None:
    for row in POLICY.items:
        assert row.title.speak(language)
        assert row.evidence.speak(language)
    assert len({row.title.speak(language) for row in POLICY.items}) == len(POLICY.items)
