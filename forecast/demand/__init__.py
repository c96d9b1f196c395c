"""The people behind the requests, on the same path index as the traffic."""

from forecast.demand.people import (
    LAG_HOURS,
    LAG_REACH_HOURS,
    DemandRules,
    demand_paths,
    lagged,
    learn_demand,
    open_share,
)

__all__ = ["LAG_HOURS", "LAG_REACH_HOURS", "DemandRules", "demand_paths", "lagged", "learn_demand", "open_share"]
