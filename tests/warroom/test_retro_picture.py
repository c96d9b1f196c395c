"""The retrospective's picture: campaigns of any length."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from warroom.retrospective.picture import draw_retrospective
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets

MINUTE, HOUR, DAY = 60, 3600, 86400
OPENING = 1_794_312_000


@pytest.mark.parametrize(
    "lasts", [10 * MINUTE, 90 * MINUTE, 150 * MINUTE, 5 * HOUR, 14 * HOUR, 2 * DAY, 9 * DAY, 60 * DAY]
)
def test_a_campaign_of_any_length_is_drawn_with_dates_that_fit(tmp_path: Path, lasts: int) -> None:
    starts = np.arange(OPENING, OPENING + lasts, max(lasts // 40, MINUTE), dtype=np.int64)
    seconds = np.full(len(starts), starts[1] - starts[0])
    rates = np.linspace(100.0, 200.0, len(starts))

    real, band = Buckets(starts, seconds, rates), Band(starts, seconds, np.tile(rates, (4, 1)))
    for has_band in (True, False):
        draw_retrospective(tmp_path / "retro.png", real, band, ZoneInfo("UTC"), has_band=has_band)

    assert (tmp_path / "retro.png").stat().st_size > 0
