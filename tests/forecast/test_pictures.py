"""Pictures of history and back-tests as phones show them, with much in them, with little, and with nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from campaign.language import use_language
from campaign.workspace import open_workspace
from forecast.backtest.labels import METHOD_LABELS
from forecast.backtest.picture import chance_band, draw_backtest
from forecast.backtest.scores_file import LEVELS, BackTestFile, CampaignTest, MethodSummary, Reliability
from forecast.history import open_history
from forecast.history.picture import draw_history
from tests.pictures import badly_placed, on_a_phone, too_small
from tests.warroom.phones import chromium

__all__ = ["chromium"]

SHANGHAI = ZoneInfo("Asia/Shanghai")


def history_of(folder: Path, rates: dict[str, float], days: int) -> Path:
    """Hourly history at one rate for each service, with a night missing and a declared outage, test and bot."""
    window = "{starts_at: 2026-01-02T10:00+08:00, ends_at: 2026-01-02T12:00+08:00}"
    lines = [f"  - {{name: {name}}}" for name in rates]
    declared = ", ".join(f"{kind}: [{window}]" for kind in ("outages", "test_windows", "bots"))
    (folder / "surgeplan.yaml").write_text(
        "\n".join(
            ["schema_version: 1", "time_zone: Asia/Shanghai", "services:", *lines, f"history: {{{declared}}}", ""]
        )
    )
    (folder / "history").mkdir()
    hours = [t for t in pd.date_range("2026-01-01", periods=24 * days, freq="h") if not (t.day == 2 and t.hour < 6)]
    rows = [f"{t:%Y-%m-%dT%H:%M}+08:00,{name},{rate}" for name, rate in rates.items() for t in hours]
    (folder / "history" / "traffic.csv").write_text("\n".join(["starts_at,service,requests_per_second", *rows, ""]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("rates", "days"),
    [
        ({f"recommendation-service-of-the-second-generation-{i}": 3e6 / (i + 1) for i in range(30)}, 20),
        ({"shop": 0.0}, 500),
        ({"shop": 0.004}, 3),
        ({"shop": 20.0}, 40),
        ({"shop": 20.0}, 150),
    ],
)
def test_history_is_drawn_so_that_it_can_be_read(
    tmp_path: Path, chromium: Browser, rates: dict[str, float], days: int, language: str
) -> None:
    use_language(language)  # type: ignore[arg-type]
    history = open_history(open_workspace(history_of(tmp_path, rates, days)))
    draw_history(tmp_path / "history.svg", history, SHANGHAI)
    page = on_a_phone(chromium, tmp_path / "history.svg")
    assert too_small(page) == []
    assert badly_placed(page) == []
    words = "\n".join(page.locator("svg text").all_text_contents())
    of = {"en": "the busiest 8 of 30 services", "zh": "共 30 个服务，只画最忙的 8 个"}[language]
    assert (of in words) == (len(rates) == 30)
    for kind in {"en": ("gap", "probable outage", "load test", "probable bot"), "zh": ("缺数", "疑似故障")}[language]:
        assert kind in words


def back_test(campaigns: int) -> BackTestFile:
    """Every method 5 points worse than the one before, and peaks that stay below as often as they should."""
    names = ("surgeplan", "prophet-events", "prophet", "last-week")
    summaries = {
        name: MethodSummary(campaigns=campaigns, wape_ratio=0.05 + 0.05 * i, peak_error_ratio=0.1)
        for i, name in enumerate(names)
    }
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = CampaignTest(campaign="a", kind="sale", as_of_utc=at, peak_hour_requests_per_second=1, methods={})
    said = tuple(Reliability(level=level, share_ratio=round(level * campaigns) / campaigns) for level in LEVELS)
    return BackTestFile(
        lead_days=3, inputs={}, campaigns=(one,) * campaigns, over_all=summaries, by_kind={}, reliability=said,
        last_week_wins=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("campaigns", [1, 23])
def test_a_back_test_is_drawn_so_that_it_can_be_read(
    tmp_path: Path, chromium: Browser, campaigns: int, language: str
) -> None:
    use_language(language)  # type: ignore[arg-type]
    draw_backtest(tmp_path / "backtest.svg", back_test(campaigns))
    page = on_a_phone(chromium, tmp_path / "backtest.svg")
    assert too_small(page) == []
    assert badly_placed(page) == []
    words = page.locator("svg text").all_text_contents()
    assert [word for word in words if word[0].isdigit() and word.endswith("%")] == ["5.0 %", "10 %", "15 %", "20 %"]
    assert str(METHOD_LABELS["last-week"]) in words


def test_what_chance_allows_narrows_with_campaigns_and_holds_what_is_right() -> None:
    levels = np.array(LEVELS)
    few, many = chance_band(levels, 5), chance_band(levels, 200)
    assert (few[1] - few[0] > many[1] - many[0]).all()
    for low, high in (few, many):
        assert ((low <= levels) & (levels <= high)).all()
    low, high = chance_band(np.array([0.0, 1.0]), 5)
    assert (low.tolist(), high.tolist()) == ([0.0, 1.0], [0.0, 1.0])
