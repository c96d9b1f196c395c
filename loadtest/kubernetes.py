"""The scenario as plain Kubernetes manifests: a master Job, worker Jobs, what they read, and where they may send to.

Workers have one core each, requested and limited, so that no neighbour's load gets into the figures. Egress of every
pod ends at the target, the cluster's DNS and the master; what does not stand in the policy cannot be hit by mistake.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from ruamel.yaml import YAML

from loadtest.hosts import Target
from loadtest.journeys import LOCUSTFILE
from loadtest.scenario import SCENARIO, Scenario

MANIFESTS = "kubernetes.yaml"
MASTER_PORT = 5557
CONFIG_MAP_BYTES_MAX = 1_000_000
Values = dict[str, Any]


@dataclass(frozen=True)
class ClusterRun:
    """What the manifests are made for. `networks` are the target's, as CIDRs; `files` are data/ by file name."""

    target: Target
    networks: Sequence[str]
    image: str
    workers: int
    files: Mapping[str, str]
    locustfile: str
    scenario_text: str


def manifests(scenario: Scenario, run: ClusterRun) -> str:
    """All manifests in one file, in the order in which they are applied."""
    name = kubernetes_name(f"loadtest-{scenario.campaign}")
    documents = [
        _config_map(name, run),
        _network_policy(name, run),
        _service(name),
        _master(name, scenario, run),
        _workers(name, scenario, run),
    ]
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 1000
    yaml.dump_all(documents, text)
    return text.getvalue()


def kubernetes_name(text: str) -> str:
    """A DNS label with room for a suffix."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].rstrip("-")


def _config_map(name: str, run: ClusterRun) -> Values:
    data = {SCENARIO: run.scenario_text, LOCUSTFILE: run.locustfile}
    data |= {f"data.{file}": text for file, text in run.files.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(name), "data": data}


def _network_policy(name: str, run: ClusterRun) -> Values:
    port = {"protocol": "TCP", "port": run.target.port}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    master = {"protocol": "TCP", "port": MASTER_PORT}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(name),
        "spec": {
            "podSelector": {"matchLabels": _labels(name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": _labels(name, "worker")}}], "ports": [master]}],
            "egress": [
                {"to": [{"ipBlock": {"cidr": str(ip_network(n))}} for n in run.networks], "ports": [port]},
                {"to": [{"podSelector": {"matchLabels": _labels(name, "master")}}], "ports": [dict(master)]},
                {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                 "ports": dns},
            ],
        },
    }  # fmt: skip


def _service(name: str) -> Values:
    """How workers find the master before it is ready: readiness would keep them apart."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(f"{name}-master", name),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": _labels(name, "master"),
            "ports": [{"name": "locust", "port": MASTER_PORT, "targetPort": MASTER_PORT}],
        },
    }


def _master(name: str, scenario: Scenario, run: ClusterRun) -> Values:
    locust = (
        f"python -m locust -f {LOCUSTFILE} --headless --only-summary --master --expect-workers {run.workers} "
        f"--users {run.workers} --spawn-rate {run.workers} --host {run.target.url} --exit-code-on-error 0 "
        "--csv /results/locust"
    )
    # The log of the pod is the record itself, ready for `surgeplan loadtest import`.
    script = f"{locust} >/results/locust.log 2>&1; status=$?; cat /results/observations.jsonl; exit $status"
    spec = _pod(name, "master", scenario, run, ["sh", "-c", script])
    return _job(name, "master", 1, spec)


def _workers(name: str, scenario: Scenario, run: ClusterRun) -> Values:
    command = ["python", "-m", "locust", "-f", LOCUSTFILE, "--worker", "--master-host", f"{name}-master",
               "--master-port", str(MASTER_PORT), "--host", run.target.url]  # fmt: skip
    return _job(name, "worker", run.workers, _pod(name, "worker", scenario, run, command))


def _job(name: str, role: str, pods: int, pod: Values) -> Values:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(f"{name}-{role}", name),
        "spec": {
            "parallelism": pods,
            "completions": pods,
            # A worker that died took its share of the schedule with it: the run is invalid and not saved by a new pod.
            "backoffLimit": 0,
            "template": {"metadata": {"labels": _labels(name, role)}, "spec": pod},
        },
    }


def _pod(name: str, role: str, scenario: Scenario, run: ClusterRun, command: list[str]) -> Values:
    environment = {
        "SURGEPLAN_SCENARIO": f"/loadtest/{SCENARIO}",
        "SURGEPLAN_OBSERVATIONS": "/results/observations.jsonl",
        "SURGEPLAN_RUN_ID": f"{scenario.marker}-cluster",
        "SURGEPLAN_CONFIRMED": run.target.host,
        "SURGEPLAN_WRITES": "allowed" if scenario.writes_allowed else "refused",
    }
    container = {
        "name": "locust",
        "image": run.image,
        "workingDir": "/loadtest",
        "command": command,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"requests": dict(_SIZE), "limits": dict(_SIZE)},
        "volumeMounts": [{"name": "scenario", "mountPath": "/loadtest"}, {"name": "results", "mountPath": "/results"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    items = [{"key": key, "path": key} for key in (SCENARIO, LOCUSTFILE)]
    items += [{"key": f"data.{file}", "path": f"data/{file}"} for file in run.files]
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 15,
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _labels(name, role)}}],
        "containers": [container],
        "volumes": [
            {"name": "scenario", "configMap": {"name": name, "items": items}},
            {"name": "results", "emptyDir": {}},
        ],
    }  # fmt: skip


_SIZE = {"cpu": "1", "memory": "1Gi"}


def _labels(name: str, role: str | None = None) -> dict[str, str]:
    labels = {"app.kubernetes.io/name": "surgeplan-loadtest", "app.kubernetes.io/instance": name}
    return labels | ({"app.kubernetes.io/component": role} if role else {})


def _metadata(name: str, instance: str | None = None) -> Values:
    return {"name": name, "labels": _labels(instance or name)}
