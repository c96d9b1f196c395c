"""What the live side proves by itself: hours synced, head-room before sends, scaled down without errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.plan import Channel, Plan, Send
from campaign.settings import Replicas, Service, ServiceLevelObjective, Settings
from campaign.store.database import Database, address
from campaign.store.live import LiveStore, Measured
from campaign.traffic import Quantiles
from playbooks.autoscaling import plan as scaling
from playbooks.readiness.checks import found
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.live_evidence import LiveEvidence, live_evidence
from playbooks.readiness.readings import Readings, Sample

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
END = START + timedelta(hours=4)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SENDS = (Send(at=START + HOUR, reach=1000), Send(at=START + 3 * HOUR, reach=1000))
PLAN = Plan(id="d11", kind="flagship", starts_at=START, ends_at=END, channels=(Channel(name="app-push", sends=SENDS),))
SHOP = Service(name="shop", slo=ServiceLevelObjective(error_ratio=0.001), replicas=Replicas(today=8))
SETTINGS = Settings(time_zone="Asia/Shanghai", services=(SHOP,))


def finding(check: str, now: datetime, **given: object) -> tuple[str, str]:
    counts = scaling.ReplicaCounts(
        today=8, floor=6, most=100, peak=60, needed=Quantiles(p10=40, p50=50, p90=60, p99=70)
    )
    service = scaling.ServicePlan.model_construct(verdict="scheduled", steps=(), limits_hit=(), replicas=counts)
    plan = scaling.AutoscalingPlan.model_construct(campaign="d11", model="t1", services={"shop": service})
    base = Evidence(plan=PLAN, settings=SETTINGS, plan_hashes=frozenset(), autoscaling=plan)
    came = found(check, replace(base, **given), now)  # type: ignore[arg-type]
    return came.state, str(came.note or "")


def synced(*minutes: int | None) -> LiveEvidence:
    """Hours whose sync ended so many minutes after they closed; None for one that was not synced."""
    ends = {START + n * HOUR: START + (n + 1) * HOUR + m * MINUTE for n, m in enumerate(minutes) if m is not None}
    return LiveEvidence(synced=ends)


@pytest.mark.parametrize(
    ("minutes", "state", "note"),
    [
        ((8, 9), "pass", "2 hours synced by quarter past"),
        ((8, 16), "fail", "not synced by quarter past: 11-10 21:00"),
        ((8, None), "fail", "not synced by quarter past: 11-10 21:00"),
        ((None, 8), "fail", "not synced by quarter past: 11-10 20:00"),
        ((), "pending", ""),
    ],
)
def test_each_hour_is_synced_by_quarter_past(minutes: tuple[int | None, ...], state: str, note: str) -> None:
    now = START + 2 * HOUR + 20 * MINUTE
    assert finding("hourly-sync", now, live=synced(*minutes)) == (state, note)


def test_an_hour_that_has_just_closed_is_not_late_yet() -> None:
    assert finding("hourly-sync", START + 2 * HOUR + 14 * MINUTE, live=synced(8))[0] == "pass"


def test_headroom_is_looked_at_before_each_send() -> None:
    first, second = (send.at for send in SENDS)
    after = second + MINUTE
    assert finding("push-headroom", START, live=LiveEvidence())[0] == "pending"
    assert finding("push-headroom", first + MINUTE, live=LiveEvidence(headroom={first: 0.2})) == (
        "pass", "least head-room before a send: 20 %",
    )  # fmt: skip
    assert finding("push-headroom", after, live=LiveEvidence(headroom={first: 0.2}))[0] == "pending"
    short = LiveEvidence(headroom={first: 0.2, second: -0.12})
    assert finding("push-headroom", after, live=short) == ("fail", "11-10 23:00: p90 was 12 % above the capacity")


def after_the_end(floor: float, errors: float, minutes: int = 31) -> dict[str, object]:
    at = END + 3 * HOUR
    sample = Sample(at_utc=at, ready={"shop": 20}, floor={"shop": floor})
    ratios = {at - n * MINUTE: errors for n in range(minutes)}
    return {"readings": Readings(samples=(sample,)), "live": LiveEvidence(errors={"shop": ratios})}


@pytest.mark.parametrize(
    ("given", "state", "note"),
    [
        (after_the_end(8, 0.0005), "pass", ""),
        (after_the_end(9, 0.0005), "pending", "shop is held at 9, usual 8"),
        (after_the_end(6, 0.004), "fail", "shop: 0.4 % errors since it was scaled down"),
        (after_the_end(6, 0.0005, 20), "pending", "shop: errors were not read for half an hour"),
    ],
)
def test_scaled_down_is_the_usual_floor_and_half_an_hour_without_errors(
    given: dict[str, object], state: str, note: str
) -> None:
    assert finding("scaled-down", END + 4 * HOUR, **given) == (state, note)


def test_readings_of_the_campaign_itself_do_not_prove_that_it_was_scaled_down() -> None:
    sample = Sample(at_utc=END - MINUTE, ready={"shop": 6})
    assert finding("scaled-down", END + HOUR, readings=Readings(samples=(sample,)))[0] == "pending"


def test_the_store_of_the_live_side_is_the_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    assert live_evidence(tmp_path, PLAN) == LiveEvidence()
    at, send = int(START.timestamp()), int(SENDS[0].at.timestamp())
    values = [
        Measured("synced", "total", 3600, at, at + 4100.0, True),
        Measured("push_headroom", str(send), 60, send - 120, 0.4, False),
        Measured("push_headroom", str(send), 60, send - 60, 0.3, False),
        Measured("error_ratio", "shop", 60, int(END.timestamp()), 0.01, False),
        Measured("error_ratio", "shop", 60, at, 0.5, False),
    ]
    LiveStore(Database(*address(tmp_path))).keep("d11", values)
    made = live_evidence(tmp_path, PLAN)
    assert made.synced == {START: datetime.fromtimestamp(at + 4100, UTC)}
    assert made.headroom == {SENDS[0].at: 0.3}
    assert made.errors == {"shop": {END: 0.01}}
