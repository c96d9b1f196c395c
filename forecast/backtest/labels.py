"""What the ways of forecasting are called to people; files keep their short names."""

from __future__ import annotations

from campaign.language import Text, say
from forecast.backtest.peers import LAST_WEEK, OURS, PROPHET, PROPHET_EVENTS
from forecast.stack.stack import ARMA, BOOSTING, PROPHET_HELD, STRUCTURAL

METHOD_LABELS: dict[str, Text] = {
    OURS: say("this forecast"),
    LAST_WEEK: say("the same hours of last week"),
    PROPHET: say("Prophet"),
    PROPHET_EVENTS: say("Prophet with events"),
    STRUCTURAL: say("structural model alone"),
    PROPHET_HELD: say("Prophet with events, trend held"),
    BOOSTING: say("gradient boosting"),
    ARMA: say("regression with ARMA errors"),
}
