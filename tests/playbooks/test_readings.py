"""Replicas, floors and cache hits read from a real Prometheus and through `kubectl`; drills, seats and sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.plan import Plan
from campaign.settings import Service, Settings, Switch
from campaign.traffic import Quantiles
from playbooks.autoscaling import plan as scaling
from playbooks.readiness.brought import Drill, Seat, read_drills, read_seats
from playbooks.readiness.checks import found
from playbooks.readiness.evidence import Evidence, Watermark
from playbooks.readiness.observing import read_hits, read_replicas
from playbooks.readiness.readings import (
    CacheHits,
    HitRatios,
    KubernetesReplicas,
    PrometheusReplicas,
    Readings,
    Sample,
)
from playbooks.readiness.running import people_at
from surgeplan.cli import main
from tests.prometheus_server import needs_prometheus, prometheus_with

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOW = START - timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
PLAN = Plan(id="d11", kind="flagship", starts_at=START, ends_at=START + timedelta(hours=2))
SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
COUNTS = Quantiles(p10=40, p50=50, p90=60, p99=70)


def autoscaling() -> scaling.AutoscalingPlan:
    """Eight replicas, sixty from an hour before the start."""
    step = scaling.Step(starts_at_utc=START - timedelta(hours=1), replicas=60, why="opening")
    counts = scaling.ReplicaCounts(today=8, floor=8, most=100, peak=60, needed=COUNTS)
    service = scaling.ServicePlan.model_construct(verdict="scheduled", steps=(step,), limits_hit=(), replicas=counts,
                                                  lead_minutes=7)  # fmt: skip
    return scaling.AutoscalingPlan.model_construct(campaign="d11", model="t1", services={"shop": service})


def evidence(**given: object) -> Evidence:
    base = Evidence(plan=PLAN, settings=SETTINGS, plan_hashes=frozenset(), autoscaling=autoscaling())
    return replace(base, **given)  # type: ignore[arg-type]


def finding(check: str, now: datetime = NOW, **given: object) -> tuple[str, str]:
    came = found(check, evidence(**given), now)
    return came.state, str(came.note or "")


def held(*floors: float, step: timedelta = MINUTE) -> Readings:
    """Samples one step apart, the last of them half an hour before the start."""
    samples = [
        Sample(at_utc=NOW - step * (len(floors) - 1 - i), ready={"shop": 60}, floor={"shop": f})
        for i, f in enumerate(floors)
    ]
    return Readings(samples=tuple(samples))


@pytest.mark.parametrize(("ready", "state"), [(60, "pass"), (59, "fail")])
def test_replicas_are_those_of_the_plan_at_the_reading(ready: int, state: str) -> None:
    sample = Sample(at_utc=NOW, ready={"shop": ready})
    came, note = finding("replicas", readings=Readings(samples=(sample,)))
    assert (came, note) == (state, "" if state == "pass" else "shop has 59 of 60 replicas ready")


@pytest.mark.parametrize(("minutes", "needed"), [(6, 8), (7, 60)])
def test_replicas_are_asked_for_a_start_up_after_their_step_and_a_floor_at_once(minutes: int, needed: int) -> None:
    at = START - timedelta(hours=1) + MINUTE * minutes
    sample = Sample(at_utc=at, ready={"shop": needed - 1})
    assert finding("replicas", at, readings=Readings(samples=(sample,)))[1] == (
        f"shop has {needed - 1} of {needed} replicas ready"
    )
    floors = Readings(samples=tuple(replace_floor(sample, at - MINUTE * k) for k in reversed(range(11))))
    assert finding("floor-held", at, readings=floors)[0] == "fail"


def replace_floor(sample: Sample, at: datetime) -> Sample:
    return sample.model_copy(update={"at_utc": at, "floor": {"shop": 8}})


def test_a_service_that_nobody_read_is_not_ready() -> None:
    readings = Readings(samples=(Sample(at_utc=NOW, ready={}),))
    assert finding("replicas", readings=readings) == ("fail", "shop was not read")
    assert finding("replicas") == ("pending", "")


def test_a_floor_must_hold_for_ten_minutes() -> None:
    assert finding("floor-held", readings=held(*[60] * 11))[0] == "pass"
    assert finding("floor-held", readings=held(*[60] * 5)) == ("pending", "read for 4 minutes so far, ten are needed")
    reverted = finding("floor-held", readings=held(*[60] * 8, 8, *[60] * 2))
    assert reverted == ("fail", "11-10 19:28: shop was held at 8 of 60")


def test_without_a_floor_ready_replicas_count() -> None:
    samples = tuple(Sample(at_utc=NOW - MINUTE * k, ready={"shop": 60.0}) for k in reversed(range(11)))
    assert finding("floor-held", readings=Readings(samples=samples))[0] == "pass"


@pytest.mark.parametrize(("ratio", "state", "told"), [(0.9, "pass", ""), (0.89, "fail", "below 90 %: cdn 89 %")])
def test_a_cache_is_warm_from_its_ratio_on(ratio: float, state: str, told: str) -> None:
    hits = HitRatios(at_utc=NOW, ratios={"cdn": ratio, "redis": 0.99}, at_least_ratio=0.9)
    assert finding("caches-warm", readings=Readings(cache_hits=hits)) == (state, told)


def test_kept_samples_are_those_of_three_hours() -> None:
    old = Readings(samples=tuple(Sample(at_utc=NOW - timedelta(hours=h), ready={}) for h in (4, 3, 2)))
    kept = old.with_samples((Sample(at_utc=NOW, ready={"shop": 1}),))
    assert [sample.at_utc for sample in kept] == [NOW - timedelta(hours=3), NOW - timedelta(hours=2), NOW]


def test_sources_are_late_by_their_own_lateness() -> None:
    marks = {
        "prom": Watermark(NOW - timedelta(hours=2), timedelta(minutes=5)),
        "bi": Watermark(NOW - timedelta(hours=5), MINUTE * 120),
    }
    assert finding("sources-fresh", history_ends_at_utc=NOW, watermarks=marks) == (
        "stale",
        "prom was last pulled 2.0 h ago",
    )
    marks["prom"] = Watermark(NOW - timedelta(minutes=59), timedelta(minutes=5))
    assert finding("sources-fresh", history_ends_at_utc=NOW, watermarks=marks)[0] == "pass"


def test_figures_are_settled_once_every_source_is_final_beyond_the_end() -> None:
    final, early = (Watermark(PLAN.ends_at, MINUTE, at) for at in (PLAN.ends_at, PLAN.starts_at))
    assert finding("figures-settled")[0] == "pending"
    assert finding("figures-settled", watermarks={"bi": final})[0] == "pass"
    assert finding("figures-settled", watermarks={"bi": final, "ads": early}) == (
        "pending",
        "not final up to the campaign's end yet: ads",
    )


def seat(name: str, who: str, begins: float = -1, ends: float = 2, acknowledged: bool = True) -> Seat:
    return Seat(START + timedelta(hours=begins), START + timedelta(hours=ends), name, who, acknowledged)


FULL = (
    *(seat(name, name) for name in ("commander", "deputy", "scribe")),
    *(seat(name, f"{name}-{k}") for name in ("marketing", "sre", "ops") for k in (1, 2)),
)


def test_the_war_room_is_full_at_every_hour_and_acknowledged() -> None:
    assert finding("war-room-roster", seats=FULL)[0] == "pass"
    assert finding("war-room-roster") == ("pending", "")
    gap = (*FULL[:-1], seat("ops", "ops-2", -1, 1))
    assert finding("war-room-roster", seats=gap) == ("fail", "11-10 21:00: ops has 1 of 2 people")
    silent = (*FULL[:-1], seat("ops", "hong", acknowledged=False))
    assert finding("war-room-roster", seats=silent) == ("pending", "not acknowledged yet: hong")


def test_a_relay_within_the_hour_counts_and_a_hole_does_not() -> None:
    relay = (seat("scribe", "a", -1, 0.5), seat("scribe", "b", 0.5, 2))
    hole = (seat("scribe", "a", -1, 0.4), seat("scribe", "b", 0.5, 2))
    hour = (START, START + timedelta(hours=1))
    assert people_at(relay, "scribe", *hour) == 1
    assert people_at(hole, "scribe", *hour) == 0


def test_a_switch_is_drilled_when_it_was_pulled_and_put_back() -> None:
    settings = SETTINGS.model_copy(update={"switches": (Switch(id="recommend-off"),)})
    drill = Drill("recommend-off", START - timedelta(days=9), 12, True, "li")
    assert finding("switches-drilled", settings=settings) == ("pending", "not drilled yet: recommend-off")
    assert finding("switches-drilled", settings=settings, drills=(drill,))[0] == "pass"
    stuck = replace(drill, undone=False, drilled_at=START)
    assert finding("switches-drilled", settings=settings, drills=(drill, stuck)) == (
        "fail",
        "pulled, but not put back: recommend-off",
    )


def test_bad_rows_are_all_named(tmp_path: Path) -> None:
    drills = tmp_path / "drills.csv"
    drills.write_text("switch,drilled_at,seconds_to_effect,undone\na,2026-11-01,3,yes\nb,2026-11-01T10:00+08:00,x,no\n")
    with pytest.raises(UserError) as refused:
        read_drills(drills, tmp_path)
    assert [problem.place() for problem in refused.value.problems] == ["drills.csv:2", "drills.csv:3"]
    roster = tmp_path / "war_room_roster.csv"
    roster.write_text("starts_at,ends_at,seat\n")
    with pytest.raises(UserError, match="has no column acknowledged, name"):
        read_seats(roster, tmp_path)
    assert read_seats(tmp_path / "none.csv", tmp_path) is None


def exposition() -> str:
    """Ready replicas and floor of two services each half minute of the last half hour; checkout is reverted once."""
    lines: list[str] = []
    for name, revert in (("shop", None), ("checkout", 12)):
        for k in reversed(range(61)):
            at = int(NOW.timestamp()) - 30 * k
            lines.append(f'ready{{service="{name}"}} 60 {at}')
            lines.append(f'floor{{service="{name}"}} {8 if k == revert else 60} {at}')
            lines.append(f'hits{{service="{name}"}} {0.97 if name == "shop" else 0.5} {at}')
    kinds = [f"# TYPE {name} gauge" for name in ("ready", "floor", "hits")]
    sorted_lines = [[k, *(line for line in lines if line.startswith(k.split()[2] + "{"))] for k in kinds]
    return "\n".join(line for part in sorted_lines for line in part) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_with(tmp_path_factory.mktemp("prometheus"), exposition()) as address:
        yield address


@needs_prometheus
def test_ten_minutes_of_floors_come_from_a_real_prometheus(prometheus: str) -> None:
    source = PrometheusReplicas(kind="prometheus", url=prometheus, ready="sum by (service) (ready)", floor="floor")
    samples = read_replicas(source, ("shop", "checkout"), NOW)
    assert len(samples) == 21
    assert samples[-1].at_utc - samples[0].at_utc == timedelta(minutes=10)
    assert samples[-1].ready == {"shop": 60, "checkout": 60}
    assert [s.floor["checkout"] for s in samples].count(8) == 1
    hits = read_hits(CacheHits(url=prometheus, query="hits"), NOW)
    assert hits.ratios == {"shop": 0.97, "checkout": 0.5}


SYSTEM = "schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n"
PLAN_TEXT = """id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-10T22:00+08:00
"""


def workspace(folder: Path, readings: str) -> Path:
    (folder / "campaigns").mkdir()
    (folder / "surgeplan.yaml").write_text(SYSTEM)
    (folder / "campaigns" / "d11.yaml").write_text(PLAN_TEXT)
    (folder / "checklist.yaml").write_text(f"schema_version: 1\nreadings:\n  {readings}\n")
    return folder


@needs_prometheus
def test_the_command_keeps_what_it_read(prometheus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = f"replicas: {{kind: prometheus, url: '{prometheus}', ready: ready, floor: floor}}"
    folder = workspace(tmp_path, query)
    for _ in range(2):
        code = main(["checklist", "d11", "--pull", "--workspace", str(folder), "--now", NOW.isoformat(), "--json"])
        assert code == 0
    kept = Readings.model_validate_json((folder / "evidence/d11/readings.json").read_text())
    assert (kept.read_from, len(kept.samples)) == ("prometheus", 21)
    assert '"evidence/d11/readings.json": "' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        ("replicas: {kind: prometheus, url: 'http://127.0.0.1:9', ready: up}", "http://127.0.0.1:9: does not answer"),
        ("{}", "checklist.yaml readings: names nothing to read"),
        ("replicas: {kind: nagios}", "checklist.yaml:3"),
    ],
)
def test_what_cannot_be_read_is_refused(
    readings: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workspace(tmp_path, readings)
    assert main(["gate", "d11", "G4", "--pull", "--workspace", str(folder)]) == 2
    assert told in capsys.readouterr().err
    assert not (folder / "evidence").exists()


KUBECTL = """#!/bin/sh
echo "$@" >> {log}
cat <<'END'
{answer}
END
"""
ANSWER = {
    "items": [
        {"kind": "Deployment", "metadata": {"name": "shop-web"}, "status": {"readyReplicas": 42}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "shop"},
         "spec": {"scaleTargetRef": {"name": "shop-web"}, "minReplicas": 40}},
    ]
}  # fmt: skip


def test_kubernetes_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, program = tmp_path / "log", tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.format(log=log, answer=json.dumps(ANSWER)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    source = KubernetesReplicas(kind="kubernetes", namespace="prod", context="east", deployments={"shop": "shop-web"})
    (sample,) = read_replicas(source, ("shop",), NOW)
    assert (sample.ready, sample.floor) == ({"shop": 42}, {"shop": 40})
    assert log.read_text().split() == (
        ["get", "deployments,horizontalpodautoscalers", "--namespace", "prod", "-o", "json", "--context", "east"]
    )
    program.write_text("#!/bin/sh\necho 'Unable to connect' >&2\nexit 1\n")
    with pytest.raises(UserError, match="kubectl: does not answer: Unable to connect"):
        read_replicas(source, ("shop",), NOW)
