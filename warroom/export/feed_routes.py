"""The calendar behind a signed link: a phone's calendar has no cookie, so the link itself says what may be read."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from campaign.errors import UserError
from warroom.export.publish import feed_of
from warroom.service.site import NotThere, Site


def feed_routes(site: Site) -> APIRouter:
    """`/calendar/<token>.ics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/calendar/{token}.ics")
    def calendar(token: str) -> Response:
        campaign, workspace = site.door.feed_of(token), site.workspace()
        if campaign is None or all(plan.id != campaign for plan in workspace.plans):
            raise NotThere
        try:
            made = feed_of(workspace, site.review(campaign), site.clock())
        except UserError as error:
            return Response(f"{error}\n", 503, media_type="text/plain")  # a subscriber keeps what it has
        return Response(made, media_type="text/calendar; charset=utf-8")

    return router
