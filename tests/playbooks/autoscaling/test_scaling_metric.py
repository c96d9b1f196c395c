"""HPAs and KEDA objects scale on the metric that the plan was replayed with: CPU, or requests per second."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from campaign.documents import read_json
from campaign.workspace import open_workspace
from playbooks.autoscaling.lint.bounds import bounds_of
from playbooks.autoscaling.lint.folder import lint_folder
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.autoscaling.policy import read_policy
from playbooks.rehearsal.fleets import read_fleets
from tests.prometheus_server import needs_prometheus, prometheus_running
from warroom.push.carried import Stretch, carried

HPA, RATES, KEDA = "kubernetes/10-hpa.yaml", "kubernetes/05-rates.yaml", "keda/storefront.yaml"


def copied(published: Path, into: Path) -> Path:
    return shutil.copytree(published, into / "shop") / "out" / "coupon-drop" / "playbook"


@pytest.fixture
def by_cpu(published: Path, tmp_path: Path) -> Path:
    return copied(published, tmp_path)


@pytest.fixture
def by_rate(published_by_rate: Path, tmp_path: Path) -> Path:
    return copied(published_by_rate, tmp_path)


def documents(file: Path) -> Iterator[dict[str, Any]]:
    yield from YAML(typ="safe").load_all(file)


def planned(playbook: Path) -> ServicePlan:
    return read_json(playbook / "autoscaling.json", "plan", AutoscalingPlan).services["storefront"]


def scaled_on(file: Path) -> dict[str, Any]:
    """The only metric of the storefront's HPA, or the trigger of its KEDA object that is no date."""
    (document,) = (each for each in documents(file) if each["metadata"]["name"] == "storefront")
    found = document["spec"].get("metrics") or [t for t in document["spec"]["triggers"] if t["type"] != "cron"]
    (metric,) = found
    return dict(metric)


