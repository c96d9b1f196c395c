"""The commands of the READMEs as a shell runs them; programs that answer and take notes stand in for the clouds'."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jmespath
import pytest
from ruamel.yaml import YAML

from campaign.documents import read_json
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.policy import read_policy

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
SITE = Path(jmespath.__file__).parents[1]
STAND_IN = """\
#!{python} -SE
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
tool, words = pathlib.Path(__file__).name, sys.argv[1:]
answers = json.loads((folder / "answers.json").read_text("utf-8"))
told = next((answer for asked, answer in answers.items() if asked in " ".join([tool, *words])), None)
if told is None:
    with (folder / "notes.jsonl").open("a", encoding="utf-8") as notes:
        notes.write(json.dumps([tool, *words]) + "\\n")
elif "--query" in words:
    sys.path.append("{site}")
    import jmespath
    for row in jmespath.search(words[words.index("--query") + 1], told):
        print(*row, sep="\\t")
else:
    print(json.dumps(told))
"""
Run = Callable[[str, str, dict[str, Any]], list[list[str]]]


@pytest.fixture
def playbook(published: Path, tmp_path: Path) -> Path:
    return shutil.copytree(published, tmp_path / "shop") / "out" / "coupon-drop" / "playbook"


@pytest.fixture
def prefix(playbook: Path) -> str:
    plan = read_json(playbook / "autoscaling.json", "plan", AutoscalingPlan)
    return Setting(plan, read_policy(), None).prefix  # type: ignore[arg-type]


@pytest.fixture
def run(playbook: Path, tmp_path: Path) -> Run:
    """Run the commands under a heading of a folder's README; what was asked for, beside what was answered."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in ("kubectl", "aws", "gcloud"):
        (programs / tool).write_text(STAND_IN.replace("{python}", sys.executable).replace("{site}", str(SITE)), "utf-8")
        (programs / tool).chmod(0o755)

    def do(folder: str, heading: str, answers: dict[str, Any]) -> list[list[str]]:
        text = (playbook / folder / "README.md").read_text("utf-8")
        commands = re.split(rf"## {heading}\n", text)[1].split("```")[1]
        (programs / "answers.json").write_text(json.dumps(answers), "utf-8")
        (programs / "notes.jsonl").write_text("", "utf-8")
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-eu", "-c", commands], cwd=playbook / folder, env=environment, timeout=60, check=True)
        return [json.loads(line) for line in (programs / "notes.jsonl").read_text("utf-8").splitlines()]

    return do


def running_hpa(name: str) -> dict[str, Any]:
    """As a cluster answers, with what it alone may say."""
    told = {"uid": "1", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 3}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "default", "managedFields": [{}], **told},
        "spec": {"minReplicas": 3, "maxReplicas": 20},
        "status": {"currentReplicas": 4},
    }


@pytest.mark.parametrize("count", [1, 2])
def test_the_hpas_that_ran_before_are_kept_once_and_come_back(playbook: Path, run: Run, count: int) -> None:
    running = [running_hpa(name) for name in ("storefront", "checkout")[:count]]
    answer = running[0] if count == 1 else {"kind": "List", "items": running}
    done = run("kubernetes", "Apply", {"kubectl -n default get hpa storefront checkout": answer})
    assert [words[1] for words in done] == ["apply", "-n", "apply"]
    kept = playbook.parent / "hpa-before.json"
    text = kept.read_text("utf-8")
    decoder, objects, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        found, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        objects.append(found)
    assert [each["metadata"] for each in objects] == [
        {"name": each["metadata"]["name"], "namespace": "default"} for each in running
    ]
    assert all(each["spec"] == {"minReplicas": 3, "maxReplicas": 20} and "status" not in each for each in objects)
    ours = running_hpa("storefront") | {"spec": {"minReplicas": 4, "maxReplicas": 400}}
    run("kubernetes", "Apply", {"kubectl -n default get hpa storefront checkout": ours})
    assert kept.read_text("utf-8") == text  # a second plan does not take the first one's HPAs for those before
    back = run("kubernetes", "Take back", {})
    assert ["kubectl", "apply", "-f", "../../hpa-before.json"] in back


def test_the_job_that_is_tried_at_once_sets_the_usual_floor(playbook: Path, run: Run) -> None:
    create, wait, delete = run("kubernetes", "Try it", {})
    assert (wait[-1], delete[-2:]) == ("job/surgeplan-try", ["job", "surgeplan-try"])
    (name,) = (word.partition("cronjob/")[2] for word in create if word.startswith("--from"))
    jobs = YAML(typ="safe").load_all(playbook / "kubernetes/30-steps.yaml")
    (job,) = (each for each in jobs if each["metadata"]["name"] == name)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][:3] == ["patch", "hpa", "storefront"]
    assert json.loads(container["args"][-1]) == {"spec": {"minReplicas": 4}}


def test_where_no_hpa_ran_before_none_is_kept(playbook: Path, run: Run) -> None:
    run("kubernetes", "Apply", {"kubectl -n default get hpa storefront checkout": {"kind": "List", "items": []}})
    assert (playbook.parent / "hpa-before.json").read_text("utf-8") == ""


def actions(prefix: str) -> dict[str, Any]:
    """What AWS knows: actions of this plan and of another campaign, whose name may begin alike."""
    names = (f"{prefix}11111111-11101149", "surgeplan-000000-22222222-11101149", "theirs")
    groups = [{"AutoScalingGroupName": "shop-asg", "ScheduledActionName": name} for name in names]
    services = [{"ResourceId": "service/shop/storefront", "ScheduledActionName": name} for name in names]
    return {
        "aws autoscaling describe": {"ScheduledUpdateGroupActions": groups},
        "aws application-autoscaling describe": {"ScheduledActions": services},
    }


@pytest.mark.parametrize("heading", ["Apply", "Take back"])
def test_aws_actions_of_an_earlier_plan_go_and_those_of_others_stay(run: Run, prefix: str, heading: str) -> None:
    done = [words for words in run("aws", heading, actions(prefix)) if "delete-scheduled-action" in words]
    assert len(done) == 2
    for words in done:
        assert f"{prefix}11111111-11101149" in words
    assert "shop-asg" in done[0]
    assert "service/shop/storefront" in done[1]


def test_aws_is_sent_every_action_of_the_plan(playbook: Path, run: Run) -> None:
    done = [words for words in run("aws", "Apply", actions("none")) if "delete-scheduled-action" not in words]
    sent = [json.loads(words[-1]) for words in done if words[2] == "put-scheduled-action"]
    files = [json.loads(file.read_text("utf-8")) for file in sorted((playbook / "aws").glob("*-ecs.json"))]
    assert sent == [action for file in files for action in file["actions"]]
    groups = [words[-1] for words in done if words[2] == "batch-put-scheduled-update-group-action"]
    assert groups == ["file://checkout-autoscaling-group.json", "file://storefront-autoscaling-group.json"]


@pytest.mark.parametrize(("known", "removed"), [("autoscaler", ["{prefix}11111111-11101149"]), ("statefulPolicy", [])])
def test_google_schedules_of_an_earlier_plan_go(run: Run, prefix: str, known: str, removed: list[str]) -> None:
    schedules = {f"{prefix}11111111-11101149": {}, "surgeplan-000000-22222222-11101149": {}, "theirs": {}}
    described = {known: {"autoscalingPolicy": {"scalingSchedules": schedules}}}
    done = run("gcp", "Take back", {"gcloud compute instance-groups managed describe": described})
    assert [words[words.index("--remove-schedule") + 1] for words in done] == [
        name.replace("{prefix}", prefix) for name in removed
    ]
