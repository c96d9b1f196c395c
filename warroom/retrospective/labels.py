"""What methods and measures are called."""

from __future__ import annotations

from campaign.language import Text, say
from forecast.backtest.labels import METHOD_LABELS as FORECAST_LABELS
from warroom.retrospective.records import LAST_CAMPAIGN, YESTERDAY

METHOD_LABELS: dict[str, Text] = FORECAST_LABELS | {
    YESTERDAY: say("the same hours of the last known day"),
    LAST_CAMPAIGN: say("the last campaign of this kind"),
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
