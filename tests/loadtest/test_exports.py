"""The scenario as a JMeter plan and as Kubernetes manifests."""

import json
import re
from xml.etree import ElementTree as Xml

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.jmeter import schedule_text
from loadtest.kubernetes import kubernetes_name
from loadtest.publish import publish_scenario
from loadtest.scenario import Segment
from surgeplan.cli import main

STEP = re.compile(
    r"rate\(([\d.e+]+)/sec\) (?:random|even)_arrivals\((\d+) sec\) rate\(([\d.e+]+)/sec\)|pause\((\d+) sec\)"
)
CLUSTER = ("--export", "kubernetes", "--host", "http://10.1.2.3:8080", "--image", "registry.example/surgeplan:1")


def _build(workspace, *more: str) -> int:
    return main(["loadtest", "build", "opening", "--workspace", str(workspace), *more])


def _plan(workspace, *more: str) -> Xml.Element:
    assert _build(workspace, "--export", "jmx", *more) == 0
    return Xml.parse(workspace / "out/opening/loadtest/plan.jmx").getroot()


def _text(element: Xml.Element, name: str) -> str:
    found = element.find(f"*[@name='{name}']")
    assert found is not None
    return found.text or ""


def test_a_jmeter_plan_pairs_every_element_with_its_tree(workspace):
    plan = _plan(workspace)
    assert (plan.tag, plan.get("version")) == ("jmeterTestPlan", "1.2")

    def check(tree: Xml.Element) -> int:
        children = list(tree)
        assert [child.tag == "hashTree" for child in children] == [False, True] * (len(children) // 2)
        for element in children[::2]:
            assert {"guiclass", "testclass", "testname", "enabled"} <= set(element.attrib)
            assert element.tag == element.get("testclass")
        return len(children) // 2 + sum(check(child) for child in children[1::2])

    assert check(plan[0]) >= 8


def test_a_jmeter_schedule_has_the_scenarios_arrivals(workspace):
    plan = _plan(workspace)
    (group,) = plan.iter("OpenModelThreadGroup")
    steps = STEP.findall(_text(group, "OpenModelThreadGroup.schedule"))
    scenario = json.loads((workspace / "out/opening/loadtest/scenario.json").read_text("utf-8"))
    segments = scenario["streams"][0]["segments"]

    assert sum(int(seconds or 0) + int(pause or 0) for _a, seconds, _b, pause in steps) == 3600
    arrivals = sum((float(a) + float(b)) / 2 * int(seconds) for a, seconds, b, pause in steps if not pause)
    assert arrivals == pytest.approx(sum(s["seconds"] * s["arrivals_per_second"] for s in segments))
    assert _text(group, "ThreadGroup.on_sample_error") == "stopthread"


def test_a_jmeter_schedule_pauses_where_nobody_comes():
    at = [Segment(from_seconds=0, seconds=10, arrivals_per_second=2.5),
          Segment(from_seconds=10, seconds=5, arrivals_per_second=0),
          Segment(from_seconds=20, seconds=1, arrivals_per_second=100)]  # fmt: skip
    assert schedule_text(at, "poisson") == (
        "rate(2.5/sec) random_arrivals(10 sec) rate(2.5/sec) pause(5 sec) pause(5 sec) "
        "rate(100/sec) random_arrivals(1 sec) rate(100/sec)"
    )
    assert "even_arrivals(10 sec)" in schedule_text(at, "even")


def test_a_jmeter_visit_walks_the_funnel_and_can_be_imported(workspace):
    data = workspace / "out/opening/loadtest/data"
    data.mkdir(parents=True)
    (data / "sku.csv").write_text("sku\n1\n")
    plan = _plan(workspace)
    samplers = list(plan.iter("HTTPSamplerProxy"))

    assert [s.get("testname") for s in samplers] == ["product", "checkout"]
    assert [_text(s, "HTTPSampler.path") for s in samplers] == ["/p/${sku}", "/checkout"]
    assert {_text(s, "HTTPSampler.follow_redirects") for s in samplers} == {"false"}
    (feeder,) = plan.iter("CSVDataSet")
    assert _text(feeder, "filename") == "data/sku.csv"
    (controller,) = plan.iter("IfController")
    assert _text(controller, "IfController.condition") == "${__groovy(Math.random() < 0.5)}"
    (timer,) = plan.iter("ConstantTimer")
    assert "Math.log(1 - Math.random()) * 200)" in _text(timer, "ConstantTimer.delay")
    marks = {_text(h, "Header.name") for h in plan.iter("elementProp") if h.get("elementType") == "Header"}
    assert {"X-Load-Test", "baggage", "User-Agent"} <= marks


def test_endpoints_are_thread_groups_of_their_own(workspace):
    plan = _plan(workspace, "--drive", "endpoints", "--even")
    groups = list(plan.iter("OpenModelThreadGroup"))
    assert [g.get("testname") for g in groups] == ["product", "checkout"]
    assert all("even_arrivals" in _text(g, "OpenModelThreadGroup.schedule") for g in groups)


def _documents(workspace) -> list[dict]:
    text = (workspace / "out/opening/loadtest/kubernetes.yaml").read_text("utf-8")
    return list(YAML(typ="safe").load_all(text))


def test_a_cluster_accepts_the_manifests(workspace, capsys):
    (workspace / "out/opening/loadtest/data").mkdir(parents=True)
    (workspace / "out/opening/loadtest/data/sku.csv").write_text("sku\n1\n")
    assert _build(workspace, *CLUSTER, "--workers", "3") == 0

    documents = _documents(workspace)
    assert [d["kind"] for d in documents] == ["ConfigMap", "NetworkPolicy", "Service", "Job", "Job"]
    for document in documents:
        kubernetes_validate.validate(document, "1.33", strict=True)
    config, _policy, service, master, worker = documents
    assert set(config["data"]) == {"scenario.json", "locustfile.py", "data.sku.csv"}
    scenario = (workspace / "out/opening/loadtest/scenario.json").read_text("utf-8")
    assert config["data"]["scenario.json"] == scenario
    assert (worker["spec"]["parallelism"], worker["spec"]["completions"]) == (3, 3)
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    assert service["metadata"]["name"] in container["command"]
    script = master["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    assert "--expect-workers 3" in script
    assert "kubectl logs job/loadtest-opening-master > run.jsonl" in capsys.readouterr().out


def test_pods_may_send_to_the_target_the_dns_and_the_master_only(workspace):
    _build(workspace, *CLUSTER, "--workers", "2", "--target-cidr", "10.1.2.0/24", "--target-cidr", "10.9.0.0/16")
    policy = next(d for d in _documents(workspace) if d["kind"] == "NetworkPolicy")["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    target, master, dns = policy["egress"]
    assert [to["ipBlock"]["cidr"] for to in target["to"]] == ["10.1.2.0/24", "10.9.0.0/16"]
    assert target["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert [p["port"] for p in master["ports"]] == [5557]
    assert {p["port"] for p in dns["ports"]} == {53}
    for job in (d for d in _documents(workspace) if d["kind"] == "Job"):
        labels = job["spec"]["template"]["metadata"]["labels"].items()
        assert policy["podSelector"]["matchLabels"].items() <= labels


def test_workers_follow_from_the_busiest_second_and_the_calibration(workspace, capsys):
    assert _build(workspace, *CLUSTER) == 0
    assert "1 workers for 84 requests per second, assuming 1200 each" in capsys.readouterr().out
    calibration = {"clean_requests_per_second": 50, "planned_requests_per_second": 30, "rungs": []}
    (workspace / "out/calibration.json").write_text(json.dumps(calibration))
    _build(workspace, *CLUSTER)
    assert "3 workers for 84 requests per second, as this machine was calibrated" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--export", "jmeter"), "--export: jmeter is no export"),
        (("--export", "kubernetes"), "add --host URL and --image IMAGE"),
        ((*CLUSTER[:2], "--host", "http://shop.invalid", *CLUSTER[4:]), "--target-cidr: shop.invalid does not resolve"),
        ((*CLUSTER, "--target-cidr", "10.1.2"), "--target-cidr:"),
        ((*CLUSTER[:2], "--host", "shop", *CLUSTER[4:]), "shop is not an http address"),
    ],
)
def test_an_export_that_cannot_be_made_is_refused(workspace, capsys, options, message):
    assert _build(workspace, *options) == 2
    assert message in capsys.readouterr().err


def test_a_config_map_has_no_room_for_large_data(workspace, capsys):
    data = workspace / "out/opening/loadtest/data"
    data.mkdir(parents=True)
    (data / "users.csv").write_text("user\n" + "x" * 1_100_000)
    assert _build(workspace, *CLUSTER, "--workers", "1") == 2
    assert "a ConfigMap holds 1,000" in capsys.readouterr().err


def test_names_are_dns_labels():
    assert kubernetes_name("loadtest-双11_Opening 2026") == "loadtest-11-opening-2026"
    assert len(kubernetes_name("x" * 90)) <= 50


@pytest.mark.slow
def test_a_record_of_our_own_workers_is_judged_as_a_run_is(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=3))
    folder = workspace / "out/opening/loadtest"
    main(["loadtest", "run", "opening", "--practice", "--workspace", str(workspace)])
    ran = json.loads((folder / "results.json").read_text("utf-8"))
    (workspace / "run.jsonl").write_bytes((folder / "run/observations.jsonl").read_bytes() + b'{"cells": [[2')
    main(["loadtest", "import", "opening", str(workspace / "run.jsonl"), "--workspace", str(workspace)])
    imported = json.loads((folder / "results.json").read_text("utf-8"))

    for key in ("outcome", "reasons", "endpoints", "generator", "started_at_utc"):
        assert imported[key] == ran[key]
