"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], aligned: str) -> list[str]:
    """A Markdown table; `aligned` has l or r for each column. Bars in texts are kept from splitting cells."""
    marks = {"l": ":--", "r": "--:"}
    lines = [headings, [marks[a] for a in aligned], *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
