"""Numbers and times as people read them: three significant digits, 万 in Chinese, the campaign's own zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Language, current_language

SCALES: dict[Language, tuple[tuple[float, str], ...]] = {
    "zh": ((1e8, " 亿"), (1e4, " 万")),
    "en": ((1e9, " bn"), (1e6, " M")),
}


def spoken(value: float, language: Language | None = None) -> str:
    """A quantity to three significant digits: `1,840`, `1.23 M`; `1.84 万` in Chinese."""
    for scale, word in SCALES[language or current_language()]:
        if abs(value) >= scale:
            return _three_digits(value / scale) + word
    return _three_digits(value)


@dataclass(frozen=True)
class Quantity:
    """A number as a value of a sentence that is said in any language later."""

    value: float

    def speak(self, language: Language) -> str:
        return spoken(self.value, language)


@dataclass(frozen=True)
class Change:
    """A difference as a value of a sentence: always with its sign, `+1,840` or `−1,840` (no line ends at a minus)."""

    value: float

    def speak(self, language: Language) -> str:
        sign = "+" if self.value > 0 else "−" if self.value < 0 else ""
        return sign + spoken(abs(self.value), language)


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 or rounded == int(rounded) else f"{rounded:,.3g}"


def percent(ratio: float) -> str:
    """A ratio (0–1) as whole percent, or with one digit below ten."""
    return f"{100 * ratio:.0f} %" if abs(ratio) >= 0.1 or ratio == 0 else f"{100 * ratio:.1f} %"


def local_minute(instant: datetime, zone: ZoneInfo, *, year: bool = False) -> str:
    """`11-10 20:00` in a zone; `2026-11-10 20:00` with the year."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M" if year else "%m-%d %H:%M")


def minute_of_day(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`20:00` of the day that it is `now` in a zone, `11-10 20:00` of any other."""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else local_minute(instant, zone)
