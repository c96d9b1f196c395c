"""What a sign-off binds to: the parts of plan, model and plans whose change can make it wrong.

`wording`: names, offers. `times`: start and end. `demand`: everything in the plan that a forecast reads.
`dictionary`: the ids of the metrics the plan uses. `model`, `profile`, `autoscaling`, `staffing`: the files of those
steps. `peak` is no hash: it holds as long as no service's p90 peak grows beyond the signed one; `carried` holds as
long as none grows beyond both the signed one and what a load test has shown; `floors` as long as no service's highest
planned floor grows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from campaign.language import Text, say
from campaign.plan import Plan
from campaign.traffic import TrafficModel

Part = Literal[
    "wording",
    "times",
    "demand",
    "dictionary",
    "model",
    "profile",
    "autoscaling",
    "staffing",
    "peak",
    "carried",
    "floors",
]

PART_LABELS: dict[str, Text] = {
    "wording": say("the plan's wording"),
    "times": say("the campaign's times"),
    "demand": say("the plan's times, reach or moments"),
    "dictionary": say("the metric definitions"),
    "model": say("the traffic model"),
    "profile": say("the load profile"),
    "autoscaling": say("the autoscaling plan"),
    "staffing": say("the staffing plan"),
}
WORDING = {"name", "owner", "offers"}
TIMES = {"starts_at", "ends_at"}
NOT_DEMAND = WORDING | {"schema_version", "metrics", "expected", "observed"}


@dataclass(frozen=True)
class Binding:
    """Hashes by part; p90 peaks, and what load tests have shown, by service in requests per second;
    highest floors in replicas."""

    parts: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    tested: dict[str, float] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"parts": self.parts, "peaks": self.peaks, "floors": self.floors}


def plan_parts(plan: Plan) -> dict[str, str]:
    """The hashes of a plan's wording, times and demand."""
    fields = plan.model_dump(mode="json")
    return {
        "wording": _hash({key: fields[key] for key in WORDING}),
        "times": _hash({key: fields[key] for key in TIMES}),
        "demand": _hash({key: value for key, value in fields.items() if key not in NOT_DEMAND}),
    }


def bind(
    plan: Plan,
    model: TrafficModel | None,
    metric_ids: Mapping[str, str],
    files: Mapping[str, str],
    tested: Mapping[str, float],
    floors: Mapping[str, int],
) -> Binding:
    """What there is to bind to now. `metric_ids`: of the metrics the plan uses; `files`: SHA-256 by part.

    `tested`: each service's rate in the last load test that said GO for the campaign. `floors`: highest floors.
    """
    parts = plan_parts(plan) | {"dictionary": _hash(dict(metric_ids))} | dict(files)
    peaks = {name: peak.peak_requests_per_second.p90 for name, peak in model.services.items()} if model else {}
    return Binding(parts, peaks, dict(tested), dict(floors))


def changed(signed: Binding, now: Binding, parts: Iterable[str]) -> list[Text]:
    """What makes a signature over `parts` stale, in words; empty while it holds."""
    found: list[Text] = []
    for part in parts:
        if part in ("peak", "carried"):
            tested = now.tested if part == "carried" else {}
            grown = sorted(
                name
                for name, peak in now.peaks.items()
                if peak > max(signed.peaks.get(name, peak), tested.get(name, 0))
            )
            if grown:
                found.append(say("the p90 peak of {services} grew", services=", ".join(grown)))
        elif part == "floors":
            higher = sorted(name for name, floor in now.floors.items() if floor > signed.floors.get(name, 0))
            if higher:
                found.append(say("more replicas are planned for {services}", services=", ".join(higher)))
        elif signed.parts.get(part) != now.parts.get(part):
            found.append(say("{part} changed", part=PART_LABELS[part]))
    return found


def _hash(content: object) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
