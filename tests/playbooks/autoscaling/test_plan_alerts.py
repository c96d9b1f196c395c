"""The plan's alert rules as a real Prometheus evaluates them, with the plan's hours laid at the start of 1970."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaign.documents import read_json
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.manifests.prometheus import alerts
from playbooks.autoscaling.plan import AutoscalingPlan, Step
from playbooks.autoscaling.policy import read_policy
from tests.prometheus_server import needs_prometheus

pytestmark = needs_prometheus
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAD_MINUTES = 6
STEPS = ((60, 4), (100, 40), (130, 12), (160, 20))  # minute, replicas; back to the usual floor at 200
LABELS = 'namespace="default"'
CARRIES = 100  # requests per second of one replica


@pytest.fixture
def rules(published_within_limits: Path, tmp_path: Path) -> Path:
    """The rules of a plan with these steps."""
    steps = tuple(Step(starts_at_utc=minute(at), replicas=count, why="") for at, count in STEPS)
    return written(published_within_limits, tmp_path, steps, minute(200))


@pytest.fixture
def rules_without_steps(published_within_limits: Path, tmp_path: Path) -> Path:
    """The rules of a plan whose HPA suffices, in the same hours."""
    return written(published_within_limits, tmp_path, (), None)


def written(published: Path, folder: Path, steps: tuple[Step, ...], returns_at: datetime | None) -> Path:
    plan = read_json(published / "out/coupon-drop/playbook/autoscaling.json", "plan", AutoscalingPlan)
    service = plan.services["storefront"].model_copy(
        update={"steps": steps, "returns_at_utc": returns_at, "lead_minutes": LEAD_MINUTES}
    )
    moved = plan.model_copy(update={"starts_at_utc": minute(60), "ends_at_utc": minute(200)})
    setting = Setting(moved, read_policy(), ZoneInfo("Asia/Shanghai"))
    file = folder / "rules.json"
    group = {"name": "plan", "rules": alerts(setting, "storefront", service)}
    file.write_text(json.dumps({"groups": [group]}))
    return file


def minute(at: int) -> datetime:
    return EPOCH + timedelta(minutes=at)


def floor(values: str) -> dict[str, str]:
    name = "kube_horizontalpodautoscaler_spec_min_replicas"
    return {"series": f'{name}{{horizontalpodautoscaler="storefront",{LABELS}}}', "values": values}


def running(values: str) -> dict[str, str]:
    name = "kube_deployment_status_replicas_available"
    return {"series": f'{name}{{deployment="storefront",{LABELS}}}', "values": values}


def demand(*changes: tuple[int, int]) -> dict[str, str]:
    """So many requests per second from each minute on, as a counter."""
    total, values = 0, []
    for (at, rate), until in zip(changes, [at for at, _ in changes[1:]] + [241], strict=True):
        values.append(f"{total}+{60 * rate}x{until - at - 1}")
        total += 60 * rate * (until - at)
    return {"series": 'http_requests_total{service="storefront"}', "values": " ".join(values)}


def firing(rules: Path, alert: str, at_minutes: list[int], *given: dict[str, str]) -> list[bool]:
    """Whether the alert fires at each of these minutes."""
    found = []
    for at in at_minutes:
        asked = {"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})', "eval_time": f"{at}m"}
        test: dict[str, Any] = {"interval": "1m", "input_series": list(given)}
        test["promql_expr_test"] = [asked | {"exp_samples": [{"labels": "{}", "value": 1}]}]
        file = rules.parent / "test.json"
        file.write_text(json.dumps({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]}))
        done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
        assert "got:" in done.stdout + done.stderr or done.returncode == 0, done.stderr
        found.append(done.returncode == 0)
    return found


def held(*changes: tuple[int, int]) -> str:
    """A value from each minute on, as promtool writes series."""
    until = [at for at, _ in changes[1:]] + [241]
    return " ".join(f"{value}x{end - at - 1}" for (at, value), end in zip(changes, until, strict=True))


AS_PLANNED = held((0, 4), (100, 40), (130, 12), (160, 20), (200, 4))


def test_a_step_that_did_not_happen_is_told_while_there_is_time(rules: Path) -> None:
    assert firing(rules, "SurgeplanFloorNotHeld", [99, 102, 103, 129, 132], floor("4x240")) == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_every_step_is_watched_not_only_the_highest(rules: Path) -> None:
    missed = held((0, 4), (100, 40), (130, 12), (200, 4))
    assert firing(rules, "SurgeplanFloorNotHeld", [120, 150, 161, 164, 199, 202], floor(missed)) == [
        False, False, False, True, True, False,
    ]  # fmt: skip


def test_a_plan_that_holds_is_silent(rules: Path) -> None:
    ready = held((0, 4), (105, 40), (135, 12), (165, 20), (205, 4))
    given = (floor(AS_PLANNED), running(ready), demand((0, CARRIES)))
    at = [59, 63, 104, 107, 131, 140, 168, 199, 205, 230]
    for alert in ("FloorNotHeld", "ReplicasMissing", "DemandNearPlan", "DemandUnknown"):
        assert firing(rules, f"Surgeplan{alert}", at, *given) == [False] * len(at)


def test_one_pod_that_is_replaced_wakes_nobody_and_a_tenth_missing_does(rules: Path) -> None:
    assert firing(rules, "SurgeplanReplicasMissing", [120], running(held((0, 4), (104, 39)))) == [False]
    assert firing(rules, "SurgeplanReplicasMissing", [104, 120], running(held((0, 4), (104, 36)))) == [False, True]


def test_demand_that_comes_before_its_step_is_told(rules: Path) -> None:
    early = demand((0, CARRIES), (70, 10 * CARRIES))
    few, at = running(held((0, 4), (105, 40))), [69, 73, 99, 107]
    assert firing(rules, "SurgeplanDemandNearPlan", at, early, few) == [False, True, True, False]
    assert firing(rules, "SurgeplanDemandNearPlan", at, early) == [False, True, True, False]


def test_demand_that_the_hpa_follows_is_not_told(rules: Path) -> None:
    early = demand((0, CARRIES), (70, 10 * CARRIES))
    followed = running(held((0, 4), (71, 13)))
    assert firing(rules, "SurgeplanDemandNearPlan", [73, 99, 120, 150], early, followed) == [False] * 4


def test_demand_near_what_a_step_carries_is_told_in_the_hours_of_the_plan_alone(rules: Path) -> None:
    at, much = [59, 104, 110, 128, 133, 199, 203], 37 * CARRIES
    assert firing(rules, "SurgeplanDemandNearPlan", at, demand((0, much))) == [
        False, True, True, True, True, True, False,
    ]  # fmt: skip
    assert firing(rules, "SurgeplanDemandNearPlan", at, demand((0, 35 * CARRIES))) == [
        False, True, False, False, True, True, False,
    ]  # fmt: skip


def test_missing_series_are_told_and_only_in_the_hours_of_the_plan(rules: Path) -> None:
    assert firing(rules, "SurgeplanReplicasMissing", [50, 120, 230]) == [False, True, False]
    assert firing(rules, "SurgeplanDemandUnknown", [50, 63, 120, 230]) == [False, False, True, False]


def test_every_alert_says_what_is_wrong_and_what_to_do_about_a_floor(rules: Path) -> None:
    subprocess.run(["promtool", "check", "rules", str(rules)], check=True, capture_output=True, timeout=60)
    said = {"exp_labels": {"severity": "page", "service": "storefront", "horizontalpodautoscaler": "storefront"}}
    said["exp_labels"]["namespace"] = "default"
    summary = (
        "storefront: minReplicas is 4, below its planned step. By hand: kubectl -n default patch hpa storefront "
        """--type=merge -p '{"spec":{"minReplicas":N}}' (N: autoscaling.md)"""
    )
    test = {
        "interval": "1m",
        "input_series": [floor("4x240")],
        "alert_rule_test": [
            {
                "alertname": "SurgeplanFloorNotHeld",
                "eval_time": "110m",
                "exp_alerts": [said | {"exp_annotations": {"summary": summary}}],
            }
        ],
    }
    file = rules.parent / "test.json"
    file.write_text(json.dumps({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    (group,) = json.loads(rules.read_text())["groups"]
    assert all(rule["annotations"]["summary"].startswith("storefront: ") for rule in group["rules"])


def test_an_hpa_that_was_to_suffice_is_told_when_it_has_not_followed_for_a_start_up(rules_without_steps: Path) -> None:
    """Eight replicas run; demand for twelve of them from minute 100 on."""
    near, jump = "SurgeplanDemandNearPlan", demand((0, 6 * CARRIES), (100, 12 * CARRIES))
    late = [100 + LEAD_MINUTES - 1, 100 + LEAD_MINUTES + 2, 199, 201]
    assert firing(rules_without_steps, near, late, jump, running("8x240")) == [False, True, True, False]
    followed = running(held((0, 8), (104, 20)))
    assert firing(rules_without_steps, near, [99, 103, 110, 150], jump, followed) == [False] * 4


def test_a_service_without_steps_is_watched_for_its_demand_and_not_for_steps(rules_without_steps: Path) -> None:
    assert firing(rules_without_steps, "SurgeplanDemandUnknown", [50, 120]) == [False, True]
    (group,) = json.loads(rules_without_steps.read_text())["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["SurgeplanDemandNearPlan", "SurgeplanDemandUnknown"]
