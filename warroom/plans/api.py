"""Plans for programs: the same checks, versions and commits as the pages, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from campaign.errors import Problem, UserError
from campaign.language import say
from warroom.plans.doubts import doubts
from warroom.plans.file import version_of
from warroom.plans.overview import card_of
from warroom.plans.routes import Foresee, Submission, campaign_of, draft_of, told_apart
from warroom.plans.submission import checked, content_of, is_frozen, submit, text_of
from warroom.service.site import NOT_YET, NotAllowed, NotThere, NotYet, Site


class Listed(BaseModel):
    """One campaign of the list."""

    id: str
    title: str
    when: str
    peak: str
    owes: tuple[str, ...]


class Opened(BaseModel):
    """A plan as its file says it, and the version that a change must name."""

    content: dict[str, Any]
    version: str
    frozen: bool


class Changed(BaseModel):
    """A plan to be saved in place of the version that was opened; empty for a new one."""

    content: dict[str, Any]
    opened: str = Field("", max_length=64)
    reason: str = Field("", max_length=2000)


class Saved(BaseModel):
    """What became of it: changes in words, and what did not go well although it is saved."""

    version: str
    changes: tuple[str, ...]
    troubles: tuple[str, ...]


class Previewed(BaseModel):
    """What a plan would do; doubts: what in it is hardly meant, and refused by nobody."""

    problems: tuple[dict[str, Any], ...] = ()
    sentences: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Drafted(BaseModel):
    """A plan that is not saved yet."""

    content: dict[str, Any]


class Told(BaseModel):
    """One earlier version, and what it changed in words."""

    commit: str
    author: str
    at: str
    subject: str
    reason: str
    changes: tuple[str, ...]


def plan_api(site: Site, foresee: Foresee, on_submission: Submission) -> APIRouter:
    """`/api/campaigns`."""
    router = APIRouter(prefix="/api/campaigns", tags=["plans"])

    @router.get("")
    def campaigns(request: Request) -> list[Listed]:
        """Every campaign, with its forecast peak and what its plan still owes."""
        site.person(request)
        workspace, now = site.workspace(), site.clock()
        cards = [card_of(workspace, plan, now) for plan in workspace.plans]
        return [Listed(id=c.id, title=c.title, when=c.when, peak=c.peak, owes=tuple(map(str, c.owes))) for c in cards]

    @router.get("/{campaign}")
    def plan(request: Request, campaign: str) -> Opened:
        """One plan and its version."""
        site.person(request)
        content = content_of(site.folder, campaign_of(campaign))
        if not content:
            raise NotThere
        frozen = is_frozen(site.workspace(), campaign, site.clock())
        return Opened(content=content, version=version_of(text_of(site.folder, campaign)), frozen=frozen)

    @router.put("/{campaign}", responses={409: {"description": "another version was saved since"}})
    def save(request: Request, campaign: str, changed: Changed) -> Saved:
        """Save a plan; refused with every problem at once, or where another version was saved since."""
        person = site.program(request)
        workspace = site.workspace()
        if changed.content.get("id") != campaign_of(campaign):
            raise UserError(Problem(say("the id differs from the address"), say("write {id}", id=campaign), key="id"))
        if is_frozen(workspace, campaign, site.clock()) and not changed.reason:
            raise NotAllowed(say("say why: others have planned with this plan"))
        zone = ZoneInfo(str(changed.content.get("time_zone") or workspace.settings.time_zone))
        done = submit(workspace, changed.content, changed.opened, person.name, changed.reason, zone)
        on_submission(campaign)
        version = version_of(text_of(site.folder, campaign))
        return Saved(version=version, changes=said(done.changes), troubles=said(done.troubles))

    @router.post("/{campaign}/preview", responses=NOT_YET)
    def preview(request: Request, campaign: str, content: dict[str, Any]) -> Previewed:
        """What a plan that is not saved would do, or what is wrong with it."""
        site.person(request)
        workspace = site.workspace()
        try:
            plan = checked({**content, "id": campaign_of(campaign)}, workspace.settings)
        except UserError as error:
            return Previewed(problems=told_of(error))
        asked = said(doubts(plan, workspace.plans, workspace.settings.zone_of(plan)))
        try:
            return Previewed(sentences=said(foresee(workspace, plan)), doubts=asked)
        except NotYet:
            raise
        except UserError as error:
            return Previewed(problems=told_of(error), doubts=asked)

    @router.get("/{campaign}/copy")
    def copy(request: Request, campaign: str, id: str, starts_at: datetime) -> Drafted:
        """The plan as the draft of a new one that starts at `starts_at`: everything in it moves by as much."""
        site.person(request)
        return Drafted(content=draft_of(site, campaign_of(id), starts_at, campaign_of(campaign)))

    @router.get("/{campaign}/revisions")
    def earlier(request: Request, campaign: str) -> list[Told]:
        """Earlier versions, newest first."""
        site.person(request)
        workspace = site.workspace()
        return [
            Told(
                commit=r.commit,
                author=r.author,
                at=r.at.isoformat(),
                subject=r.subject,
                reason=r.reason,
                changes=said(changes),
            )
            for r, changes in told_apart(workspace, workspace.plan(campaign_of(campaign)))
        ]

    return router


def told_of(error: UserError) -> tuple[dict[str, Any], ...]:
    return tuple(problem.as_json() for problem in error.problems)


def said(texts: Sequence[object]) -> tuple[str, ...]:
    """Texts in the reader's language."""
    return tuple(map(str, texts))
