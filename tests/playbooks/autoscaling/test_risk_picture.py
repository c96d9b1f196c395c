"""Risk against cost as phones show it: levels that lie close together, with prices and without, in both languages."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from campaign.language import use_language
from playbooks.autoscaling.chart import draw_risk
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.policy import read_policy
from tests.pictures import badly_placed, on_a_phone, too_small
from tests.warroom.phones import chromium

__all__ = ["chromium"]
pytestmark = pytest.mark.slow
LONG = "recommendation-service-of-the-second-generation"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("priced", [True, False])
def test_every_level_of_risk_can_be_read_beside_what_it_costs(
    tmp_path: Path, chromium: Browser, published: Path, language: str, priced: bool
) -> None:
    use_language(language)  # type: ignore[arg-type]
    written = (published / "out/coupon-drop/playbook/autoscaling.json").read_text("utf-8")
    plan = AutoscalingPlan.model_validate_json(written)
    service = plan.services["storefront"]
    close = tuple(
        point.model_copy(update={"event_short_ratio": 0.005 - 0.001 * i, "cost": point.cost if priced else None})
        for i, point in enumerate(service.risk_against_cost)
    )
    services = plan.services | {LONG: service.model_copy(update={"risk_against_cost": close})}
    setting = Setting(plan.model_copy(update={"services": services}), read_policy(), ZoneInfo("Asia/Shanghai"))

    draw_risk(tmp_path / "risk.svg", setting)

    page = on_a_phone(chromium, tmp_path / "risk.svg")
    assert too_small(page) == []
    assert badly_placed(page) == []
    words = page.locator("svg text").all_text_contents()
    for level in ("p50", "p75", "p90", "p95", "p99"):
        assert words.count(level) == len(services)
    chosen, hours = {"en": ("(chosen)", "replica-hours"), "zh": ("（已选）", "副本小时")}[language]
    assert sum(chosen in word for word in words) == len(services)
    assert any("·" in word and hours in word for word in words) != priced
