"""The page that says why: bridge, effects, marketing's figure, assumptions, in both languages, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from small_shop import SETTINGS, sale, shop

from campaign.demand import DemandPaths
from campaign.language import use_language
from campaign.traffic import Bridge, BridgeStep
from forecast.epochs import HOUR, epoch, naive_utc
from forecast.evidence import known_before
from forecast.explain.bridge import told
from forecast.explain.why import bridge_rows, effect_rows, expected_rows, why_page
from forecast.model import Forecast, build_traffic_model

PAST = tuple(sale(day) for day in (20, 30, 41))
NEXT = sale(52, name="Spring <b>sale</b> & more", expected={"sessions": 123_000})
AS_OF = NEXT.starts_at - timedelta(days=3)


@cache
def forecast() -> Forecast:
    made, _ = shop(PAST, 50)
    known = known_before(made, epoch(AS_OF))
    return build_traffic_model(known, NEXT, (*PAST, NEXT), SETTINGS, AS_OF, 0, paths=200, prophet=False)


def demand() -> DemandPaths:
    hours = epoch(NEXT.starts_at) + HOUR * np.arange(-24, 48)
    ones = np.ones((200, len(hours)), dtype=np.float32)
    return DemandPaths(
        ones * 1000, ones * 30, np.zeros((200, 0, 144), np.float32), (), naive_utc(hours), naive_utc(hours)
    )


def page() -> str:
    return why_page(forecast().model, NEXT, demand(), "<?xml version='1.0'?>\n<svg id='drawn'></svg>", SETTINGS)


class Balanced(HTMLParser):
    """Fails on tags that close what is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_part_of_the_explanation_is_there() -> None:
    found = page()
    for heading in (
        "From last time to this time",
        "Marketing&#39;s figure beside the forecast",
        "What each channel and moment adds",
        "Past campaigns it learned from",
        "Taken for granted",
    ):
        assert heading in found
    assert "<svg id='drawn'>" in found
    assert "<?xml" not in found
    assert "last comparable: sale-41" in found
    assert "Spring &lt;b&gt;sale&lt;/b&gt; &amp; more" in found
    checked = Balanced()
    checked.feed(found)
    assert checked.open == []


def test_in_chinese_no_english_sentence_is_left() -> None:
    use_language("zh")
    found = page()
    use_language("en")
    assert "从上一场到这一场" in found
    assert "市场预期与预测对照" in found
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", found, flags=re.DOTALL)
    assert not re.search(r"[a-z]+ [a-z]+ [a-z]+ [a-z]+", text)
    assert text.count("开售") >= 2  # in the bridge and among what each moment adds
    assert "opening" not in text


def test_the_bridge_begins_with_what_came_and_ends_at_p90() -> None:
    rows = bridge_rows(forecast().model)
    assert rows[0].name == "last comparable: sale-41"
    assert rows[-1].name == "uncertainty, up to p90"
    assert rows[-1].figures[0].startswith("+")
    assert bridge_rows(forecast().model.model_copy(update={"bridge": None})) == []


def test_the_bridge_as_it_is_told_adds_up_with_small_steps_as_one() -> None:
    changes = {"luck": -200.0, "ordinary traffic": 5.0, "flash-sale": 30.0, "push": -8.0, "unseen minutes": 50.0}
    reached = 1000 + np.cumsum([*changes.values(), 300.0])
    steps = [
        BridgeStep(step=name, change_requests_per_second=change, reaches_requests_per_second=after)
        for (name, change), after in zip([*changes.items(), ("uncertainty", 300.0)], reached, strict=True)
    ]
    whole = Bridge(
        from_campaign="last", from_peak_requests_per_second=1000, from_peak_at_utc=NEXT.starts_at, steps=tuple(steps)
    )
    found = [(s.step, s.change_requests_per_second, s.reaches_requests_per_second) for s in told(whole)]
    assert found == [
        ("luck", -200, 800), ("flash-sale", 30, 830), ("unseen minutes", 50, 880), ("smaller steps", -3, 877),
        ("uncertainty", 300, 1177),
    ]  # fmt: skip
    alone = whole.model_copy(update={"steps": (steps[0], steps[3], steps[5])})
    assert [step.step for step in told(alone)] == ["luck", "push", "uncertainty"]


def test_effects_of_one_driver_are_added_over_services() -> None:
    zone = SETTINGS.zone
    rows = effect_rows(forecast().model, zone)
    assert [row.name.partition(" · ")[0] for row in rows].count("opening") == 1
    assert {row.name.partition(" · ")[0] for row in rows} == {"opening", "push", "the campaign itself"}


@pytest.mark.parametrize(("expected", "shown"), [({"sessions": 123_000}, "123,000"), ({}, "–")])
def test_marketings_figure_stands_beside_the_campaigns_own_hours(expected: dict[str, float], shown: str) -> None:
    sessions, orders = expected_rows(NEXT.model_copy(update={"expected": expected}), demand())
    assert sessions.figures[0] == shown or sessions.figures[0].startswith(shown[:3])
    assert sessions.figures[1].replace(",", "") == "8000"
    assert orders.figures[1] == "240"


def test_a_campaign_without_a_past_has_no_bridge_on_its_page() -> None:
    alone = replace(forecast(), model=forecast().model.model_copy(update={"bridge": None, "learned_from": ()}))
    found = why_page(alone.model, NEXT, demand(), "<svg></svg>", SETTINGS)
    assert "From last time to this time" not in found
    assert "Past campaigns it learned from" not in found
