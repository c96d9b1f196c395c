"""The growth meeting's page as a phone shows it: nothing to push aside, nothing too small, a unit on every figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from shops import CHANNELS, shop

from surgeplan.cli import main
from tests.pictures import english_words, on_a_phone, too_small
from tests.warroom.phones import chromium, is_as_wide_as_a_phone

__all__ = ["chromium"]
pytestmark = pytest.mark.slow

NOW = "2026-10-25T09:00+08:00"
EXPERIMENT = (
    "schema_version: 1\nid: copy\ntitle: {zh: 文案, en: Copy}\nmetric: orders\nusers_planned: 100\ncontrol: a\n"
    "variants: {a: {share: 1, users: 1000, successes: 80}, b: {share: 1, users: 1000, successes: 130}}\n"
)
SAID = {
    "en": [
        "at most 80 CNY/user; from 71.4 CNY/user to 71.4 CNY/user",
        "at least 35 %; from 36 % to 36 %",
        "38 points, below 40 points",
        "spend (CNY)",
        "LTV 220 CNY/user",
        "b: +5 (+2.3 … +7.7) percentage points",
        "Active users 96,000 users",
    ],
    "zh": [
        "不高于 80 CNY/人；从 71.4 CNY/人 到 71.4 CNY/人",
        "不低于 35 %；从 36 % 到 36 %",
        "38 分，低于 40 分",
        "花费（CNY）",
        "LTV 220 CNY/人",
        "b: +5（+2.3 … +7.7）个百分点",
        "活跃用户数 9.6 万 人",
    ],
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_figure_of_the_meeting_has_its_unit_and_fits_a_phone(
    tmp_path: Path, chromium: Browser, language: str
) -> None:
    folder = shop(tmp_path, fall=0.3, lost_clicks=0.3, nps=38)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "copy.yaml").write_text(EXPERIMENT, "utf-8")
    assert main(["rules", "meeting", "--workspace", str(folder), "--now", NOW, "--lang", language]) == 0
    page = on_a_phone(chromium, folder / "out" / "meetings" / "growth-2026-10-28" / "agenda.html")
    assert is_as_wide_as_a_phone(page)
    assert too_small(page) == []
    text = page.inner_text("body").replace("\N{NO-BREAK SPACE}", " ")
    assert [words for words in SAID[language] if words not in text] == []
    if language == "zh":
        assert english_words(page, *CHANNELS, "autumn", "Asia/Shanghai") == set()
