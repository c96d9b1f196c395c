"""Why sources are not fresh is said once for each cause."""

from __future__ import annotations

from datetime import UTC, datetime

from campaign.language import Text, say
from warroom.live.records import Source
from warroom.live.sources.causes import by_cause

SIX, SEVEN = datetime(2026, 11, 10, 6, tzinfo=UTC), datetime(2026, 11, 10, 7, tzinfo=UTC)


def away(name: str, mark: datetime | None, reason: str) -> Source:
    why = say("{source}: {what}", source=name, what=say("does not answer: {reason}", reason=reason))
    return source(name, mark, why)


def source(name: str, mark: datetime | None, note: Text | None, measure: str = "p99_ms") -> Source:
    return Source(name, measure, mark, None, None, None, "dead", note)


def test_sources_of_one_cause_share_a_line_since_the_first_of_them_was_silent() -> None:
    found = by_cause([away("a", SEVEN, "refused"), away("b", SIX, "timeout"), away("c", None, "refused"),
                      away("d", SIX, "refused"), source("e", SIX, None)])  # fmt: skip
    assert [str(each.what) for each in found] == ["a, c, d: does not answer: refused", "b: does not answer: timeout"]
    assert [each.since for each in found] == [SIX, SIX]
    assert found[0].what.speak("zh") == "a、c、d：没有响应：refused"


def test_what_is_told_of_a_measure_is_told_of_all_that_are_meant() -> None:
    note = "{source}: no minutes came ({measure})"
    one = source("prom", SIX, Text(note, {"source": "prom", "measure": "requests"}), "requests")
    other = source("p99", SIX, Text(note, {"source": "p99", "measure": "p99_ms"}))
    (told,) = by_cause([one, other])
    assert str(told.what) == "prom, p99: no minutes came (requests, p99_ms)"
