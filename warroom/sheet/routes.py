"""The sheet in (file or pasted cells) and out (Excel); what it changes is shown before anything is saved."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from campaign.errors import UserError
from campaign.language import _
from warroom.plans.differences import differences
from warroom.plans.file import version_of
from warroom.plans.form import entries_of, submitted
from warroom.plans.routes import Form
from warroom.plans.submission import text_of
from warroom.service.site import Sent, Site, sent_form
from warroom.sheet.bitable import bitable_of, exported
from warroom.sheet.joining import joined
from warroom.sheet.reading import read_sheet
from warroom.sheet.writing import write_plan_sheet

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sheet_routes(site: Site) -> APIRouter:
    """Import and export of the sheet."""
    router = APIRouter(include_in_schema=False)

    @router.post("/campaigns/{campaign}/sheet")
    async def brought(request: Request, campaign: str) -> Response:
        return await run_in_threadpool(_brought, site, request, campaign, await sent_form(request))

    @router.get("/campaigns/{campaign}/sheet.xlsx")
    def taken(request: Request, campaign: str) -> Response:
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
    workspace = site.workspace()
    workspace.plan(campaign)
    form = Form(site, request, workspace, campaign, version_of(text_of(site.folder, campaign)))
    before = entries_of(form.before, form.zone)
    try:
        sheet = read_sheet(*_given(sent), form.zone)
    except UserError as error:
        return form.page(before, {}, error.problems, status=422)
    entries = joined(before, sheet)
    read = submitted(entries, form.before, form.zone)
    changes = differences(form.before, read.content, form.zone)
    return form.page(entries, *form.wrong(read), brought=(*changes, *sheet.notes), changed=bool(changes))


def _given(sent: Sent) -> tuple[bytes, str]:
    """The sheet and what problems call it: a file, a Bitable link, or cells pasted."""
    link = sent.fields.get("link", "").strip()
    if sent.file_name:
        return sent.content, sent.file_name
    if link:
        return exported(bitable_of(link)), "Bitable"
    return sent.fields.get("pasted", "").encode(), _("pasted cells")
