"""What a queue with known workers does, in closed form: the truth behind the practice target.

M/M/c, first come first served: Gross, Shortle, Thompson, Harris, "Fundamentals of Queueing Theory", 4th ed., 2.3.
Times in seconds, rates per second.
"""

from __future__ import annotations

from math import exp

from scipy.optimize import brentq

from campaign.errors import Problem, UserError
from campaign.language import say


def waiting_probability(rate: float, workers: int, service_seconds: float) -> float:
    """Erlang C: the share of requests that find all workers busy; 1 at or above capacity."""
    load = rate * service_seconds
    if load >= workers:
        return 1.0
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = load * blocked / (n + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


def slower_ratio(rate: float, workers: int, service_seconds: float, seconds: float) -> float:
    """Share of requests whose response (waiting and service) takes longer than `seconds`, service exponential."""
    served = 1 / service_seconds
    spare = workers * served - rate
    if spare <= 0:
        return 1.0
    waits = waiting_probability(rate, workers, service_seconds)
    alone = exp(-served * seconds)
    if abs(spare - served) < 1e-9 * served:
        return alone * (1 + waits * served * seconds)
    return alone + waits * served / (served - spare) * (exp(-spare * seconds) - alone)


def knee_per_second(workers: int, service_seconds: float, objective_seconds: float, slow_ratio: float = 0.01) -> float:
    """The highest rate at which no more than `slow_ratio` of requests take longer than the objective.

    Raises:
        UserError: even an idle target is slower than that.
    """
    if exp(-objective_seconds / service_seconds) > slow_ratio:
        raise UserError(Problem(say("even an idle target does not meet the objective"), say("relax the objective")))
    capacity = workers / service_seconds

    def excess(rate: float) -> float:
        return slower_ratio(rate, workers, service_seconds, objective_seconds) - slow_ratio

    return float(brentq(excess, 1e-6 * capacity, (1 - 1e-9) * capacity))
