"""A line without axes, the size of a word: how a figure came to where it is, and the limit it is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from markupsafe import Markup

from campaign.pages import render

WIDTH, HEIGHT, EDGE = 120.0, 32.0, 3.0
Points = Sequence[float | None]


def sparkline(values: Points, limit: Points, label: str, colour: str) -> Markup:
    """Values one step apart, None where there is none; `limit` is dashed. Empty where nothing is known."""
    known = [value for value in (*values, *limit) if value is not None]
    if all(value is None for value in values):
        return Markup()
    low, high = min(known), max(known)
    height = (high - low) or 1.0

    def place(at: int, value: float) -> tuple[float, float]:
        x = EDGE + (WIDTH - 2 * EDGE) * at / max(len(values) - 1, 1)
        return x, EDGE + (HEIGHT - 2 * EDGE) * (high - value) / height

    last = max(at for at, value in enumerate(values) if value is not None)
    newest = values[last]
    assert newest is not None
    return Markup(
        render(
            "warroom",
            "sparkline.svg",
            width=WIDTH,
            height=HEIGHT,
            label=label,
            colour=colour,
            runs=[_joined(run, place) for run in _runs(values)],
            limits=[_joined(run, place) for run in _runs(limit)],
            end=place(last, newest),
        )
    )


def _runs(values: Points) -> list[list[tuple[int, float]]]:
    """Stretches without a gap."""
    pairs = list(enumerate(values))
    found = [[(at, v) for at, v in run if v is not None] for known, run in groupby(pairs, lambda p: p[1] is not None)]
    return [run for run in found if run]


def _joined(run: list[tuple[int, float]], place: Callable[[int, float], tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(at, value) for at, value in run))
