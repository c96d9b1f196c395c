"""Every artefact passes its validator, our own lint, and can be taken back."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import botocore.loaders
import botocore.model
import botocore.validate
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from campaign.errors import UserError
from campaign.workspace import open_workspace
from playbooks.autoscaling.lint.bounds import bounds_of
from playbooks.autoscaling.lint.folder import lint_folder
from playbooks.autoscaling.manifests.document import ambiguous, cron, job_name, kubernetes_name
from playbooks.autoscaling.manifests.keda import beyond_dead_band
from playbooks.autoscaling.plan import Step
from playbooks.autoscaling.policy import TARGETS
from playbooks.autoscaling.publish import publish_autoscaling

Make = Callable[..., Path]


@pytest.fixture
def playbook(published_within_limits: Path, tmp_path: Path) -> Path:
    """The playbook of a limited plan: every kind of artefact is in it."""
    return shutil.copytree(published_within_limits, tmp_path, dirs_exist_ok=True) / "out" / "coupon-drop" / "playbook"


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        yield from YAML(typ="safe").load_all(file)


def test_every_folder_is_there_with_a_readme(playbook: Path) -> None:
    folders = {folder.name for folder in playbook.iterdir() if folder.is_dir()}
    assert folders == set(TARGETS)
    for name in folders:
        text = (playbook / name / "README.md").read_text("utf-8")
        assert "Apply" in text
        assert "Take back" in text


def test_every_manifest_says_which_model_it_came_from(playbook: Path) -> None:
    model = json.loads((playbook / "autoscaling.json").read_text("utf-8"))["model"]
    for file in [*playbook.glob("*/*.yaml"), *playbook.glob("*/*.conf"), *playbook.glob("*/README.md")]:
        assert f"model {model}" in file.read_text("utf-8"), file


def test_kubernetes_accepts_its_own_kinds(playbook: Path) -> None:
    known = [*documents(playbook / "kubernetes"), *documents(playbook / "pause-pods")]
    assert {d["kind"] for d in known} == {
        "HorizontalPodAutoscaler", "ServiceAccount", "Role", "RoleBinding", "CronJob", "Deployment", "PriorityClass",
    }  # fmt: skip
    for document in known:
        kubernetes_validate.validate(document, "1.33", strict=True)


def test_aws_accepts_its_requests(playbook: Path) -> None:
    def refused(service: str, operation: str, request: dict[str, Any]) -> str:
        api = botocore.loaders.Loader().load_service_model(service, "service-2")
        shape = botocore.model.ServiceModel(api, service).operation_model(operation).input_shape
        return botocore.validate.ParamValidator().validate(request, shape).generate_report()

    for file in (playbook / "aws").glob("*-autoscaling-group.json"):
        assert not refused("autoscaling", "BatchPutScheduledUpdateGroupAction", json.loads(file.read_text("utf-8")))
    for file in (playbook / "aws").glob("*-ecs.json"):
        for action in json.loads(file.read_text("utf-8"))["actions"]:
            start = action["ScalableTargetAction"]
            assert start["MinCapacity"] <= start["MaxCapacity"]
            assert not refused("application-autoscaling", "PutScheduledAction", action)


def test_google_schedules_run_once_and_cover_the_plan_without_a_gap(playbook: Path) -> None:
    plan = json.loads((playbook / "autoscaling.json").read_text("utf-8"))["services"]["storefront"]
    policy = json.loads((playbook / "gcp/storefront.json").read_text("utf-8"))["autoscalingPolicy"]
    schedules = list(policy["scalingSchedules"].values())
    assert [s["minRequiredReplicas"] for s in schedules] == [step["replicas"] for step in plan["steps"]]
    assert all(s["schedule"].endswith("* 2026") and s["durationSec"] >= 300 for s in schedules)
    first, last = (datetime.fromisoformat(text) for text in (plan["steps"][0]["starts_at_utc"], plan["returns_at_utc"]))
    assert sum(s["durationSec"] for s in schedules) == (last - first).total_seconds()


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=sre", "-c", "user.email=sre@shop.test", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that Argo CD or Flux would follow, beside its `origin.git`."""
    git(tmp_path, "init", "--bare", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "clone")
    clone = tmp_path / "clone"
    (clone / "README").write_text("shop", "utf-8")
    git(clone, "add", "README")
    git(clone, "commit", "-qm", "start")
    git(clone, "push", "-q", "-u", "origin", "HEAD")
    return clone


