"""Figures of a plan's sheet: a share is 0 to 1 however it is written."""

from __future__ import annotations

import re

from campaign.language import Text, say
from metrics.intake.quantities import is_bare, quantity_below, unit_in, unknown_unit

ABOUT = re.compile(
    r"^(?:约|大约|近|预计|预估|≈|~|about|approx\.?|ca\.?)\s*(?=\d)|(?<=[\d万亿kKwWM人])(?:\+|左右|上下)$"
)
"""Every figure of a plan is about so much."""


def plan_figure(heading: str, cell: object) -> float | Text | None:
    """What a cell says: 0.04 of `4%`, or of `4` below `打开率(%)`; None where it says nothing.

    A text where nobody knows what it says.
    """
    if isinstance(cell, str):
        cell = ABOUT.sub("", cell.strip())
    read = quantity_below(heading, cell)
    if read is not None and read.value is None:
        return None
    if read is None or read.value is None or read.unit not in ("", "%") or read.rate is not None:
        return say("{given} is not a number", given=str(cell))
    if unit := unknown_unit(heading):
        return say("{unit} is no unit of a plan: write it as (万) or (%), or the figure in full", unit=unit)
    if unit_in(heading).unit == "%" and is_bare(cell) and 0 < read.value <= 1:
        return say(
            "{given} below {heading} may be a share or percent: write it with its %", given=cell, heading=heading
        )
    return read.value / 100 if read.unit == "%" else read.value
