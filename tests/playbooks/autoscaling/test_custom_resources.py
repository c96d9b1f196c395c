"""Objects that Kubernetes itself does not know, against the parts of their definitions that we use.

Written after the published references: KEDA 2.x ScaledObject, CronHPA v1beta1, monitoring.coreos.com/v1 PrometheusRule,
compute/v1 AutoscalingPolicy, Sentinel FlowRule and DegradeRule. Unknown keys are errors in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


def closed(required: str = "", **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def some(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def of_kind(version: str, kind: str, spec: Schema) -> Schema:
    metadata = closed("name", name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)
    return closed(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


POLICY = closed("type value periodSeconds", type={"enum": ["Percent", "Pods"]}, value=COUNT, periodSeconds=COUNT)
SCALING = closed(stabilizationWindowSeconds=COUNT, policies=some(POLICY))
TRIGGER = closed(
    "type metadata",
    type={"enum": ["cron", "cpu", "prometheus"]},
    metricType={"enum": ["AverageValue", "Value", "Utilization"]},
    metadata=TEXTS,
)
SCALED_OBJECT = of_kind(
    "keda.sh/v1alpha1",
    "ScaledObject",
    closed(
        "scaleTargetRef triggers",
        scaleTargetRef=closed("name", name=TEXT),
        minReplicaCount=COUNT,
        maxReplicaCount=COUNT,
        pollingInterval=COUNT,
        cooldownPeriod=COUNT,
        fallback=closed("failureThreshold replicas", failureThreshold=COUNT, replicas=COUNT),
        advanced=closed(horizontalPodAutoscalerConfig=closed(behavior=closed(scaleUp=SCALING, scaleDown=SCALING))),
        triggers=some(TRIGGER),
    ),
)
CRON_HPA = of_kind(
    "autoscaling.alibabacloud.com/v1beta1",
    "CronHorizontalPodAutoscaler",
    closed(
        "scaleTargetRef jobs",
        scaleTargetRef=closed("apiVersion kind name", apiVersion=TEXT, kind=TEXT, name=TEXT),
        jobs=some(
            closed("name schedule targetSize", name=TEXT, schedule=TEXT, targetSize=COUNT, runOnce={"type": "boolean"})
        ),
    ),
)
ALERT = closed("alert expr", alert=TEXT, expr=TEXT, labels=TEXTS, annotations=TEXTS, **{"for": TEXT})
PROMETHEUS_RULE = of_kind(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    closed("groups", groups=some(closed("name rules", name=TEXT, rules=some(ALERT)))),
)
SCHEDULE = closed(
    "schedule durationSec minRequiredReplicas",
    schedule=TEXT,
    timeZone=TEXT,
    durationSec={"type": "integer", "minimum": 300},
    minRequiredReplicas=COUNT,
    description={"type": "string"},
    disabled={"type": "boolean"},
)
GCP_POLICY = closed(
    "minNumReplicas maxNumReplicas scalingSchedules",
    minNumReplicas=COUNT,
    maxNumReplicas=COUNT,
    scalingSchedules={"type": "object", "additionalProperties": SCHEDULE, "maxProperties": 128},
)
FLOW_RULES = some(
    closed(
        "resource grade count",
        resource=TEXT,
        limitApp=TEXT,
        grade={"enum": [0, 1]},
        count={"type": "number", "minimum": 0},
        strategy={"enum": [0, 1, 2]},
        controlBehavior={"enum": [0, 1, 2, 3]},
        clusterMode={"type": "boolean"},
    )
)
DEGRADE_RULES = some(
    closed(
        "resource grade count timeWindow",
        resource=TEXT,
        grade={"enum": [0, 1, 2]},
        count={"type": "number", "minimum": 0},
        slowRatioThreshold={"type": "number", "minimum": 0, "maximum": 1},
        minRequestAmount=COUNT,
        statIntervalMs=COUNT,
        timeWindow={"type": "integer", "minimum": 1},
    )
)


def contents(folder: Path, pattern: str) -> Iterator[Any]:
    for file in sorted(folder.glob(pattern)):
        yield from [json.loads(file.read_text("utf-8"))] if file.suffix == ".json" else YAML(typ="safe").load_all(file)


@pytest.mark.parametrize(
    ("pattern", "schema", "least"),
    [
        ("keda/*.yaml", SCALED_OBJECT, 4),
        ("cronhpa/*.yaml", CRON_HPA, 2),
        ("prometheus/*.yaml", PROMETHEUS_RULE, 1),
        ("sentinel/*-flow.json", FLOW_RULES, 1),
        ("sentinel/*-degrade.json", DEGRADE_RULES, 1),
    ],
)
def test_custom_resources_are_what_their_definitions_take(
    published_within_limits: Path, pattern: str, schema: Schema, least: int
) -> None:
    found = list(contents(published_within_limits / "out/coupon-drop/playbook", pattern))
    assert len(found) >= least
    for document in found:
        jsonschema.validate(document, schema)


def test_google_autoscalers_are_what_their_api_takes(published_within_limits: Path) -> None:
    for document in contents(published_within_limits / "out/coupon-drop/playbook", "gcp/*.json"):
        jsonschema.validate(document["autoscalingPolicy"], GCP_POLICY)
