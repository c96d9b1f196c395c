"""The plan's files, what they say, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from campaign.errors import UserError
from campaign.language import use_language
from campaign.settings import Follows, Service, Settings
from campaign.workspace import open_workspace
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.publish import make_plan, publish_autoscaling
from playbooks.autoscaling.relief import relief_said
from playbooks.autoscaling.steps import held
from playbooks.autoscaling.way_back import return_order, return_times

Make = Callable[..., Path]
FUNNEL_TEXT = """\
funnel:
  - {stage: home, endpoint: "GET /", continues_ratio: 0.5, value_rank: 3, requests: {storefront: 4}}
  - {stage: checkout, endpoint: "POST /orders", value_rank: 0, requests: {storefront: 2, checkout: 5}}
"""


def publish(folder: Path, now: datetime, campaign: str = "coupon-drop") -> AutoscalingPlan:
    return publish_autoscaling(open_workspace(folder), campaign, now)


def planned(folder: Path, now: datetime, campaign: str = "coupon-drop") -> AutoscalingPlan:
    """The same with nothing written."""
    return make_plan(open_workspace(folder), campaign, now).plan


def refusal(folder: Path, now: datetime, campaign: str = "coupon-drop") -> list[str]:
    with pytest.raises(UserError) as refused:
        planned(folder, now, campaign)
    return [str(problem) for problem in refused.value.problems]


def minute_floor(plan: AutoscalingPlan, service: str) -> np.ndarray:
    steps = plan.services[service].steps
    minutes = int((plan.ends_at_utc - plan.starts_at_utc) / timedelta(minutes=1))
    starts = [int((step.starts_at_utc - plan.starts_at_utc) / timedelta(minutes=1)) for step in steps]
    return held(starts, [step.replicas for step in steps], minutes)


def test_a_drop_is_scheduled_in_few_steps_and_loses_nothing(workspace_folder: Make, as_of: datetime) -> None:
    plan = planned(workspace_folder(), as_of)
    storefront = plan.services["storefront"]
    assert storefront.verdict == "scheduled"
    assert len(storefront.steps) - 2 <= 8  # but for the trial of the executor
    policies = storefront.back_test.policies
    assert policies["plan"].event_overload_ratio <= 0.05
    assert policies["hpa-alone"].overloaded_minutes > 5
    assert policies["plan"].replica_hours < policies["static-peak"].replica_hours / 2
    assert storefront.back_test.never_worse
    assert storefront.cost == pytest.approx(storefront.replica_hours * 0.9)


def test_the_floor_is_ready_before_the_earliest_drop(workspace_folder: Make, as_of: datetime) -> None:
    plan = planned(workspace_folder(), as_of)
    storefront = plan.services["storefront"]
    highest = max(storefront.steps, key=lambda step: step.replicas)
    ready = highest.starts_at_utc + timedelta(minutes=storefront.lead_minutes)
    assert ready <= as_of + timedelta(days=3) - timedelta(minutes=5)
    assert highest.replicas == storefront.replicas.peak
    assert "coupon drop at 11-10 20:00" in highest.why


def test_same_inputs_same_bytes(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()

    def digests() -> dict[str, str]:
        publish(folder, as_of)
        files = sorted((folder / "out" / "coupon-drop" / "playbook").rglob("*.*"))
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    assert digests() == digests()


def test_the_record_reads_back_with_the_hash_of_every_input(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    plan = publish(folder, as_of)
    stored = json.loads((folder / "out/coupon-drop/playbook/autoscaling.json").read_text("utf-8"))
    assert AutoscalingPlan.model_validate(stored).services["checkout"].steps == plan.services["checkout"].steps
    assert set(stored["inputs"]) == {
        "surgeplan.yaml",
        "campaigns/coupon-drop.yaml",
        "out/coupon-drop/traffic.json",
        "out/coupon-drop/traffic_paths.npz",
    }
    assert stored["model"] == stored["inputs"]["out/coupon-drop/traffic.json"]


def test_the_table_speaks_chinese_in_the_campaigns_zone(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    use_language("zh")
    try:
        folder = workspace_folder()
        publish(folder, as_of)
    finally:
        use_language("en")
    text = (folder / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
    assert "需要按计划扩容" in text
    assert "11-10 20:00 发券" in text


def test_a_slow_ramp_needs_no_steps(workspace_folder: Make, store_traffic, as_of: datetime) -> None:  # type: ignore[no-untyped-def]
    folder = workspace_folder()
    hours = np.arange(14 * 60) / 60
    rates = (400 + 200 * np.sin(hours / 14 * np.pi))[None] * np.ones((50, 1))
    store_traffic(folder, "coupon-drop", {"storefront": rates.astype(np.float32)})
    service = publish(folder, as_of).services["storefront"]
    assert service.verdict == "reactive-suffices"
    assert service.steps == ()
    assert not (folder / "out/coupon-drop/playbook/kubernetes/30-steps.yaml").exists()


def test_a_quota_below_the_need_is_said_with_what_may_be_admitted(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    tight = settings_text.replace("{today: 8, min: 4, max: 400}", "{today: 8, min: 4, max: 30}")
    service = planned(workspace_folder(tight), as_of).services["storefront"]
    assert service.verdict == "limited"
    (hit,) = service.limits_hit
    assert (hit.limit, hit.allowed) == ("replicas.max", 30)
    assert hit.needed > 40
    assert hit.admitted_requests_per_second == pytest.approx(3000)
    assert max(step.replicas for step in service.steps) == 30


LIMITS = """\
limits:
  - {name: orders-db, kind: per_replica, total: 200, reserved: 20, used_by: {storefront: 2, checkout: 4}, owner: dba}
