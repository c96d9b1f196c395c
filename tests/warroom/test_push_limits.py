"""A GO with limits is a rule: what somebody asks to push is sent no faster than it allows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaign.files import write_json
from campaign.limits import CampaignLimits, Cap
from campaign.workspace import open_workspace
from warroom.push.routes import capped_sentence, push_of, within_cap

ZONE = ZoneInfo("Asia/Shanghai")
PLAN = """id: drop
kind: sale
starts_at: 2026-03-10T20:00+08:00
ends_at: 2026-03-10T23:00+08:00
channels: [{name: app-push, sends: [{at: 2026-03-10T20:00+08:00, reach: 1000, per_second: 20000}]}]
"""


@pytest.mark.parametrize(
    ("usual", "cap", "rate"),
    [(None, None, None), (20.0, None, 20.0), (None, 5.0, 5.0), (20.0, 5.0, 5.0), (3.0, 5.0, 3.0)],
)
def test_a_push_is_as_usual_but_within_the_cap(usual: float | None, cap: float | None, rate: float | None) -> None:
    assert within_cap(usual, cap) == rate


def test_the_decisions_cap_holds_for_what_is_asked(tmp_path: Path) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    (tmp_path / "campaigns" / "drop.yaml").write_text(PLAN)
    workspace = open_workspace(tmp_path)
    plan = workspace.plan("drop")
    asked = ("500", "2026-03-10T21:00", "", ZONE, workspace)
    assert push_of(plan, *asked).send.per_second == 20000
    assert capped_sentence(workspace, plan) == ()
    cap = Cap(measure="push_per_second", at_most=5000, unit="messages/s")
    at = datetime(2026, 3, 9, tzinfo=UTC)
    limits = CampaignLimits(campaign="drop", decided_by="chen", decided_at_utc=at, caps=(cap,))
    write_json(workspace.out("drop") / "limits.json", limits.model_dump(mode="json"))
    assert push_of(plan, *asked).send.per_second == 5000
    assert [str(told) for told in capped_sentence(workspace, plan)] == [
        "the GO allows at most 5,000 messages per second"
    ]