def found(folder: Path, now: datetime) -> list[str]:
    return [str(problem) for problem in lint_folder(folder, bounds_of(None), now).problems]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_a_plan_made_by_cpu_scales_on_a_share_of_the_cpu(by_cpu: Path) -> None:
    percent = round(100 * planned(by_cpu).hpa_target_ratio)
    target = {"type": "Utilization", "averageUtilization": percent}
    assert scaled_on(by_cpu / HPA) == {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    assert scaled_on(by_cpu / KEDA) == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": str(percent)}}
    assert not (by_cpu / RATES).exists()


def test_a_plan_made_by_rate_gives_each_replica_what_the_replay_gave_it(by_rate: Path) -> None:
    service = planned(by_rate)
    assert service.hpa_metric == "rate"
    each = f"{100 * service.hpa_target_ratio:g}"
    metric = {"name": "shop_rps", "selector": {"matchLabels": {"service": "storefront"}}}
    external = {"metric": metric, "target": {"type": "AverageValue", "averageValue": each}}
    assert scaled_on(by_rate / HPA) == {"type": "External", "external": external}
    assert scaled_on(by_rate / KEDA)["metadata"]["threshold"] == each
    for document in documents(by_rate / HPA):
        kubernetes_validate.validate(document, "1.33", strict=True)
    restore = next(documents(by_rate / "keda/restore-storefront.yaml"))
    assert restore["spec"]["fallback"]["replicas"] == 8  # as many as run today, not the campaign's peak for good


def test_the_table_that_people_sign_names_the_metric(published: Path, published_by_rate: Path) -> None:
    by_cpu, by_rate = (
        (folder / "out/coupon-drop/playbook/autoscaling.md").read_text("utf-8")
        for folder in (published, published_by_rate)
    )
    assert "where the HPA at 75 % of the CPU follows" in by_cpu
    assert "where the HPA at 75 % of a replica's capacity follows" in by_rate


def test_our_own_lint_finds_nothing_in_a_plan_made_by_rate(by_rate: Path, as_of: datetime) -> None:
    assert lint_folder(by_rate, bounds_of(open_workspace(by_rate.parents[2]).settings), as_of).problems == ()


@needs_prometheus
def test_the_metric_is_recorded_as_the_hpa_asks_for_it(by_rate: Path, tmp_path: Path) -> None:
    (rules,) = documents(by_rate / RATES)
    (group,) = rules["spec"]["groups"]
    (tmp_path / "rates.json").write_text(json.dumps({"groups": [group | {"interval": "1s"}]}), "utf-8")
    rule = next(each for each in group["rules"] if each["labels"]["service"] == "storefront")
    selector = scaled_on(by_rate / HPA)["external"]["metric"]
    assert rule["record"] == selector["name"]
    assert rule["labels"] == {"namespace": "shop"} | selector["selector"]["matchLabels"]
    assert rule["expr"] == 'sum(sum(rate(http_requests_total{service="storefront"}[1m])))'
    with prometheus_running(tmp_path, "scrape_configs: []\nrule_files: [rates.json]\n") as address:
        assert address  # it starts with the rules: names, labels and queries are what it takes


def test_the_readme_says_how_the_metric_reaches_the_hpa(by_rate: Path, by_cpu_readme: str) -> None:
    readme = (by_rate / "kubernetes/README.md").read_text("utf-8")
    rule = YAML(typ="safe").load(readme.split("## The metric")[1].split("```")[1])
    (external,) = rule["rules"]["external"]
    assert external["seriesQuery"] == 'shop_rps{namespace!="",service!=""}'
    assert external["resources"] == {"overrides": {"namespace": {"resource": "namespace"}}}
    for service in ("storefront", "checkout"):
        path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/shop_rps?labelSelector=service%3D{service}"
        assert f"kubectl get --raw '{path}'" in readme
    assert "every container needs a CPU request" in by_cpu_readme
    assert "external" not in by_cpu_readme


@pytest.fixture
def by_cpu_readme(published: Path) -> str:
    return (published / "out/coupon-drop/playbook/kubernetes/README.md").read_text("utf-8")


def test_rehearsal_and_war_room_play_the_metric_of_the_plan_whatever_the_policy_says_later(by_rate: Path) -> None:
    folder = by_rate.parents[2]
    (folder / "autoscaling.yaml").write_text("hpa_metric: cpu\n", "utf-8")
    assert read_policy(folder).hpa_metric == "cpu"
    workspace, service = open_workspace(folder), planned(by_rate)
    assert read_fleets(workspace, "coupon-drop").services["storefront"].metric == "rate"
    hpa = carried(workspace, "coupon-drop", ["storefront"], Stretch(service.steps[0].starts_at_utc, 60)).rows[
        "storefront"
    ].hpa  # fmt: skip
    assert hpa
    assert hpa.growth == float("inf")  # by rate it may ask for as many as it likes; by CPU use ends at 100 %


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (HPA, "type: Resource", "type: External", "scales on rate, the plan was replayed with cpu"),
        (HPA, "name: cpu", "name: memory", "scales on memory, the plan was replayed with cpu"),
        (HPA, "averageUtilization: 75", "averageUtilization: 90", "aims at 90, the plan was replayed at 75"),
        (HPA, "averageUtilization: 75", "averageValue: 75", "a target of type Utilization needs averageUtilization"),
        (KEDA, "type: cpu", "type: kafka", "scales on kafka, the plan was replayed with cpu"),
        (KEDA, 'value: "75"', 'value: "95"', "aims at 95, the plan was replayed at 75"),
        (KEDA, '    value: "75"', '    amount: "75"', "a cpu trigger needs value"),
    ],
)
def test_a_plan_by_cpu_that_scales_on_something_else_is_found(
    by_cpu: Path, as_of: datetime, file: str, old: str, new: str, said: str
) -> None:
    edit(by_cpu / file, old, new)
    assert any(said in problem for problem in found(by_cpu, as_of)), found(by_cpu, as_of)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (HPA, 'averageValue: "75"', 'averageValue: "80"', "aims at 80, the plan was replayed at 75"),
        (HPA, 'averageValue: "75"', 'averageValue: "0"', "'0' is no target"),
        (HPA, 'averageValue: "75"', "averageValue: much", "'much' is no target"),
        (KEDA, 'threshold: "75"', 'threshold: "750"', "aims at 750, the plan was replayed at 75"),
    ],
)
def test_a_plan_by_rate_that_gives_a_replica_more_is_found(
    by_rate: Path, as_of: datetime, file: str, old: str, new: str, said: str
) -> None:
    edit(by_rate / file, old, new)
    assert any(said in problem for problem in found(by_rate, as_of)), found(by_rate, as_of)


def test_a_lower_target_and_another_metric_beside_the_plans_are_fine(by_cpu: Path, as_of: datetime) -> None:
    edit(by_cpu / HPA, "averageUtilization: 75", "averageUtilization: 60")
    metric = (
        "metrics:\n    - type: Pods\n      pods:\n        metric: {name: queue}\n"
        '        target: {type: AverageValue, averageValue: "30"}\n'
    )
    edit(by_cpu / HPA, "metrics:\n", metric)
    assert found(by_cpu, as_of) == []
