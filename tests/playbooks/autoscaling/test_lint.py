"""What schemas let pass, the lint finds: each rule by one edit of a good plan."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from campaign.workspace import open_workspace
from playbooks.autoscaling.cli import applied_alone
from playbooks.autoscaling.lint.bounds import bounds_of
from playbooks.autoscaling.lint.cron import cron_fault, one_date
from playbooks.autoscaling.lint.folder import lint_folder
from surgeplan.cli import main

HPA, STEPS, KEDA = "kubernetes/10-hpa.yaml", "kubernetes/30-steps.yaml", "keda/storefront.yaml"
GCP, COMMITS = "gcp/storefront.json", "gitops/11101149-storefront.yaml"
PAUSE = "pause-pods/pause-pods.yaml"
CRON, GROUP, ECS = "cronhpa/storefront.yaml", "aws/storefront-autoscaling-group.json", "aws/storefront-ecs.json"


@pytest.fixture
def workspace(published: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published, tmp_path / "shop")


@pytest.fixture
def playbook(workspace: Path) -> Path:
    return workspace / "out" / "coupon-drop" / "playbook"


def edit(file: Path, old: str, new: str, count: int = 1) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, count), "utf-8")


def found(folder: Path, now: datetime) -> list[str]:
    return [str(problem) for problem in lint_folder(folder, bounds_of(None), now).problems]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (HPA, "type: Percent", "type: Percnt", "'Percnt' is no type of a scaling policy"),
        (HPA, "minReplicas: 4", "minReplicas: 900", "minReplicas 900 is above maxReplicas 400"),
        (HPA, "periodSeconds: 15", "periodSeconds: 99999", "99999 is not between 1 and 1800"),
        (HPA, "WindowSeconds: 300", "WindowSeconds: 9000", "9000 is not between 0 and 3600"),
        (HPA, "maxReplicas: 400", "maxReplicas: 40", "a floor of 51 is above maxReplicas 40"),
        (HPA, "behavior:", "behaviour:", "unknown key\n  did you mean behavior?"),
        (STEPS, "timeZone: Asia/Shanghai", "timeZone: Asia/Peking", "Asia/Peking is not a time zone"),
        (STEPS, "  timeZone: Asia/Shanghai\n", "", "no time zone: the controller's own"),
        (STEPS, '"0 19 10 11 *"', '"0 25 10 11 *"', "'25' is no hour of a cron line"),
        (STEPS, '"0 19 10 11 *"', '"0 19 10 11"', "has 4 fields, cron has 5"),
        (STEPS, '"49 19 10 11 *"', '"0 19 10 11 *"', "at the minute in which floor-storefront-11101100"),
        (STEPS, "name: cleanup-steps-coupon-drop", f"name: {'x' * 60}", "longer than 52 characters"),
        (STEPS, "- delete\n", "- get\n", "comes again next year"),
        (STEPS, r'\"minReplicas\": 51', r'\"minReplicas\": \"51\"', "does not set spec.minReplicas"),
        (STEPS, r'\"minReplicas\": 5}', r'\"minReplicas\": 3}', "a floor of 3 is below the usual 4"),
        (STEPS, r'\"minReplicas\": 4}', r'\"minReplicas\": 9}', "the last step leaves storefront at 9"),
        (STEPS, "- storefront\n", "- storefrnt\n", "patches the HPA storefrnt"),
        (KEDA, 'desiredReplicas: "51"', "desiredReplicas: 51", "51 is not a text"),
        (KEDA, "        timezone: Asia/Shanghai\n", "", "a cron trigger needs timezone"),
        (KEDA, 'end: "49 19 10 11 *"', 'end: "0 19 10 11 *"', "start and end are the same"),
        (KEDA, 'desiredReplicas: "51"', 'desiredReplicas: "0"', "'0' is not a number of replicas"),
        (KEDA, 'desiredReplicas: "5"', 'desiredReplicas: "49"', "within the HPA's 10 % tolerance"),
        (KEDA, "maxReplicaCount: 400", "maxReplicaCount: 50", "51 replicas are above maxReplicaCount 50"),
        (KEDA, "pollingInterval", "poolingInterval", "did you mean pollingInterval?"),
        (CRON, "@date 2026-11-10 19:49:00", "@date 2026-11-31 19:49:00", "is no date"),
        (CRON, "      targetSize: 51\n", "", "a job needs targetSize"),
        (GROUP, "11:49:00Z", "19:49:00+08:00", "is not a time in UTC"),
        (GROUP, '"MinSize": 51', '"MinSize": 510', "MinSize 510 is above MaxSize 400"),
        (ECS, "at(2026-11-10T11:49:00)", "at(nonsense)", "'at(nonsense)' is no schedule"),
        (ECS, '"Timezone": "UTC"', '"Timezone": "Mars/Base"', "Mars/Base is not a time zone"),
        (GCP, '"durationSec": ', '"durationSec": -', "is not between 300 and"),
        (GCP, "* 2026", "*", "has no year: it comes again"),
        (GCP, "Asia/Shanghai", "Asia/Peking", "Asia/Peking is not a time zone"),
        (GCP, '"minRequiredReplicas": 51', '"minRequiredReplicas": 510', "minRequiredReplicas 510 is above maxNumR"),
        (PAUSE, "- delete\n                - c", "- get\n                - c", "comes again next year"),
        (ECS, '"ServiceNamespace": "ecs"', '"ServiceNamespace": "ecsx"', "'ecsx' is no namespace"),
    ],
)  # fmt: skip
def test_one_bad_edit_is_found(playbook: Path, as_of: datetime, file: str, old: str, new: str, said: str) -> None:
    edit(playbook / file, old, new)
    assert any(said in problem for problem in found((playbook / file).parent, as_of))


def test_actions_in_the_past_are_found(playbook: Path, as_of: datetime) -> None:
    assert any("AWS refuses it" in text for text in found(playbook / "aws", as_of + timedelta(days=9)))


def test_a_whole_playbook_is_never_applied_at_once(playbook: Path) -> None:
    assert applied_alone(playbook) == playbook / "kubernetes"
    assert applied_alone(playbook / "keda") == playbook / "keda"


@pytest.mark.parametrize("folder", ["kubernetes", "cronhpa"])
def test_steps_whose_time_is_past_are_found_before_they_are_applied(
    playbook: Path, as_of: datetime, folder: str
) -> None:
    assert not found(playbook / folder, as_of)
    midway = as_of + timedelta(days=3, minutes=5)
    problems = [text for text in found(playbook / folder, midway) if "is in the past" in text]
    assert len(problems) == 2
    assert any("no step of storefront sets its floor to" in text for text in problems)


def test_a_missing_way_back_is_found_in_aws_and_cronhpa(playbook: Path, as_of: datetime) -> None:
    file = playbook / "aws" / "storefront-autoscaling-group.json"
    content = json.loads(file.read_text("utf-8"))
    content["ScheduledUpdateGroupActions"] = content["ScheduledUpdateGroupActions"][:2]
    file.write_text(json.dumps(content), "utf-8")
    assert any("leaves the highest floor" in text for text in found(playbook / "aws", as_of))


def test_sentinel_rules_are_checked(tmp_path: Path, as_of: datetime) -> None:
    rules = [
        {"resource": "GET /", "grade": 7, "count": -1},
        {"resource": "GET /", "grade": 1, "count": 1, "controlBehavior": 1},
        {"resource": " ", "grade": 1},
    ]
    (tmp_path / "flow.json").write_text(json.dumps(rules), "utf-8")
    text = "\n".join(found(tmp_path, as_of))
    for part in (
        "7 is not between 0 and 1",
        "-1 is not between",
        "stands twice",
        "warmUpPeriodSec",
        "without a resource",
    ):
        assert part in text


def test_gitops_would_revert_a_patched_floor(playbook: Path, as_of: datetime) -> None:
    label = "  labels:\n    argocd.argoproj.io/instance: shop\n"
    edit(playbook / "kubernetes/10-hpa.yaml", "  labels:\n", label)
    assert any("a patched minReplicas is reverted" in text for text in found(playbook / "kubernetes", as_of))
    application = "kind: Application\nspec: {ignoreDifferences: [{jsonPointers: [/spec/minReplicas]}]}\n"
    (playbook / "kubernetes/50-app.yaml").write_text(application, "utf-8")
    assert found(playbook / "kubernetes", as_of) == []


@pytest.mark.parametrize("given", ["soon", "2026-11-10T19:50:00", "true", "[]"])
def test_a_patch_that_git_holds_says_when_it_is_for(playbook: Path, as_of: datetime, given: str) -> None:
    file = next((playbook / "gitops").glob("*-storefront.yaml"))
    made_for = next(line for line in file.read_text("utf-8").splitlines() if "surgeplan.io/at" in line)
    edit(file, made_for, f"    surgeplan.io/at: {given}")
    problems = lint_folder(file, bounds_of(None), as_of).problems
    assert any("is not a time" in str(problem) and problem.line for problem in problems)


def test_edited_floors_are_held_against_quota_and_database(workspace: Path, playbook: Path, as_of: datetime) -> None:
    settings = workspace / "surgeplan.yaml"
    limit = "limits:\n  - {name: db, kind: per_replica, total: 120, used_by: {storefront: 2, checkout: 1}}\n"
    edit(settings, "min: 4, max: 400", "min: 4, max: 50")
    settings.write_text(settings.read_text("utf-8") + limit, "utf-8")
    problems = lint_folder(playbook / "kubernetes", bounds_of(open_workspace(workspace).settings), as_of).problems
    text = "\n".join(map(str, problems))
    assert "a floor of 51 is above the quota 50 of storefront" in text
    assert "of db, which leaves 120" in text


def test_the_command_says_yes_and_no(
    workspace: Path, playbook: Path, as_of: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["lint", str(playbook), "--workspace", str(workspace), "--now", as_of.isoformat(), "--lang", "en"]
    assert main(arguments) == 0
    assert "0 problems" in capsys.readouterr().out
    edit(playbook / "kubernetes/10-hpa.yaml", "type: Percent", "type: Percnt")
    assert main([*arguments, "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["file"] == "kubernetes/10-hpa.yaml"
    assert "Percnt" in (playbook / problem["file"]).read_text("utf-8").splitlines()[problem["line"] - 1]
    assert problem["what"] == "'Percnt' is no type of a scaling policy"


def test_a_folder_without_manifests_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(tmp_path), "--workspace", str(tmp_path), "--lang", "en"]) == 2
    assert "has no manifests to check" in capsys.readouterr().err


def test_broken_yaml_is_one_problem_with_its_line(playbook: Path, as_of: datetime) -> None:
    (playbook / "kubernetes/60-mine.yaml").write_text("kind: CronJob\n  spec: [\n", "utf-8")
    (text,) = found(playbook / "kubernetes", as_of)
    assert text.startswith("60-mine.yaml:2: is not valid YAML")


@pytest.mark.parametrize("line", ["*/5 * * * *", "0 9-17 * * mon-fri", "0,30 0 1 jan *", "50 19 10 11 *"])
def test_good_cron_lines(line: str) -> None:
    assert cron_fault(line) is None


@pytest.mark.parametrize(
    "line", ["60 * * * *", "* * 0 * *", "*/0 * * * *", "5-1 * * * *", "a b c d e", "", "* * * * * *"]
)
def test_bad_cron_lines(line: str) -> None:
    assert cron_fault(line) is not None


def test_a_line_that_names_one_date() -> None:
    assert one_date("50 19 10 11 *") == (11, 10, 19, 50)
    assert one_date("*/5 19 10 11 *") is None


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (STEPS, r"\"minReplicas\": 51", r"\"minReplicas\": 40", "at 11-10 19:49 the floor of storefront is 40"),
        (STEPS, '"49 19 10 11 *"', '"55 19 10 11 *"', "at 11-10 19:49 the floor of storefront is 5"),
        (KEDA, 'desiredReplicas: "51"', 'desiredReplicas: "40"', "at 11-10 19:49 the floor of storefront is 40"),
        (KEDA, 'start: "49 19 10 11 *"', 'start: "55 19 10 11 *"', "at 11-10 19:49 the floor of storefront is 4"),
        (CRON, "targetSize: 51", "targetSize: 40", "at 11-10 19:49 the floor of storefront is 40"),
        (CRON, "2026-11-10 19:49:00", "2026-11-10 19:55:00", "at 11-10 19:49 the floor of storefront is 5"),
        (GROUP, '"MinSize": 51', '"MinSize": 40', "at 11-10 19:49 the floor of storefront is 40"),
        (ECS, '"MinCapacity": 51', '"MinCapacity": 40', "at 11-10 19:49 the floor of storefront is 40"),
        (ECS, "at(2026-11-10T11:49:00)", "at(2026-11-10T11:59:00)", "at 11-10 19:49 the floor of storefront is 5"),
        (GCP, '"minRequiredReplicas": 51', '"minRequiredReplicas": 40', "at 11-10 19:49 the floor of storefront is 40"),
        (COMMITS, "minReplicas: 51", "minReplicas: 40", "at 11-10 19:49 the floor of storefront is 40"),
    ],
)  # fmt: skip
def test_a_floor_edited_below_the_plan_is_found_in_every_target(
    playbook: Path, as_of: datetime, file: str, old: str, new: str, said: str
) -> None:
    edit(playbook / file, old, new)
    for folder in (playbook, (playbook / file).parent):
        assert sum(said in problem and "the plan needs 51" in problem for problem in found(folder, as_of)) == 1
    (playbook / "autoscaling.json").unlink()
    assert not any("the plan needs" in problem for problem in found(playbook, as_of))


def test_a_service_without_steps_in_one_target_is_found(playbook: Path, as_of: datetime) -> None:
    (playbook / "gcp/checkout.json").unlink()
    assert any("GCP has no steps for checkout, the plan has" in text for text in found(playbook / "gcp", as_of))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [(CRON, "targetSize: 4\n", "targetSize: 7\n"), (GROUP, '"MinSize": 4,', '"MinSize": 7,')],
)
def test_a_floor_that_stays_up_after_the_campaign_is_found(
    playbook: Path, as_of: datetime, file: str, old: str, new: str
) -> None:
    edit(playbook / file, old, new)
    said = "after the campaign the floor of storefront stays at 7"
    assert any(said in problem for problem in found((playbook / file).parent, as_of))


def test_keda_steps_without_their_way_back_are_found(playbook: Path, as_of: datetime) -> None:
    (playbook / "keda/restore-storefront.yaml").unlink()
    assert any("comes again next year" in problem for problem in found(playbook / "keda", as_of))


@pytest.mark.parametrize("target", ["kubernetes", "keda", "cronhpa", "aws", "gcp", "gitops"])
def test_a_shared_limit_is_kept_by_every_target(workspace: Path, playbook: Path, as_of: datetime, target: str) -> None:
    limit = "limits:\n  - {name: db, kind: per_replica, total: 200, used_by: {storefront: 2, checkout: 5}}\n"
    with (workspace / "surgeplan.yaml").open("a", encoding="utf-8") as file:
        file.write(limit)
    settings = open_workspace(workspace).settings
    problems = lint_folder(playbook / target, bounds_of(settings), as_of).problems
    executors = 2 if target == "aws" else 1
    assert sum("of db, which leaves 200" in str(problem) for problem in problems) == executors


def test_a_start_up_that_grew_since_the_plan_is_found(workspace: Path, playbook: Path, as_of: datetime) -> None:
    edit(workspace / "surgeplan.yaml", "startup_seconds_p99: 90", "startup_seconds_p99: 500")
    problems = lint_folder(playbook, bounds_of(open_workspace(workspace).settings), as_of).problems
    assert [str(problem) for problem in problems] == [
        "autoscaling.json services.storefront.lead_minutes: steps of storefront begin 6 min ahead, its replicas now "
        "take 500 s to start\n  plan again"
    ]


def test_gitops_would_revert_what_cronhpa_edits(playbook: Path, as_of: datetime) -> None:
    label = "  labels:\n    kustomize.toolkit.fluxcd.io/name: shop\n"
    edit(playbook / HPA, "  labels:\n", label)
    (playbook / STEPS).unlink()
    assert any("a patched minReplicas is reverted" in problem for problem in found(playbook, as_of))


def test_a_floor_edited_above_the_plan_is_fine(playbook: Path, as_of: datetime) -> None:
    edit(playbook / STEPS, r"\"minReplicas\": 51", r"\"minReplicas\": 60")
    assert found(playbook, as_of) == []
