"""Segments written down: the table as JSON, and an audience's people as a list that a push system reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campaign.errors import Problem, UserError, nearest
from campaign.files import write_json, write_text
from campaign.language import say
from metrics.analysis.segments import SEGMENTS, Segmented, segment
from metrics.daily_values import hashes_of
from metrics.dictionary import Dictionary


def publish_segments(
    folder: Path, dictionary: Dictionary, data: Path, horizon_days: int, audience: list[str]
) -> tuple[Segmented, dict[str, Any], Path | None]:
    """Write `out/segments/segments.json` and, of an audience, `out/segments/<names>.csv`.

    Raises:
        UserError: an unknown segment, or orders that cannot be segmented.
    """
    problems = [
        Problem(say("there is no segment {name}", name=name), nearest(name, SEGMENTS), key="--audience")
        for name in audience
        if name not in SEGMENTS
    ]
    if problems:
        raise UserError(problems)
    made = segment(dictionary, data, horizon_days)
    document = _document(made, audience) | {"inputs": hashes_of(data)}
    out = folder / "out" / "segments"
    write_json(out / "segments.json", document)
    if not audience:
        return made, document, None
    file = out / f"{'+'.join(audience)}.csv"
    people = sorted({who for name in audience for who in made.members[name]})
    write_text(file, "user_id\n" + "".join(f"{who}\n" for who in people))
    return made, document, file


def _document(made: Segmented, audience: list[str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "as_of": made.as_of.isoformat(),
        "horizon_days": made.horizon_days,
        "segments": [
            {
                "segment": s.name,
                "customers": s.customers,
                "value_paid": s.paid,
                "value_ahead": None if s.ahead is None else {"low": s.ahead[0], "mean": s.ahead[1], "high": s.ahead[2]},
                "measured_customers": s.measured,
            }
            for s in made.segments
        ],
        "audience": {"segments": audience, "people": made.audience(audience)} if audience else None,
    }
