"""The rehearsal's picture as phones show it: many services with long names, two things of one name, every colour."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from campaign.language import use_language
from campaign.traffic import Quantiles
from campaign.words import Words
from playbooks.rehearsal.chart import draw_rehearsal
from playbooks.rehearsal.record import Break, CurvePoint, DeskOutcome, Interval, Rehearsal
from tests.pictures import badly_placed, on_a_phone, too_small
from tests.warroom.phones import chromium

__all__ = ["chromium"]
pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
NONE = Quantiles(p10=0, p50=0, p90=0, p99=0)
SURE, OPEN, BROKEN = Interval(low=0, high=0.005), Interval(low=0.002, high=0.03), Interval(low=0.4, high=0.6)


def broken(name: str, interval: Interval) -> Break:
    middle = (interval.low + interval.high) / 2
    return Break(
        kind="service", name=name, event_ratio=middle, event_interval=interval, worst_minute_ratio=middle,
        worst_minute_interval=interval, worst_at_utc=AT,
    )  # fmt: skip


def rehearsal(*breaks: Break) -> Rehearsal:
    desk = DeskOutcome(
        desk="chat", target_ratio=0.8, within_seconds=60, accepted_ratio=0.1, breaks_ratio=0.5, breaks_interval=BROKEN,
        half_hour_ratio=0.5, worst_at_utc=AT, level_ratio=NONE, longest_wait_minutes=NONE, given_up=NONE,
        attempts_mean=1,
    )  # fmt: skip
    curve = [
        CurvePoint(floor_factor=f, replica_hours=900 * f, cost=2_400_000 * f, lost_orders=0, event_ratio=0.3 / f**8)
        for f in (0.8, 0.9, 1, 1.1, 1.25)
    ]
    return Rehearsal(
        campaign="c", model="m", playbook="p", seed=0, paths=100, tick_seconds=15, verdict="no-go",
        why=Words(en="so", zh="因此"), appetite_probability_per_minute=0.01, breaks=breaks, lost_orders=NONE,
        lost_orders_mean=0, value_lost=None, value_lost_mean=None, currency="CNY", replica_hours=900, cost=2_400_000,
        binding=None, desks=(desk,), levers=(), curve=tuple(curve), stories=(), assumptions=(),
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_many_services_with_long_names_can_be_read(tmp_path: Path, chromium: Browser, language: str) -> None:
    use_language(language)  # type: ignore[arg-type]
    names = [f"recommendation-service-of-the-second-generation-{i}" for i in range(30)]
    breaks = [broken(name, (SURE, OPEN, BROKEN)[i % 3]) for i, name in enumerate(names)]
    draw_rehearsal(tmp_path / "rehearsal.svg", rehearsal(*breaks), ZoneInfo("Asia/Shanghai"))
    page = on_a_phone(chromium, tmp_path / "rehearsal.svg")
    assert too_small(page) == []
    assert badly_placed(page) == []
    words = page.locator("svg text").all_text_contents()
    said = {
        "en": ["more than accepted", "too few paths to say", "the worst 12 of 31"],
        "zh": ["超出可接受", "路径太少，不能定论", "共 31 项，只画最差的 12 项"],
    }[language]
    assert set(said) <= set(words)
    assert sum(word.endswith("11-10 20:00") for word in words) == 12
    assert sum(word.startswith("50 %") for word in words) == 11  # the ten broken ones and the desk come first


def test_only_colours_that_are_seen_are_explained_and_a_service_and_a_desk_of_one_name_are_two(
    tmp_path: Path, chromium: Browser
) -> None:
    draw_rehearsal(tmp_path / "rehearsal.svg", rehearsal(broken("chat", SURE)), ZoneInfo("Asia/Shanghai"))
    page = on_a_phone(chromium, tmp_path / "rehearsal.svg")
    words = page.locator("svg text").all_text_contents()
    assert words.count("chat") == 2
    assert "accepted" in words
    assert "too few paths to say" not in words
    assert badly_placed(page) == []
