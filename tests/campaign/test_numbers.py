"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from campaign.language import Language, use_language
from campaign.numbers import local_minute, minute_of_day, percent, spoken


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


@pytest.mark.parametrize(
    ("language", "value", "words"),
    [
        ("en", 0, "0"),
        ("en", 0.0456, "0.0456"),
        ("en", 7, "7"),
        ("en", 12.34, "12.3"),
        ("en", 1838.2, "1,840"),
        ("en", 38_049, "38,000"),
        ("en", 3_200_000, "3.2 M"),
        ("zh", 1838.2, "1,840"),
        ("zh", 38_049, "3.8 万"),
        ("zh", 2_400_000, "240 万"),
        ("zh", 232_100_000, "2.32 亿"),
    ],
)
def test_quantities_have_three_significant_digits(language: Language, value: float, words: str) -> None:
    use_language(language)
    assert spoken(value) == words


def test_ratios_are_percent() -> None:
    assert [percent(r) for r in (0, 0.004, 0.051, 0.3, 1.41)] == ["0 %", "0.4 %", "5.1 %", "30 %", "141 %"]


def test_people_see_the_campaigns_own_zone() -> None:
    instant = datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert local_minute(instant, ZoneInfo("Asia/Shanghai")) == "11-10 20:00"
    assert local_minute(instant, ZoneInfo("Asia/Shanghai"), year=True) == "2026-11-10 20:00"


def test_a_minute_of_another_day_says_its_date() -> None:
    zone, now = ZoneInfo("Asia/Shanghai"), datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert minute_of_day(datetime(2026, 11, 10, 15, 59, tzinfo=UTC), now, zone) == "23:59"
    assert minute_of_day(datetime(2026, 11, 10, 16, 0, tzinfo=UTC), now, zone) == "11-11 00:00"
