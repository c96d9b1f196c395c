"""The one part of a plan's file that is no plan: `observed`, written after the campaign."""

from __future__ import annotations

import hashlib
from pathlib import Path

KEY = "observed"


def cut_observed(text: str) -> tuple[str, str, str]:
    """Before, the lines of, and after the top-level key `observed`; the block is empty where there is none."""
    lines = text.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if line.startswith(f"{KEY}:")), None)
    if first is None:
        return text, "", ""
    last = first + 1
    while last < len(lines) and lines[last][:1] in " \t" and lines[last].strip():
        last += 1
    return "".join(lines[:first]), "".join(lines[first:last]), "".join(lines[last:])


def planned_sha256(file: Path) -> str:
    """Hex digest of a plan's file without `observed`: what it was before anybody wrote down what came."""
    with open(file, encoding="utf-8", newline="") as stream:
        before, _, after = cut_observed(stream.read())
    return hashlib.sha256((before + after).encode()).hexdigest()
