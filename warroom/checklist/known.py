"""A campaign's checklist for a page: as it stands, else as it last could be read."""

from __future__ import annotations

from campaign.language import Text, say
from campaign.readiness import Checklist
from campaign.store.database import StoreAway
from warroom.service.site import Site


def known_checklist(site: Site, campaign: str, *, patient: bool = True) -> tuple[Checklist, Text | None]:
    """The checklist; where a newer cannot be read, the one before and a sentence that says so."""
    try:
        return site.review(campaign, patient=patient).checklist, None
    except StoreAway as error:
        known = site.known_review(campaign)
        if known is None:
            raise
        zone = site.workspace().settings.zone
        at = known.checklist.evaluated_at_utc.astimezone(zone).strftime("%m-%d %H:%M")
        what = say("What stands here is of {at}; newer cannot be read: {why}", at=at, why=error.problems[0].sentence())
        return known.checklist, what
