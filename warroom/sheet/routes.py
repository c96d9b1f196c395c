"""The sheet in (file or pasted cells) and out (Excel); what it changes is shown before anything is saved."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from campaign.errors import UserError
from campaign.language import Text, _
from warroom.plans.differences import differences
from warroom.plans.file import version_of
from warroom.plans.form import Entries, Submitted, entries_of, submitted
from warroom.plans.routes import Form, asked_for, begins_at, campaign_of, draft_of, new_id
from warroom.plans.submission import text_of
from warroom.service.site import A_FILE, Sent, Site, sent_form
from warroom.sheet.bitable import bitable_of, exported
from warroom.sheet.joining import joined
from warroom.sheet.reading import About, read_sheet
from warroom.sheet.writing import write_plan_sheet

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Read(BaseModel):
    """A plan with a sheet's rows in it, not saved yet; problems: what keeps it from being saved."""

    content: dict[str, Any]
    opened: str
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def sheet_routes(site: Site) -> APIRouter:
    """Import and export of the sheet."""
    router = APIRouter()

    @router.post("/campaigns/{campaign}/sheet", include_in_schema=False)
    async def brought(request: Request, campaign: str) -> Response:
        return await run_in_threadpool(_brought, site, request, campaign, await sent_form(request))

    @router.post("/campaigns/new/plan", include_in_schema=False)
    async def begun(request: Request) -> Response:
        return await run_in_threadpool(_begun, site, request, await sent_form(request))

    @router.post("/api/campaigns/{campaign}/sheet", openapi_extra=A_FILE)
    async def read(
        request: Request, campaign: str, name: str = "sheet", link: str = "", starts_at: datetime | None = None
    ) -> Read:
        """What a sheet (Excel or CSV as the body, or the link of a Bitable table) makes of the plan, or of a new one
        that starts at `starts_at`; nothing is saved: save the content that is answered."""
        sent = Sent({"link": link}, "" if link else name, await request.body())
        return await run_in_threadpool(_read, site, request, campaign, sent, starts_at)

    @router.get(
        "/api/campaigns/{campaign}/sheet.xlsx", response_class=Response, responses={200: {"content": {EXCEL: {}}}}
    )
    @router.get("/campaigns/{campaign}/sheet.xlsx", include_in_schema=False)
    def taken(request: Request, campaign: str) -> Response:
        """The plan as the sheet that a team keeps."""
        site.person(request)
        workspace = site.workspace()
        plan = workspace.plan(campaign)
        form = Form(site, request, workspace, campaign, "")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sheet.xlsx"
            write_plan_sheet(path, plan, form.zone)
            headers = {"content-disposition": f'attachment; filename="{campaign}.xlsx"'}
            return Response(path.read_bytes(), media_type=EXCEL, headers=headers)

    return router


def _brought(site: Site, request: Request, campaign: str, sent: Sent) -> Response:
    """The form with the sheet's rows in it, unsaved, and what they change in words."""
    site.actor(request, sent.fields)
    form = _form(site, request, campaign)
    try:
        taken = _taken(form, form.before, sent)
    except UserError as error:
        return form.page(entries_of(form.before, form.zone), {}, error.problems, status=422)
    return _shown(form, taken)


def _begun(site: Site, request: Request, sent: Sent) -> Response:
    """A new campaign's form, with the sheet's rows in it where there is a sheet."""
    campaign, copy = sent.fields.get("id", "").strip(), sent.fields.get("copy", "")
    begins = sent.fields.get("starts_at", "")
    if not (sent.file_name or any(sent.fields.get(name, "").strip() for name in ("pasted", "link"))):
        draft = urlencode({"id": campaign, "starts_at": begins, "copy": copy})
        return RedirectResponse(f"/campaigns/new/plan?{draft}", 303)
    site.actor(request, sent.fields)
    try:
        content = draft_of(site, new_id(campaign), begins_at(begins), copy)
        form = Form(site, request, site.workspace(), campaign, "")
        taken = _taken(form, content, sent)
    except UserError as error:
        return asked_for(site, request, sent.fields, error.problems, 422)
    return _shown(form, taken)


def _shown(form: Form, taken: _Taken) -> Response:
    changed = bool(taken.changes)
    return form.page(taken.entries, *form.wrong(taken.read), brought=(*taken.changes, *taken.notes), changed=changed)


def _read(site: Site, request: Request, campaign: str, sent: Sent, starts_at: datetime | None) -> Read:
    """The same for programs."""
    site.carrier(request)
    if starts_at is None:
        form = _form(site, request, campaign)
        taken = _taken(form, form.before, sent)
    else:
        content = draft_of(site, campaign_of(campaign), starts_at, "")
        form = Form(site, request, site.workspace(), campaign, "")
        taken = _taken(form, content, sent)
    wrong, unplaced = form.wrong(taken.read)
    return Read(
        content=taken.read.content,
        opened=form.opened,
        changes=tuple(map(str, taken.changes)),
        notes=tuple(map(str, taken.notes)),
        problems=(*(f"{name}: {what}" for name, what in wrong.items()), *map(str, unplaced)),
    )


@dataclass(frozen=True)
class _Taken:
    """A plan with the sheet's rows, and what they change in words."""

    entries: Entries
    read: Submitted
    changes: tuple[Text, ...]
    notes: tuple[Text, ...]


def _form(site: Site, request: Request, campaign: str) -> Form:
    workspace = site.workspace()
    workspace.plan(campaign)
    return Form(site, request, workspace, campaign, version_of(text_of(site.folder, campaign)))


def _taken(form: Form, before: Mapping[str, Any], sent: Sent) -> _Taken:
    """The sheet's rows put into the plan as it was before.

    Raises:
        UserError: the sheet cannot be read.
    """
    sheet = read_sheet(*_given(sent), About(form.zone, before, form.workspace.settings.currency))
    elsewhere = (channel.name for plan in form.workspace.plans for channel in plan.channels)
    entries = joined(entries_of(before, form.zone), sheet, elsewhere)
    read = submitted(entries, before, form.zone)
    return _Taken(entries, read, differences(before, read.content, form.zone), tuple(sheet.notes))


def _given(sent: Sent) -> tuple[bytes, str]:
    """The sheet and what problems call it: a file, a Bitable link, or cells pasted."""
    link = sent.fields.get("link", "").strip()
    if sent.file_name:
        return sent.content, sent.file_name
    if link:
        return exported(bitable_of(link)), "Bitable"
    return sent.fields.get("pasted", "").encode(), _("pasted cells")
