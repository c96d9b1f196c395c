from __future__ import annotations

import numpy as np
import pytest

from campaign.settings import Bot, RatioRange
from playbooks.staffing.bot import drawn, even_draws, human_contacts, with_less_deflection


def flat(value: float) -> RatioRange:
    return RatioRange(low=value, mid=value, high=value)


def test_without_a_bot_everything_reaches_people() -> None:
    contacts = np.ones((3, 4), dtype=np.float32)
    assert human_contacts(contacts, None, 12).tolist() == contacts.tolist()


def test_resolved_contacts_never_reach_people() -> None:
    found = human_contacts(np.full((2, 4), 100.0), Bot(resolved_ratio=flat(0.4)), 12)
    assert found == pytest.approx(60.0)


def test_contained_but_unresolved_contacts_come_back_later_and_none_is_lost() -> None:
    contacts = np.zeros((1, 400))
    contacts[0, 0] = 1000
    bot = Bot(contained_ratio=flat(0.7), resolved_ratio=flat(0.4))
    found = human_contacts(contacts, bot, 6)[0]
    assert found[0] == pytest.approx(300)
    assert 0 < found[1] < 300
    assert found.sum() == pytest.approx(600, rel=1e-6)
    assert (np.arange(400) * found * 0.5)[1:].sum() / found[1:].sum() == pytest.approx(6.25, rel=0.01)


def test_draws_are_even_fixed_and_span_the_range() -> None:
    draws = even_draws(255)
    assert np.sort(draws) == pytest.approx(np.arange(1, 256) / 256)
    shares = drawn(RatioRange(low=0.3, mid=0.45, high=0.6), draws)
    assert 0.3 < shares.min() < 0.32
    assert shares.mean() == pytest.approx(0.45, abs=1e-3)


def test_less_deflection_lowers_every_share_but_not_below_zero() -> None:
    bot = with_less_deflection(Bot(resolved_ratio=RatioRange(low=0.03, mid=0.2, high=0.3)), 5)
    assert bot.resolved_ratio.low == 0
    assert bot.resolved_ratio.mid == pytest.approx(0.15)