"""


def test_services_that_share_a_database_stay_within_it_at_every_minute(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    plan = planned(workspace_folder(settings_text + LIMITS), as_of)
    connections = 2 * minute_floor(plan, "storefront") + 4 * minute_floor(plan, "checkout")
    assert connections.max() <= 180
    for service in plan.services.values():
        assert service.verdict == "limited"
        assert service.limits_hit[0].owner == "dba"


def test_a_rate_limit_admits_its_share(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    limits = "limits:\n  - {name: sms, kind: rate, total: 30, used_by: {checkout: 0.05}, owner: vendor}\n"
    service = planned(workspace_folder(settings_text + limits), as_of).services["checkout"]
    assert service.verdict == "limited"
    assert service.limits_hit[0].admitted_requests_per_second == pytest.approx(600, rel=0.06)


def test_replicas_come_in_multiples_where_asked(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    zonal = settings_text.replace("min: 4, max: 400}", "min: 4, max: 400, multiple_of: 3}", 1)
    service = planned(workspace_folder(zonal), as_of).services["storefront"]
    assert all(step.replicas % 3 == 0 for step in service.steps)
    assert service.replicas.floor == 6


def test_campaigns_that_share_an_hour_share_one_set_of_steps(
    workspace_folder: Make,
    plan_text: str,
    small_drop,
    store_traffic,
    as_of: datetime,  # type: ignore[no-untyped-def]
) -> None:
    folder = workspace_folder()
    second = (
        plan_text.replace("coupon-drop", "late-push", 1).replace("T20:00+", "T21:00+").replace("T22:00+", "T23:00+")
    )
    second = second.replace("T20:00:00+", "T21:30:00+")
    (folder / "campaigns" / "late-push.yaml").write_text(second, "utf-8")
    store_traffic(folder, "late-push", {"storefront": small_drop() * 2, "checkout": small_drop() / 5})
    first, other = (publish(folder, as_of, name) for name in ("coupon-drop", "late-push"))
    assert first.shared_with == ("late-push",)
    assert [s.steps for s in first.services.values()] == [s.steps for s in other.services.values()]
    folders = [folder / "out" / name / "playbook/kubernetes/30-steps.yaml" for name in ("coupon-drop", "late-push")]
    names = [[d["metadata"]["name"] for d in YAML(typ="safe").load_all(file)] for file in folders]
    assert names[0] == names[1]


def test_an_unforecast_neighbour_is_said(workspace_folder: Make, plan_text: str, as_of: datetime) -> None:
    folder = workspace_folder()
    second = plan_text.replace("coupon-drop", "late-push", 1)
    (folder / "campaigns" / "late-push.yaml").write_text(second, "utf-8")
    assert any("late-push share a service" in text for text in planned(folder, as_of).assumptions)


def test_a_start_in_the_past_is_marked(workspace_folder: Make, as_of: datetime) -> None:
    assert planned(workspace_folder(), as_of + timedelta(days=4)).historical


def test_too_little_notice_is_said(workspace_folder: Make, as_of: datetime) -> None:
    just_before = as_of + timedelta(days=3, hours=-1, minutes=-3)
    texts = planned(workspace_folder(), just_before).assumptions
    assert "storefront: replicas take 6 min to be ready and only 3 min are left: raise the floor by hand now" in texts


def test_a_step_that_is_due_already_is_to_be_set_by_hand(workspace_folder: Make, as_of: datetime) -> None:
    eight_minutes_before = as_of + timedelta(days=3, minutes=-8)
    texts = planned(workspace_folder(), eight_minutes_before).assumptions
    assert "storefront: the step of 11-10 19:49 is due already: set the floor to 51 by hand now" in texts
    assert not any("due already" in text for text in planned(workspace_folder(), as_of).assumptions)


def test_a_declared_capacity_is_an_assumption(workspace_folder: Make, as_of: datetime) -> None:
    texts = planned(workspace_folder(), as_of).services["storefront"].assumptions
    assert "storefront: its capacity is declared, not measured; measure it before the event" in texts


def test_a_capacity_measured_elsewhere_is_said(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    measured = {
        "service": "storefront",
        "source": "measured",
        "capacity_requests_per_second_per_replica": {"low": 80, "mid": 90, "high": 100},
        "campaign": "last-year",
        "host": "http://127.0.0.1:9000",
        "image": "shop:1.4",
        "measured_at_utc": "2026-06-01T00:00:00Z",
    }
    file = folder / "out" / "capacity" / "storefront.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(measured), "utf-8")
    service = planned(folder, as_of).services["storefront"]
    assert service.capacity_requests_per_second_per_replica.low == 80
    assert service.capacity_source == "measured"
    said = " ".join(service.assumptions)
    for part in ("mix of last-year", "127.0.0.1:9000, which is not production", "shop:1.4", "162 days"):
        assert part in said
    file.write_text(json.dumps(measured | {"host": "https://stage.shop.test"}), "utf-8")
    said = " ".join(planned(folder, as_of).services["storefront"].assumptions)
    assert "https://stage.shop.test; it holds where the same machines run" in said


def test_a_service_without_capacity_is_left_out_and_said(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    unknown = settings_text.replace("    capacity_requests_per_second_per_replica: 50\n", "")
    plan = planned(workspace_folder(unknown), as_of)
    assert list(plan.services) == ["storefront"]
    assert "loadtest capacity checkout" in plan.not_planned["checkout"]


def test_no_capacity_at_all_is_refused(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    lines = [line for line in settings_text.splitlines() if "capacity_" not in line]
    (problem,) = refusal(workspace_folder("\n".join(lines) + "\n"), as_of)
    assert problem.startswith("surgeplan.yaml services: no service has a known capacity")


@pytest.mark.parametrize("given", ["0", "-5", ".inf", ".nan"])
def test_an_impossible_capacity_is_refused(
    workspace_folder: Make, settings_text: str, as_of: datetime, given: str
) -> None:
    settings = settings_text.replace("per_replica: 100", f"per_replica: {given}")
    (problem,) = refusal(workspace_folder(settings), as_of)
    assert "services[0].capacity_requests_per_second_per_replica" in problem


def test_a_quota_below_what_runs_today_is_refused(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    settings = settings_text.replace("{today: 8, min: 4, max: 400}", "{today: 8, min: 4, max: 6}")
    (problem,) = refusal(workspace_folder(settings), as_of)
    assert "replicas.max 6 of storefront is below the 8 that run today" in problem


def test_a_limit_below_the_usual_floors_is_refused(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    limits = "limits:\n  - {name: db, kind: per_replica, total: 20, reserved: 10, used_by: {storefront: 3}}\n"
    (problem,) = refusal(workspace_folder(settings_text + limits), as_of)
    assert "limit db leaves 10, but the usual floors already take 12" in problem


def test_a_campaign_not_yet_forecast_is_refused(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    (folder / "out/coupon-drop/traffic.json").unlink()
    assert refusal(folder, as_of) == [
        "out/coupon-drop/traffic.json: does not exist\n  run `surgeplan forecast coupon-drop` first"
    ]


def test_an_unknown_zone_is_refused(workspace_folder: Make, plan_text: str, as_of: datetime) -> None:
    (problem,) = refusal(workspace_folder(plan=plan_text + "time_zone: Asia/Peking\n"), as_of)
    assert "Asia/Peking is not a time zone" in problem


def test_paths_that_are_no_paths_are_refused(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    (folder / "out/coupon-drop/traffic_paths.npz").write_bytes(b"not a zip")
    (problem,) = refusal(folder, as_of)
    assert problem.startswith("out/coupon-drop/traffic_paths.npz: cannot be read")


def test_a_workspaces_own_policy_wins_and_its_typos_are_found(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    (folder / "autoscaling.yaml").write_text("steps_per_day: 4\nnamespace: shop\n", "utf-8")
    assert len(publish(folder, as_of).services["storefront"].steps) - 2 == 4  # but for the trial of the executor
    assert "namespace: shop" in (folder / "out/coupon-drop/playbook/kubernetes/10-hpa.yaml").read_text("utf-8")
    (folder / "autoscaling.yaml").write_text("schema_version: 1\nsteps_per_dya: 4\n", "utf-8")
    assert refusal(folder, as_of) == ["autoscaling.yaml:2 steps_per_dya: unknown key\n  did you mean steps_per_day?"]


def test_caches_are_warm_before_the_drops_step_and_connections_as_it_starts(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    limits = "limits:\n  - {name: orders-db, kind: per_replica, total: 9000, used_by: {storefront: 20}, owner: dba}\n"
    service = planned(workspace_folder(settings_text + limits + FUNNEL_TEXT), as_of).services["storefront"]
    highest = max(service.steps, key=lambda step: step.replicas)
    caches, connections = service.warming
    lead = timedelta(minutes=service.lead_minutes)
    assert (caches.starts_at_utc, caches.ready_by_utc) == (highest.starts_at_utc - lead, highest.starts_at_utc)
    assert "GET / (80%), POST /orders (20%)" in caches.what
    assert (connections.starts_at_utc, connections.ready_by_utc) == (
        highest.starts_at_utc,
        highest.starts_at_utc + lead,
    )
    assert (connections.limit, connections.connections_per_replica) == ("orders-db", 20)
    assert connections.connections == 20 * highest.replicas


def test_floors_return_one_after_the_other_the_most_valuable_last(
    workspace_folder: Make, settings_text: str, as_of: datetime
) -> None:
    folder = workspace_folder(settings_text + FUNNEL_TEXT)
    plan = publish(folder, as_of)
    front, back = plan.services["storefront"], plan.services["checkout"]
    assert front.returns_at_utc == plan.ends_at_utc
    assert back.returns_at_utc == plan.ends_at_utc + timedelta(minutes=10)
    text = (folder / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
    rows = text.split("## The way back")[1].splitlines()
    assert [row.split(" | ")[1] for row in rows if row.startswith("| 11-")] == ["storefront", "checkout"]


def test_who_is_fed_shrinks_after_who_feeds_it() -> None:
    services = (
        Service(name="ledger", follows=Follows(service="pay", requests_per_request=1)),
        Service(name="pay", follows=Follows(service="web", requests_per_request=1)),
        Service(name="web"),
    )
    settings = Settings(time_zone="UTC", services=services)
    assert return_order(settings, ["ledger", "pay", "web"]) == ("web", "pay", "ledger")
    ends = datetime(2026, 11, 10, tzinfo=UTC)
    last = max(return_times(settings, ["ledger", "pay", "web"] * 9, ends).values())
    assert last <= ends + timedelta(minutes=50)


@pytest.mark.parametrize(
    ("weak", "verdict_says"),
    [
        (0.1, "even with reviews-off, recommend-off pulled"),
        (0.8, "it fits once people have pulled recommend-off, reviews-off"),
    ],
)
def test_switches_say_what_demand_they_leave(
    workspace_folder: Make, settings_text: str, as_of: datetime, weak: float, verdict_says: str
) -> None:
    tight = settings_text.replace("{today: 8, min: 4, max: 400}", "{today: 8, min: 4, max: 30}")
    switches = f"""switches:
  - {{id: recommend-off, effect: {{storefront: {weak}}}}}
  - {{id: reviews-off, effect: {{storefront: 0.12}}, drilled_seconds: 15}}
  - {{id: history-off, effect: {{checkout: 0.5}}}}
"""
    folder = workspace_folder(tight + switches)
    service = publish(folder, as_of).services["storefront"]
    (hit,) = service.limits_hit
    assert service.verdict == "limited"
    assert verdict_says in service.verdict_why
    assert {relief.switch for relief in hit.switches} == {"recommend-off", "reviews-off"}
    assert hit.left_requests_per_second == pytest.approx(hit.demand_requests_per_second * (1 - weak) * 0.88)
    text = (folder / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
    assert text.count("(never drilled)") == 1


def test_a_limit_without_switches_says_so(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    tight = settings_text.replace("{today: 8, min: 4, max: 400}", "{today: 8, min: 4, max: 30}")
    service = planned(workspace_folder(tight), as_of).services["storefront"]
    assert str(relief_said(service.limits_hit)) == "no switch in surgeplan.yaml sheds requests of this service"
