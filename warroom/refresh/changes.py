"""What a new forecast changed, in sentences, and only where it matters to somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import local_minute, percent, spoken
from campaign.traffic import TrafficModel

WORTH_TELLING_RATIO = 0.05
WORTH_TELLING = timedelta(minutes=10)


@dataclass(frozen=True)
class Level:
    """A forecast's peak as others planned with it."""

    p50: float
    p90: float
    at: datetime


def level_of(model: TrafficModel | None) -> Level | None:
    if model is None:
        return None
    peak = model.total.peak_requests_per_second
    return Level(peak.p50, peak.p90, model.total.peak_at_utc)


def told(before: Level | None, model: TrafficModel, zone: ZoneInfo) -> tuple[Text, ...]:
    """Empty where the peak moved by less than a twentieth and ten minutes."""
    after = level_of(model)
    assert after
    if before is None:
        first = say(
            "First forecast: peak {p50} requests/s, about one in ten above {p90}, at {at}.",
            p50=spoken(after.p50),
            p90=spoken(after.p90),
            at=local_minute(after.at, zone),
        )
        return (first,)
    sentences = []
    change = after.p90 / before.p90 - 1 if before.p90 else 0.0
    if abs(change) >= WORTH_TELLING_RATIO:
        words = say("The peak that is planned for (p90) rises by {percent}: {before} → {after} requests/s.")
        if change < 0:
            words = say("The peak that is planned for (p90) falls by {percent}: {before} → {after} requests/s.")
        values: dict[str, object] = {
            "percent": percent(abs(change)),
            "before": spoken(before.p90),
            "after": spoken(after.p90),
        }
        sentences.append(Text(words.message, values))
    if abs(after.at - before.at) >= WORTH_TELLING:
        old, new = local_minute(before.at, zone), local_minute(after.at, zone)
        sentences.append(say("The peak moves from {before} to {after}.", before=old, after=new))
    return tuple(sentences)
