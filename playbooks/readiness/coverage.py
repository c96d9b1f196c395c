"""Does a load test that was run cover the model as it is now? Otherwise what is missing, by service and rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from campaign.language import Text, say
from campaign.numbers import local_minute, spoken
from campaign.traffic import SecondProfile, TrafficModel
from playbooks.readiness.evidence import Evidence, LoadTestRun
from playbooks.readiness.finding import Finding, joined

MIX_DISTANCE = 0.10
STEEPEST_SECONDS = 10
# The run counts calls, the model requests on services; the mix of the whole run stands in for that of ten seconds.
CONVERSION_RATIO = 0.95


def covered(evidence: Evidence, run: LoadTestRun, model: TrafficModel) -> Finding:
    """A run that reached every p90 covers the model when image, mix and its steepest ten seconds do too."""
    missing = [*_other_image(evidence, run), *_other_mix(run, model), *_less_steep(run, model)]
    if missing:
        return Finding("fail", joined(missing), run.ended_at_utc)
    return Finding("pass", _note(evidence, run), run.ended_at_utc)


def _note(evidence: Evidence, run: LoadTestRun) -> Text | None:
    notes: list[Text] = []
    if run.model_hash not in (None, evidence.traffic_hash) and run.ended_at_utc:
        day = local_minute(run.ended_at_utc, evidence.settings.zone)
        notes.append(say("the run of {day} tested an earlier model and covers this one", day=day))
    if evidence.image_digest is None:
        file = f"evidence/{evidence.plan.id}/image_digest.txt"
        notes.append(say("which image will run is not said: {file}", file=file))
    return joined(notes) if notes else None


def _other_image(evidence: Evidence, run: LoadTestRun) -> list[Text]:
    wanted = evidence.image_digest
    if wanted is None or wanted == run.image_digest:
        return []
    if run.image_digest is None:
        return [say("the run does not say which image it tested: loadtest run --image-digest")]
    return [say("image {tested} was tested, {wanted} will run", tested=short(run.image_digest), wanted=short(wanted))]


def short(digest: str) -> str:
    """`sha256:1a2b3c4d5e6f`."""
    kind, _, content = digest.rpartition(":")
    return f"{kind}:{content[:12]}" if kind else content[:12]


def _other_mix(run: LoadTestRun, model: TrafficModel) -> list[Text]:
    wanted = {name: peak.peak_requests_per_second.p90 for name, peak in model.services.items()}
    distance = mix_distance(run.tested, wanted)
    if distance <= MIX_DISTANCE:
        return []
    return [
        say(
            "the request mix differs by {distance}, at most {most} is covered",
            distance=f"{distance:.2f}",
            most=f"{MIX_DISTANCE:.2f}",
        )
    ]


def mix_distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Total variation between two mixes of request rates: 0 for the same shares, 1 for nothing in common."""
    total_one, total_other = sum(one.values()), sum(other.values())
    if not total_one or not total_other:
        return 0.0 if total_one == total_other else 1.0
    names = one.keys() | other.keys()
    return sum(abs(one.get(n, 0.0) / total_one - other.get(n, 0.0) / total_other) for n in names) / 2


def _less_steep(run: LoadTestRun, model: TrafficModel) -> list[Text]:
    wanted = steepest_wanted(model)
    if run.steepest_requests is None:
        return [say("the run does not say how steep it was: run it again")] if model.second_profiles else []
    if run.steepest_requests >= CONVERSION_RATIO * wanted:
        return []
    return [
        say(
            "its steepest ten seconds sent {tested} of {wanted} requests",
            tested=spoken(run.steepest_requests),
            wanted=spoken(wanted),
        )
    ]


def steepest_wanted(model: TrafficModel) -> float:
    """Requests on all services in the model's steepest ten seconds at p90: each minute's peak, sharpened by how much
    its seconds crowd."""
    return sum(
        STEEPEST_SECONDS
        * peak.peak_requests_per_second.p90
        * sharpness(p for p in model.second_profiles if p.service == name)
        for name, peak in model.services.items()
    )


def sharpness(profiles: Iterable[SecondProfile]) -> float:
    """The highest ten seconds over the highest minute, as rates; 1 without a profile."""
    return max((_sharpness(np.array(profile.shares)) for profile in profiles), default=1.0)


def _sharpness(shares: np.ndarray) -> float:
    minute, moment = _highest(shares, 60), _highest(shares, STEEPEST_SECONDS)
    return max(1.0, moment / minute) if minute > 0 else 1.0


def _highest(shares: np.ndarray, seconds: int) -> float:
    """The highest mean over so many seconds in a row."""
    span = min(seconds, len(shares))
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    return float((sums[span:] - sums[:-span]).max() / span) if span else 0.0
