"""JSON Schemas of every file that crosses a boundary, for editors and other teams.

`python -m surgeplan.schemas DIR` writes them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from pydantic import BaseModel

from campaign.files import to_json, write_text

RECORDS = {
    "surgeplan.yaml": "campaign.settings:Settings",
    "campaign.yaml": "campaign.plan:Plan",
    "traffic.json": "campaign.traffic:TrafficModel",
    "effects.json": "forecast.explain.effects_file:EffectsFile",
    "backtest.json": "forecast.backtest.scores_file:BackTestFile",
    "capacity.json": "campaign.capacity:Capacity",
    "checklist.json": "campaign.readiness:Checklist",
    "limits.json": "campaign.limits:CampaignLimits",
    "bundle.json": "campaign.bundle:FrozenBundle",
    "manifest.json": "metrics.manifests:Manifest",
    "metrics.yaml": "metrics.dictionary:DictionaryFile",
    "rules.yaml": "playbooks.growth.policy:RulesFile",
    "experiment.yaml": "metrics.experiments:Experiment",
    "scenario.json": "loadtest.scenario:Scenario",
    "results.json": "loadtest.results:Results",
    "autoscaling.json": "playbooks.autoscaling.plan:AutoscalingPlan",
    "readings.json": "playbooks.readiness.readings:Readings",
    "rehearsal.json": "playbooks.rehearsal.record:Rehearsal",
    "retro.json": "warroom.retrospective.records:Retrospective",
    "staffing.json": "playbooks.staffing.plan:StaffingPlan",
}


def schemas() -> dict[str, str]:
    """The schema's text by its file name, such as `traffic.json.schema.json`."""
    return {f"{name}.schema.json": to_json(_record(place).model_json_schema()) for name, place in RECORDS.items()}


def _record(place: str) -> type[BaseModel]:
    module, _, name = place.partition(":")
    record: type[BaseModel] = getattr(import_module(module), name)
    return record


if __name__ == "__main__":
    for name, text in schemas().items():
        write_text(Path(sys.argv[1]) / name, text)
