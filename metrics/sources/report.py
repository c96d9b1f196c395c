"""What a pull brought, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from campaign.console import table
from campaign.language import _
from metrics.sources.differences import difference_document
from metrics.sources.pull import Pulled


def pull_text(pulled: Sequence[Pulled], zone: ZoneInfo) -> str:
    """One line for each source, then what is worth saying."""
    headings = [_("source"), _("kind"), _("state"), _("new rows"), _("revised"), _("final until"), _("lateness")]
    rows = [_row(one, zone) for one in pulled]
    notes = [f"- {note}" for one in pulled for note in one.notes]
    # Sources that share a folder share its problems: each is said once.
    problems = list(dict.fromkeys(str(problem) for one in pulled for problem in one.problems))
    return "\n".join([table(headings, rows, left=3), *notes, *problems])


def _row(one: Pulled, zone: ZoneInfo) -> list[str]:
    words = {
        "ok": _("up to date"),
        "partial": _("partial"),
        "late": _("late"),
        "refused": _("has a problem"),
        "dead": _("does not answer"),
    }
    final = one.state.final_until_utc if one.state else None
    return [
        one.source.name,
        one.source.kind,
        words[one.status],
        f"{one.changes.added:,}",
        f"{one.changes.revised:,}",
        f"{final.astimezone(zone):%Y-%m-%d %H:%M}" if final else "-",
        _("{count} min").format(count=round(one.state.lateness_seconds / 60)) if one.state else "-",
    ]


def pull_document(pulled: Sequence[Pulled]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "schema_version": 1,
        "sources": [
            {
                "source": one.source.name,
                "kind": one.source.kind,
                "status": one.status,
                "rows_added": one.changes.added,
                "rows_revised": one.changes.revised,
                "final_rows_refused": [difference_document(d) for d in one.changes.refused],
                "final_rows_changed": [difference_document(d) for d in one.changes.accepted],
                **(one.state.model_dump(mode="json") if one.state else {}),
                "notes": [note.speak("en") for note in one.notes],
                "problems": [problem.as_json() for problem in one.problems],
            }
            for one in pulled
        ],
    }
