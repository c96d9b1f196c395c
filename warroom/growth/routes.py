"""`/growth`: early warning by level, shared objectives and the coming meeting on one page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup
from pydantic import BaseModel

from campaign.errors import UserError
from campaign.language import Text, _, say
from campaign.numbers import local_minute
from metrics.dictionary import Dictionary
from playbooks.growth.figures import figure
from playbooks.growth.objectives import KeyResult
from playbooks.growth.pages import page_values, teams
from warroom.drawing import AMBER, BLUE, GREEN, GREY, RED
from warroom.growth.board import Board, Row, State, Warning
from warroom.growth.gather import Boards, Read
from warroom.live.policy import rules_of
from warroom.service.site import Site
from warroom.sparkline import sparkline

STATES: dict[State, Text] = {
    "red": say("act"),
    "amber": say("watch"),
    "well": say("well"),
    "unknown": say("not judged"),
}
LEVELS = {1: say("Level 1: marketing"), 2: say("Level 2: operations"), 3: say("Level 3: the whole company")}
BADGES: dict[State, str] = {"red": "fail", "amber": "watch", "well": "pass", "unknown": ""}
COLOURS: dict[State, str] = {"red": RED, "amber": AMBER, "well": GREEN, "unknown": GREY}


class Judged(BaseModel):
    """A rule on one split, on the newest day that could be judged; limit: the value at which it is hit on that day."""

    split: str
    state: State
    value: float | None
    limit: float | None
    day: date | None


class Warned(BaseModel):
    """An early warning, the worst split first; missing: the metrics for want of which it is not judged."""

    id: str
    title: str
    level: int
    metric: str
    state: State
    judged: tuple[Judged, ...]
    missing: tuple[str, ...]
    action: str


class Aimed(BaseModel):
    """A shared objective today."""

    metric: str
    target: float
    now: float | None
    as_of: date | None
    progress_ratio: float | None
    met: bool


class Meets(BaseModel):
    title: str
    starts_at: datetime


class Growth(BaseModel):
    """The board for programs; newest: the newest day with values."""

    newest: date | None
    warnings: tuple[Warned, ...]
    objectives: tuple[Aimed, ...]
    meetings: tuple[Meets, ...]


def growth_routes(site: Site) -> APIRouter:
    """The board; without daily values its rules alone, and what is missing."""
    router, boards = APIRouter(), Boards(site)

    @router.get("/api/growth")
    def as_json(request: Request) -> Growth:
        """Early warnings by level, shared objectives and the coming meetings; refused without daily values."""
        site.person(request)
        return _told(boards.newest())

    @router.get("/growth", include_in_schema=False)
    def growth(request: Request) -> Response:
        site.person(request)
        try:
            read = boards.newest()
        except UserError as error:
            rules = rules_of(site.workspace())  # where these are wrong the sentence alone is the page
            watched = [rule for rule in rules.rules if rule.enabled]
            words: dict[str, Any] = {"problems": error.problems, "rules": watched, "levels": LEVELS, "teams": teams}
            return site.page(request, "growth_without.html", **words)
        return site.page(request, "growth.html", **_shown(read, site.workspace().settings.currency))

    return router


def _told(read: Read) -> Growth:
    return Growth(
        newest=read.board.agenda.newest,
        warnings=tuple(_warned(warning) for level in read.board.levels for warning in level.warnings),
        objectives=tuple(_aimed(result) for result in read.board.agenda.objectives),
        meetings=tuple(Meets(title=str(meeting.title), starts_at=at) for meeting, at in read.meetings),
    )


def _warned(warning: Warning) -> Warned:
    rule = warning.rule
    return Warned(
        id=rule.id,
        title=str(rule.title),
        level=rule.level,
        metric=rule.metric,
        state=warning.state,
        judged=tuple(
            Judged(split=r.split, state=r.state, value=r.value, limit=r.limit, day=r.day) for r in warning.rows
        ),
        missing=warning.missing,
        action=str(rule.action),
    )


def _aimed(result: KeyResult) -> Aimed:
    return Aimed(
        metric=result.objective.metric,
        target=result.target,
        now=result.now,
        as_of=result.as_of,
        progress_ratio=result.progress_ratio,
        met=result.met,
    )


def _shown(read: Read, currency: str) -> dict[str, Any]:
    board, dictionary = read.board, read.dictionary
    values = page_values(board.agenda, dictionary, currency) | {"pictures": _trends(board, dictionary)}
    return values | {
        "board": board,
        "levels": LEVELS,
        "states": STATES,
        "badges": BADGES,
        "row": lambda warning, row: row_words(warning, row, dictionary, board.agenda.newest),
        "line": lambda warning, row: row_line(warning, row, dictionary),
        "meetings": [(meeting.title, local_minute(at, at.tzinfo)) for meeting, at in read.meetings],  # type: ignore[arg-type]
    }


def row_words(warning: Warning, row: Row, dictionary: Dictionary, newest: date | None) -> str:
    """`1.67 · limit 2.11`, with its day where that is not the newest: campaigns and days with little are not judged."""
    if row.value is None or row.limit is None:
        return _("no day that could be judged")
    value, limit = (figure(each, warning.rule.metric, dictionary.definitions) for each in (row.value, row.limit))
    said = _("{value} · limit {limit}").format(value=value, limit=limit)
    return said if row.day == newest else _("{said} · on {day}, the last that counts").format(said=said, day=row.day)


def row_line(warning: Warning, row: Row, dictionary: Dictionary) -> Markup:
    label = _("{metric}, {split}: last {n} days").format(
        metric=dictionary.definitions[warning.rule.metric].title, split=row.split, n=len(row.values)
    )
    return sparkline(row.values, row.limits, label, COLOURS[row.state])


def _trends(board: Board, dictionary: Dictionary) -> dict[str, Markup]:
    targets = {result.objective.metric: result.target for result in board.agenda.objectives}
    found = {}
    for metric, values in board.trends.items():
        label = _("{metric}: last {n} days").format(metric=dictionary.definitions[metric].title, n=len(values))
        found[metric] = sparkline(values, [targets[metric]] * len(values), label, BLUE)
    return found
