"""What a queue with known workers does, in closed form: the truth behind the practice target.

M/M/c, first come first served: Gross, Shortle, Thompson, Harris, "Fundamentals of Queueing Theory", 4th ed., 2.3.
Where a balancer deals Poisson arrivals to n replicas in turn, each gets every nth of them: E_n/M/c, a case of their
5.3.2 (GI/M/c; Takacs 1962). Times in seconds, rates per second and of one replica.
"""

from __future__ import annotations

from math import comb, exp, prod

from scipy.optimize import brentq

from campaign.errors import Problem, UserError
from campaign.language import say


def waiting_probability(rate: float, workers: int, service_seconds: float, dealt_to: int = 1) -> float:
    """The share of requests that find all workers busy (Erlang C for one replica); 1 at or above capacity."""
    load = rate * service_seconds
    if load >= workers:
        return 1.0
    if dealt_to > 1:
        return _waits_when_dealt(rate, workers, service_seconds, dealt_to)
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = load * blocked / (n + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


def slower_ratio(rate: float, workers: int, service_seconds: float, seconds: float, dealt_to: int = 1) -> float:
    """Share of requests whose response (waiting and service) takes longer than `seconds`, service exponential."""
    served = 1 / service_seconds
    if rate >= workers * served:
        return 1.0
    spare = workers * served * (1 - _busier(rate, workers, service_seconds, dealt_to))
    waits = waiting_probability(rate, workers, service_seconds, dealt_to)
    alone = exp(-served * seconds)
    if abs(spare - served) < 1e-9 * served:
        return alone * (1 + waits * served * seconds)
    return alone + waits * served / (served - spare) * (exp(-spare * seconds) - alone)


def knee_per_second(
    workers: int, service_seconds: float, objective_seconds: float, slow_ratio: float = 0.01, dealt_to: int = 1
) -> float:
    """The highest rate at which no more than `slow_ratio` of requests take longer than the objective.

    Raises:
        UserError: even an idle target is slower than that.
    """
    if exp(-objective_seconds / service_seconds) > slow_ratio:
        raise UserError(Problem(say("even an idle target does not meet the objective"), say("relax the objective")))
    capacity = workers / service_seconds

    def excess(rate: float) -> float:
        return slower_ratio(rate, workers, service_seconds, objective_seconds, dealt_to) - slow_ratio

    return float(brentq(excess, 1e-3 * capacity, (1 - 1e-6) * capacity))


def _gap_transform(rate: float, dealt_to: int, s: float) -> float:
    """Laplace transform of the time between arrivals at one replica, Erlang with `dealt_to` phases, at `s`."""
    phase = dealt_to * rate
    return (phase / (phase + s)) ** dealt_to


def _busier(rate: float, workers: int, service_seconds: float, dealt_to: int) -> float:
    """How much rarer each further waiting request is, as arrivals find them: the load; less where dealt in turn."""
    capacity = workers / service_seconds
    if dealt_to == 1:
        return rate / capacity

    def excess(root: float) -> float:
        return _gap_transform(rate, dealt_to, capacity * (1 - root)) - root

    return float(brentq(excess, 0.0, 1 - 0.5 * (1 - rate / capacity)))


def _waits_when_dealt(rate: float, workers: int, service_seconds: float, dealt_to: int) -> float:
    spare = workers * (1 - _busier(rate, workers, service_seconds, dealt_to))
    gaps = [_gap_transform(rate, dealt_to, j / service_seconds) for j in range(1, workers + 1)]
    odds = [gap / (1 - gap) for gap in gaps]
    rest = sum(
        comb(workers, j) / (prod(odds[:j]) * (1 - gap)) * (workers * (1 - gap) - j) / _away_from_zero(spare - j)
        for j, gap in enumerate(gaps, start=1)
    )
    return 1 / (1 + spare / workers * rest)


def _away_from_zero(value: float) -> float:
    """The quotient that this divides has a finite limit where both parts vanish."""
    return value if abs(value) > 1e-9 else 1e-9
