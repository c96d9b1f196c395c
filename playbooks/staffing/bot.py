"""What the bot leaves for people: handled, contained and resolved are different shares, each a range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import triang

from campaign.settings import Bot, RatioRange

Floats = NDArray[np.float64]


def human_contacts(
    contacts: NDArray[np.floating],
    bot: Bot | None,
    recontact_hours: float,
    interval_hours: float = 0.5,
    draws: Floats | None = None,
    up_ratio: Floats | float = 1.0,
) -> Floats:
    """Contacts that reach a person, [path, interval].

    contacts: all that reach the desk or its bot. A path keeps one draw of the bot's shares throughout; even ones
    without `draws` [path]. What is contained but not resolved comes back with an exponential delay of mean
    `recontact_hours`. up_ratio: of each interval, how much the bot is there to answer.
    """
    gross = np.asarray(contacts, dtype=np.float64)
    if bot is None:
        return gross
    drawn_at = even_draws(len(gross)) if draws is None else draws
    contained, _resolved = _shares(bot, drawn_at)
    answered = gross * up_ratio
    return gross - answered * contained + contacts_coming_back(answered, bot, recontact_hours, interval_hours, drawn_at)


def contacts_coming_back(
    contacts: NDArray[np.floating],
    bot: Bot | None,
    recontact_hours: float,
    interval_hours: float = 0.5,
    draws: Floats | None = None,
) -> Floats:
    """Of `human_contacts`, those that the bot had contained without resolving them."""
    gross = np.asarray(contacts, dtype=np.float64)
    if bot is None:
        return np.zeros_like(gross)
    contained, resolved = _shares(bot, even_draws(len(gross)) if draws is None else draws)
    decay = np.exp(-interval_hours / recontact_hours)
    back = lfilter([0.0, 1 - decay], [1.0, -decay], gross, axis=-1)
    found: Floats = back * (contained - resolved)
    return found


def _shares(bot: Bot, draws: Floats) -> tuple[Floats, Floats]:
    """Contained and resolved shares by path, [path, 1], for one draw a path."""
    resolved = drawn(bot.resolved_ratio, draws[:, None])
    contained = drawn(bot.contained_ratio, draws[:, None]) if bot.contained_ratio else resolved
    return np.maximum(contained, resolved), resolved


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
    """The same bot resolving (and containing) `points` fewer of a hundred contacts; more where they are negative."""
    lower = {
        name: None if ratio is None else _lowered(ratio, points / 100)
        for name, ratio in (("contained_ratio", bot.contained_ratio), ("resolved_ratio", bot.resolved_ratio))
    }
    return bot.model_copy(update=lower)


def _lowered(ratio: RatioRange, by: float) -> RatioRange:
    low, mid, high = (min(max(0.0, value - by), 1.0) for value in (ratio.low, ratio.mid, ratio.high))
    return RatioRange(low=low, mid=mid, high=high)
