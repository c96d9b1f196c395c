"""Drafts weeks before the start: past campaigns are forecast again from as far away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from small_shop import sale

from forecast.backtest.leads import LEADS_DAYS, nearest_lead

PLAN = sale(60)


@pytest.mark.parametrize(
    ("days", "lead"), [(0.5, 3), (3, 3), (5.5, 7), (9, 7), (14, 14), (19, 21), (25, 28), (28, 28), (60, 28)]
)
def test_the_nearest_of_the_five_leads_is_tested(days: float, lead: float) -> None:
    assert nearest_lead(PLAN, PLAN.starts_at - timedelta(days=days)) == lead


def test_the_five_leads_are_those_of_the_drafts_and_the_hand_over() -> None:
    assert LEADS_DAYS == (3, 7, 14, 21, 28)
