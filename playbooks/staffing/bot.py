"""What the bot leaves for people: handled, contained and resolved are different shares, each a range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import triang

from campaign.settings import Bot, RatioRange

Floats = NDArray[np.float64]


def human_contacts(
    contacts: NDArray[np.floating], bot: Bot | None, recontact_hours: float, interval_hours: float = 0.5
) -> Floats:
    """Contacts that reach a person, [path, interval].

    contacts: all that reach the desk or its bot. A path keeps one draw of the bot's shares throughout. What is
    contained but not resolved comes back with an exponential delay of mean `recontact_hours`.
    """
    gross = np.asarray(contacts, dtype=np.float64)
    if bot is None:
        return gross
    contained, _resolved = _shares(bot, len(gross))
    return gross * (1 - contained) + contacts_coming_back(gross, bot, recontact_hours, interval_hours)


def contacts_coming_back(
    contacts: NDArray[np.floating], bot: Bot | None, recontact_hours: float, interval_hours: float = 0.5
) -> Floats:
    """Of `human_contacts`, those that the bot had contained without resolving them."""
    gross = np.asarray(contacts, dtype=np.float64)
    if bot is None:
        return np.zeros_like(gross)
    contained, resolved = _shares(bot, len(gross))
    decay = np.exp(-interval_hours / recontact_hours)
    back = lfilter([0.0, 1 - decay], [1.0, -decay], gross, axis=-1)
    found: Floats = back * (contained - resolved)
    return found


def _shares(bot: Bot, paths: int) -> tuple[Floats, Floats]:
    """Contained and resolved shares by path, [path, 1]."""
    draws = even_draws(paths)[:, None]
    resolved = drawn(bot.resolved_ratio, draws)
    return np.maximum(drawn(bot.contained_ratio, draws), resolved) if bot.contained_ratio else resolved, resolved


def even_draws(count: int) -> Floats:
    """`count` numbers spread evenly over (0, 1) in a fixed mixed order (van der Corput): the same for every plan."""
    draws = np.zeros(count)
    index, scale = np.arange(1, count + 1), 0.5
    while np.any(index > 0):
        draws += scale * (index % 2)
        index, scale = index // 2, scale / 2
    return draws


def drawn(ratio: RatioRange, draws: Floats) -> Floats:
    """The range as a triangular distribution, read at the draws."""
    width = ratio.high - ratio.low
    if width <= 0:
        return np.full_like(draws, ratio.mid)
    found: Floats = triang.ppf(draws, (ratio.mid - ratio.low) / width, loc=ratio.low, scale=width)
    return found


def with_less_deflection(bot: Bot, points: float) -> Bot:
    """The same bot resolving (and containing) `points` fewer of a hundred contacts."""
    lower = {
        name: None if ratio is None else _lowered(ratio, points / 100)
        for name, ratio in (("contained_ratio", bot.contained_ratio), ("resolved_ratio", bot.resolved_ratio))
    }
    return bot.model_copy(update=lower)


def _lowered(ratio: RatioRange, by: float) -> RatioRange:
    low, mid, high = (max(0.0, value - by) for value in (ratio.low, ratio.mid, ratio.high))
    return RatioRange(low=low, mid=mid, high=high)
