"""What methods and measures are called."""

from __future__ import annotations

from campaign.language import Text, say
from warroom.retrospective.records import LAST_CAMPAIGN, LAST_WEEK, OURS, YESTERDAY

METHOD_LABELS: dict[str, Text] = {
    OURS: say("this forecast"),
    LAST_WEEK: say("the same hours of last week"),
    YESTERDAY: say("the same hours of the last known day"),
    LAST_CAMPAIGN: say("the last campaign of this kind"),
    "prophet": say("Prophet"),
    "prophet-events": say("Prophet with events"),
}
MEASURE_LABELS: dict[str, Text] = {
    "sessions": say("sessions"),
    "orders": say("orders"),
    "contacts": say("contacts"),
    "reach": say("reach"),
    "viewers": say("viewers"),
    "spend": say("spend"),
    "active_users": say("daily actives"),
    "requests": say("requests"),
}


def named(labels: dict[str, Text], name: str) -> str:
    return str(labels.get(name, name))
