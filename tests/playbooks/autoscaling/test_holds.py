"""A plan's steps are orders, ready a start-up later; floors that people decide on are not lowered by later steps."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from campaign.documents import read_json
from campaign.files import write_json
from playbooks.autoscaling.holds import Hold, held, lowered
from playbooks.autoscaling.lint.bounds import bounds_of
from playbooks.autoscaling.lint.folder import lint_folder
from playbooks.autoscaling.manifests.bundle import steps_alone
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.orders import floor_at, ready_at
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.policy import read_policy
from playbooks.autoscaling.publish import write_folder

DROP = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY_BEFORE = DROP - timedelta(days=1)
SERVICE, HPA = "storefront", "kubernetes/10-hpa.yaml"


@pytest.fixture
def plan(published: Path) -> AutoscalingPlan:
    return read_json(published / "out/coupon-drop/playbook/autoscaling.json", "autoscaling.json", AutoscalingPlan)


def hold(replicas: int, first: int, last: int, made_until: int | None = None) -> Hold:
    """In minutes from the drop."""
    until = last if made_until is None else made_until
    return Hold(SERVICE, replicas, DROP + first * MINUTE, DROP + last * MINUTE, DROP + until * MINUTE)


def jobs(plan: AutoscalingPlan) -> dict[str, int]:
    """Floors that CronJobs patch, by `HH:MM` in UTC."""
    files = steps_alone(Setting(plan, read_policy(), ZoneInfo("UTC")), [])["kubernetes"]
    found = {}
    for job in YAML(typ="safe").load_all(files["30-steps.yaml"]):
        arguments = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
        if arguments[0] == "patch" and arguments[2] == SERVICE:
            minute, hour, *_ = job["spec"]["schedule"].split()
            found[f"{int(hour):02d}:{int(minute):02d}"] = json.loads(arguments[-1])["spec"]["minReplicas"]
    return found


def level(floors: dict[str, int], at: str) -> int:
    return floors[max(time for time in floors if time <= at)]


def test_a_step_fires_a_start_up_and_the_guard_before_what_it_is_for(plan: AutoscalingPlan) -> None:
    service = plan.services[SERVICE]
    (opening,) = (step for step in service.steps if step.starts_at_utc == DROP - 11 * MINUTE)
    assert service.lead_minutes == 6
    assert level(jobs(plan), "11:49") == opening.replicas  # the CronJob too: at the order
    ready_from = opening.starts_at_utc + 6 * MINUTE
    assert [ready_at(service, ready_from - MINUTE), ready_at(service, ready_from)] == [
        floor_at(service, opening.starts_at_utc - MINUTE), opening.replicas,
    ]  # fmt: skip


def test_a_step_down_counts_at_once(plan: AutoscalingPlan) -> None:
    service = plan.services[SERVICE]
    down = next(step for step in service.steps if step.replicas < floor_at(service, step.starts_at_utc - MINUTE))
    assert ready_at(service, down.starts_at_utc) == down.replicas


def test_a_decided_floor_outlasts_every_lower_step_until_its_time(plan: AutoscalingPlan) -> None:
    service, decision = plan.services[SERVICE], hold(60, 5, 45)
    assert any(step.replicas < 60 for step in lowered(service, decision, DROP))
    floors = jobs(held(plan, [decision]))
    assert {level(floors, f"12:{minute:02d}") for minute in range(5, 45)} == {60}
    assert level(floors, "12:04") == floor_at(service, DROP + 4 * MINUTE)
    assert level(floors, "12:45") == floor_at(service, DROP + 45 * MINUTE) < 60


def test_a_higher_planned_step_wins_over_a_decided_floor(plan: AutoscalingPlan) -> None:
    service = plan.services[SERVICE]
    floors = jobs(held(plan, [hold(10, -50, 5)]))
    assert level(floors, "11:15") == 10 > floor_at(service, DROP - 45 * MINUTE)
    assert level(floors, "11:49") == floor_at(service, DROP - 11 * MINUTE) > 10
    assert lowered(service, hold(10, -50, -12), DROP - 50 * MINUTE) == ()


def test_of_two_decisions_the_higher_holds_and_one_that_was_taken_back_no_more(plan: AutoscalingPlan) -> None:
    """Sixty for an hour, taken back after ten minutes; what it would have ended with is no step down for the other."""
    floors = jobs(held(plan, [hold(60, 20, 30, made_until=80), hold(55, 25, 150)]))
    assert [level(floors, time) for time in ("12:20", "12:29", "12:30", "13:20", "14:29")] == [60, 60, 55, 55, 55]
    assert floors["13:20"] == 55  # the job of the first set, replaced


def test_the_way_back_waits_for_a_decided_floor(plan: AutoscalingPlan) -> None:
    """Floors return at midnight (UTC 16:00); 60 are held for half an hour longer."""
    back = plan.services[SERVICE].returns_at_utc
    assert back is not None
    until = (back + 30 * MINUTE - DROP) // MINUTE
    later = held(plan, [hold(60, 60, until)]).services[SERVICE]
    assert floor_at(later, back) == 60
    assert later.returns_at_utc == back + 30 * MINUTE
    assert held(plan, [hold(60, 60, until)]).ends_at_utc >= back + 30 * MINUTE


def test_more_than_the_quota_of_the_hpa_raises_it(plan: AutoscalingPlan) -> None:
    assert held(plan, [hold(500, 5, 45)]).services[SERVICE].replicas.most == 500


def test_steps_have_no_seconds_and_services_without_a_decision_stay(plan: AutoscalingPlan) -> None:
    decision = Hold(SERVICE, 60, DROP + 10.5 * MINUTE, DROP + 40.2 * MINUTE, DROP + 40.2 * MINUTE)
    changed = held(plan, [decision])
    assert {step.starts_at_utc.second for step in changed.services[SERVICE].steps} == {0}
    assert floor_at(changed.services[SERVICE], DROP + 40 * MINUTE) == 60
    assert changed.services["checkout"] == plan.services["checkout"]
    assert held(plan, []) == plan


def test_the_lint_finds_nothing_wrong_with_steps_that_keep_to_decisions(
    plan: AutoscalingPlan, published: Path, tmp_path: Path
) -> None:
    """Beside the HPA as it runs, which they leave alone."""
    playbook = published / "out/coupon-drop/playbook"
    changed = held(plan, [hold(60, 5, 45), hold(70, 10, 20)])
    setting = Setting(changed, read_policy(), ZoneInfo("Asia/Shanghai"))
    for target, files in steps_alone(setting, [hold(60, 5, 45), hold(70, 10, 20)]).items():
        assert files, target
        write_folder(tmp_path / "floors" / target, files)
    write_json(tmp_path / "floors" / "autoscaling.json", changed.model_dump(mode="json"))
    assert not (tmp_path / "floors" / HPA).exists()
    shutil.copy(playbook / HPA, tmp_path / "floors" / HPA)
    assert [str(p) for p in lint_folder(tmp_path / "floors", bounds_of(None), DAY_BEFORE).problems] == []


def test_every_folder_of_such_steps_says_what_holds_and_how_its_executor_is_given_them(plan: AutoscalingPlan) -> None:
    holds = [hold(60, 5, 45), Hold(SERVICE, 55, DROP)]
    made = steps_alone(Setting(held(plan, holds), read_policy(), ZoneInfo("Asia/Shanghai")), holds)
    readmes = {target: files["README.md"] for target, files in made.items()}
    for target, text in readmes.items():
        assert f"- {SERVICE}: at least 60 replicas from 11-10 20:05 until 11-10 20:45" in text
        assert f"- {SERVICE}: at least 55 replicas from 11-10 20:00 until the plan's way back" in text
        assert f"../../../playbook/{target}/README.md" in text
        assert "hpa-before" not in text  # that is kept once, before the event
    applied = {target: text.split("## Apply")[1].split("## Check")[0] for target, text in readmes.items()}
    assert "kubectl apply -f ." in applied["kubernetes"]
    assert "delete" not in "".join(applied.values())
    for cloud, command in (("aws", "put-scheduled-action"), ("gcp", "--set-schedule"), ("keda", "grep -v '^restore-'")):
        assert command in applied[cloud]