def commit_due(playbook: Path, clone: Path, now: int) -> int:
    """The exit code of the script at that time."""
    environment = os.environ | {"SURGEPLAN_NOW": str(now)}
    for name in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{name}_NAME": "sre", f"GIT_{name}_EMAIL": "sre@shop.test"}
    script = ["sh", str(playbook / "gitops/commit-due.sh"), "overlay"]
    return subprocess.run(script, cwd=clone, env=environment, timeout=60).returncode


def test_commits_that_are_due_are_pushed_once_and_the_last_one_is_the_usual_floor(playbook: Path, clone: Path) -> None:
    with (playbook / "gitops/commits.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["service"] == "storefront"]

    def floor_after(now: int) -> int:
        assert commit_due(playbook, clone, now) == 0
        (patch,) = documents_of(clone / "overlay/min-replicas/storefront.yaml")
        return int(patch["spec"]["minReplicas"])

    assert floor_after(0) == 4
    highest = max(rows, key=lambda row: int(row["min_replicas"]))
    assert floor_after(int(highest["push_by_epoch"])) == 30
    assert floor_after(int(highest["push_by_epoch"]) + 5) == 30
    assert floor_after(int(rows[-1]["push_by_epoch"])) == 4
    assert git(clone, "log", "--oneline", "@{upstream}").count("minReplicas as planned") == 3
    assert git(clone, "status", "--porcelain") == ""


def test_a_push_that_failed_is_tried_again_though_nothing_new_is_due(playbook: Path, clone: Path) -> None:
    origin, away = clone.parent / "origin.git", clone.parent / "away.git"
    origin.rename(away)
    assert commit_due(playbook, clone, 0) != 0
    away.rename(origin)
    assert commit_due(playbook, clone, 0) == 0
    assert git(origin, "log", "--oneline", "-1", "--all").count("minReplicas as planned") == 1


def test_a_step_is_committed_before_it_is_due(playbook: Path) -> None:
    plan = json.loads((playbook / "autoscaling.json").read_text("utf-8"))["services"]["storefront"]
    with (playbook / "gitops/commits.csv").open(encoding="utf-8") as file:
        pushed = {row["file"]: row["push_by_utc"] for row in csv.DictReader(file)}
    due = datetime.fromisoformat(plan["steps"][0]["starts_at_utc"])
    assert pushed[f"{due:%m%d%H%M}-storefront.yaml"] == f"{due - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"


def test_only_the_chosen_targets_are_written(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    playbook = folder / "out" / "coupon-drop" / "playbook"

    def written(*targets: str) -> set[str]:
        publish_autoscaling(open_workspace(folder), "coupon-drop", as_of, targets=targets)
        return {part.name for part in playbook.iterdir() if part.is_dir()}

    assert written("keda", "pause-pods") == {"keda", "pause-pods"}
    (folder / "autoscaling.yaml").write_text("targets: [gcp, kubernetes]\n", "utf-8")
    assert written() == {"gcp", "kubernetes"}
    with pytest.raises(UserError) as refused:
        written("keda", "nomad")
    assert str(refused.value.problems[0]).startswith("--target: nomad is no target\n  known: kubernetes, pause-pods")


def test_our_own_lint_finds_nothing(playbook: Path, as_of: datetime) -> None:
    settings = open_workspace(playbook.parents[2]).settings
    linted = lint_folder(playbook, bounds_of(settings), as_of)
    assert linted.objects > 30
    assert linted.problems == ()


def cron_jobs_of(playbook: Path, *folders: str) -> list[dict[str, Any]]:
    return [d for folder in folders for d in documents(playbook / folder) if d["kind"] == "CronJob"]


def due_at(job: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(job["metadata"]["annotations"]["surgeplan.io/at"])


def target_of(job: dict[str, Any]) -> str:
    return " ".join(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][1:3])


def test_a_step_that_the_control_plane_missed_runs_late_but_never_beside_the_next(playbook: Path) -> None:
    jobs = [job for job in cron_jobs_of(playbook, "kubernetes", "pause-pods") if target_of(job)[:7] != "cronjob"]
    in_order = sorted(jobs, key=lambda job: (target_of(job), due_at(job)))
    pairs = [(one, two) for one, two in pairwise(in_order) if target_of(one) == target_of(two)]
    assert len(pairs) > 8
    for one, two in pairs:
        gap = (due_at(two) - due_at(one)).total_seconds()
        start, run = one["spec"]["startingDeadlineSeconds"], one["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        assert gap - 2 <= start + run <= gap
        assert start >= 30
    last_of_all = [two for one, two in pairs if "restore" in two["metadata"]["annotations"]["surgeplan.io/why"]]
    assert min(job["spec"]["startingDeadlineSeconds"] for job in last_of_all) > 80_000


def test_the_cleanup_is_made_up_for_however_late(playbook: Path) -> None:
    cleanups = [job for job in cron_jobs_of(playbook, "kubernetes", "pause-pods") if "-l" in target_of(job)]
    assert len(cleanups) == 2
    assert not any("startingDeadlineSeconds" in job["spec"] for job in cleanups)


def test_pods_are_let_in_by_a_quota_and_by_the_restricted_standard(playbook: Path) -> None:
    pods = [job["spec"]["jobTemplate"]["spec"]["template"]["spec"] for job in cron_jobs_of(playbook, "kubernetes")]
    pause = [d["spec"]["template"]["spec"] for d in documents(playbook / "pause-pods") if d["kind"] == "Deployment"]
    assert pause
    for pod in pods + pause:
        (container,) = pod["containers"]
        assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_long_names_that_differ_at_their_end_are_two_cron_jobs() -> None:
    at = datetime(2026, 11, 10, 11, 50, tzinfo=UTC)
    blue, green = (job_name("floor", f"order-service-{'x' * 30}-{colour}", at) for colour in ("blue", "green"))
    assert blue != green
    assert max(len(blue), len(green)) <= 52
    assert job_name("floor", "storefront", at) == "floor-storefront-11101150"


def test_steps_of_an_earlier_plan_go_before_new_ones_come(playbook: Path) -> None:
    for folder in ("kubernetes", "pause-pods"):
        lines = (playbook / folder / "README.md").read_text("utf-8").split("## Check")[0].splitlines()
        delete = next(i for i, line in enumerate(lines) if "delete cronjob -l" in line)
        assert delete < lines.index("kubectl apply -f .")


def test_the_floor_goes_back_after_the_last_step(playbook: Path) -> None:
    jobs = [
        d
        for d in documents(playbook / "kubernetes")
        if d["kind"] == "CronJob" and "floor-storefront" in d["metadata"]["name"]
    ]
    last = max(jobs, key=lambda job: job["metadata"]["annotations"]["surgeplan.io/at"])
    arguments = last["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[-1] == '{"spec": {"minReplicas": 4}}'


def test_head_room_goes_in_the_minute_of_the_highest_step(playbook: Path) -> None:
    both = [*documents(playbook / "kubernetes"), *documents(playbook / "pause-pods")]
    jobs = {d["metadata"]["name"]: d for d in both if d["kind"] == "CronJob"}
    ends = [job for name, job in jobs.items() if name.startswith("headroom-checkout")]
    schedules = {job["spec"]["schedule"] for job in ends}
    highest = max(
        (job for name, job in jobs.items() if name.startswith("floor-checkout")),
        key=lambda job: int(
            job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][-1].split()[-1][:-2]
        ),
    )
    assert highest["spec"]["schedule"] in schedules


def test_cuts_begin_with_the_least_valuable_endpoint(playbook: Path) -> None:
    plan = json.loads((playbook / "autoscaling.json").read_text("utf-8"))["services"]["storefront"]
    endpoints = plan["rate_limits"]
    assert [e["endpoint"] for e in endpoints] == ["POST /orders", "GET /p/{sku}", "GET /"]
    assert endpoints[0]["admitted_requests_per_second"] == endpoints[0]["demand_requests_per_second"]
    assert endpoints[2]["admitted_requests_per_second"] < endpoints[2]["demand_requests_per_second"]
    admitted = sum(e["admitted_requests_per_second"] for e in endpoints)
    assert admitted == pytest.approx(plan["limits_hit"][0]["admitted_requests_per_second"], rel=1e-5)


def test_sentinel_counts_calls_per_replica(playbook: Path) -> None:
    (rule,) = json.loads((playbook / "sentinel/storefront-flow.json").read_text("utf-8"))
    plan = json.loads((playbook / "autoscaling.json").read_text("utf-8"))["services"]["storefront"]
    home = plan["rate_limits"][2]
    assert home["requests_per_call"] == 4
    assert rule["count"] * 30 * 4 == pytest.approx(home["admitted_requests_per_second"], rel=1e-4)


def test_a_plan_without_limits_leaves_no_old_rules_behind(
    playbook: Path, workspace_folder: Make, as_of: datetime
) -> None:
    folder = workspace_folder()
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of)
    assert not (playbook / "sentinel").exists()


def test_keda_strings_stay_strings_and_its_way_back_has_no_cron(playbook: Path) -> None:
    for document in documents(playbook / "keda"):
        for trigger in document["spec"]["triggers"]:
            assert all(isinstance(value, str) for value in trigger["metadata"].values())
    restore = next(documents_of(playbook / "keda" / "restore-storefront.yaml"))
    assert [trigger["type"] for trigger in restore["spec"]["triggers"]] == ["cpu"]
    assert "fallback" not in restore["spec"]  # KEDA refuses one where nothing but CPU is asked


def documents_of(file: Path) -> Iterator[dict[str, Any]]:
    yield from YAML(typ="safe").load_all(file)


def test_steps_up_clear_the_dead_band() -> None:
    at = datetime(2026, 11, 10, tzinfo=UTC)
    steps = tuple(
        Step(starts_at_utc=at + timedelta(hours=i), replicas=n, why="") for i, n in enumerate((20, 21, 30, 10))
    )
    assert [step.replicas for step in beyond_dead_band(steps, 100)] == [20, 23, 30, 10]
    assert [step.replicas for step in beyond_dead_band(steps, 22)] == [20, 22, 22, 10]


def test_a_cron_line_is_the_campaigns_wall_clock() -> None:
    assert cron(datetime(2026, 11, 10, 11, 50, tzinfo=UTC), ZoneInfo("Asia/Shanghai")) == "50 19 10 11 *"


def test_a_repeated_hour_is_ambiguous() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert ambiguous(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), berlin)
    assert ambiguous(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), berlin)
    assert not ambiguous(datetime(2026, 10, 25, 3, 30, tzinfo=UTC), berlin)


def test_steps_across_a_clock_change_are_written_in_utc(
    workspace_folder: Make,
    settings_text: str,
    plan_text: str,
    store_traffic,
    small_drop,
    as_of: datetime,  # type: ignore[no-untyped-def]
) -> None:
    plan = plan_text.replace("2026-11-10", "2026-10-25").replace("+08:00", "+02:00")
    plan = (
        plan.replace("T20:00", "T01:30")
        .replace("T22:00", "T04:30")
        .replace("T01:30:00+02:00, kind", "T02:10:00+02:00, kind")
    )
    folder = workspace_folder(settings_text.replace("Asia/Shanghai", "Europe/Berlin"), plan)
    starts_at = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    store_traffic(folder, "coupon-drop", {"storefront": small_drop(), "checkout": small_drop() / 5}, starts_at)
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of - timedelta(days=30))
    jobs = [d for d in documents(folder / "out/coupon-drop/playbook/kubernetes") if d["kind"] == "CronJob"]
    assert {job["spec"]["timeZone"] for job in jobs} == {"Etc/UTC"}


def test_names_are_what_kubernetes_takes() -> None:
    assert kubernetes_name("Shop_Web@2") == "shop-web-2"
    assert len(kubernetes_name("x" * 90)) == 63
