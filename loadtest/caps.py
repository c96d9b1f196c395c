"""Caps of rate and duration: what a run may not exceed unless somebody says so."""

from __future__ import annotations

import numpy as np

from campaign.errors import Problem, UserError
from campaign.language import say
from loadtest.funnel import reach_ratios
from loadtest.policy import Safety
from loadtest.scenario import Scenario
from loadtest.schedule import stream_rates


def highest_rate(scenario: Scenario) -> float:
    """Requests per second of the busiest second, when all visitors who are in the funnel then send one."""
    rates = [stream_rates(s, scenario.duration_seconds) for s in scenario.streams]
    bursts = sum(b.arrivals_per_second * min(b.seconds, 1.0) for s in scenario.streams for b in s.bursts)
    calls = sum(reach_ratios(scenario.stages)) if any(s.goes_on for s in scenario.streams) else 1.0
    return (float(np.sum(rates, axis=0).max()) + bursts) * calls


def require_within_caps(
    scenario: Scenario, loopback: bool, rate_max: float | None, minutes_max: float | None, policy: Safety
) -> None:
    """Raises UserError where the scenario exceeds the caps given, or off this machine the shipped ones."""
    rate_cap = rate_max if rate_max is not None else None if loopback else policy.rate_max_per_second
    minutes_cap = minutes_max if minutes_max is not None else None if loopback else policy.minutes_max
    problems = []
    rate, minutes = highest_rate(scenario), scenario.duration_seconds / 60
    if rate_cap is not None and rate > rate_cap:
        what = say("the scenario sends up to {rate} requests per second, the cap is {cap}",
                   rate=f"{rate:.0f}", cap=f"{rate_cap:g}")  # fmt: skip
        todo = say("if the target is to get that much: --max-rate {rate}", rate=f"{rate + 1:.0f}")
        problems.append(Problem(what, todo, key="--max-rate"))
    if minutes_cap is not None and minutes > minutes_cap:
        what = say("the scenario lasts {minutes} minutes, the cap is {cap}",
                   minutes=f"{minutes:.0f}", cap=f"{minutes_cap:g}")  # fmt: skip
        todo = say("if it is to last that long: --max-minutes {minutes}", minutes=f"{minutes + 1:.0f}")
        problems.append(Problem(what, todo, key="--max-minutes"))
    if problems:
        raise UserError(problems)
