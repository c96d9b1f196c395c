"""Reads what is rehearsed from a workspace: the traffic paths and the playbook that was made from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.settings import Service, Settings
from campaign.workspace import Workspace
from playbooks.autoscaling.inputs import merged_traffic, read_facts, read_together, sharing
from playbooks.autoscaling.known import ServiceFacts, orders_per_request
from playbooks.autoscaling.limits import room
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.policy import read_policy
from playbooks.rehearsal.fleets import NEVER_FULL, PlannedFleets, fleet_of, never_full
from playbooks.rehearsal.gather_support import conversions, gather_support, read_staffing
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.sampling import Uncertain, even_draws, triangular
from playbooks.rehearsal.sends import sends_of
from playbooks.rehearsal.support import Support
from playbooks.simulation.fleet import Demand
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import RateLimit

ERROR_RATIO = 0.001  # where a service's objective names none; stated in every result that used it


def gather(workspace: Workspace, planned: PlannedFleets, paths: int, seed: int | None = None) -> Inputs:
    """The planned hours on at most `paths` sample paths, chosen evenly or by a seed.

    Services whose capacity nobody knows are never full; their requests still use limits up.

    Raises:
        UserError: files that are missing or do not belong together, or paths that are all alike.
    """
    campaign, policy, settings = planned.campaign, read_policy(workspace.folder), workspace.settings
    own = workspace.plan(campaign)
    reads = read_together(workspace, campaign, sharing(workspace, own, policy))
    traffic = merged_traffic(list(reads.values()))
    facts, unknown, _hashes = read_facts(workspace, own, traffic, policy)
    services = tuple(each for each in settings.services if each.name in facts or each.name in unknown)
    names = tuple(each.name for each in services)
    window = traffic.between(traffic.minute_of(planned.starts_at_utc), traffic.minute_of(planned.ends_at_utc))
    chosen = _chosen(window.paths, min(paths, window.paths), seed)
    rows = [window.services.index(name) for name in names]
    rates = np.ascontiguousarray(window.requests_per_second[rows][:, chosen])
    if not np.ptp(rates.max(axis=2), axis=1).any():
        what = say("all sample paths are alike: there is no risk to rehearse")
        file = f"out/{campaign}/traffic_paths.npz"
        raise UserError(Problem(what, say("run `surgeplan forecast` again"), file=file))
    rng = np.random.default_rng(shipped_policy().seed if seed is None else seed)
    bot_draws = even_draws(rng, len(chosen))
    return Inputs(
        services=names,
        starts_at_utc=window.time_of(0),
        demand=Demand(rates, window.quarters[rows]),
        fleets=tuple(
            fleet_of(row, facts[name], planned.services[name], policy, window)
            if name in facts
            else never_full(row, services[row], policy, window.minutes)
            for row, name in enumerate(names)
        ),
        limits=_limits(settings, names),
        error_ratios=tuple(_error_ratio(service) for service in services),
        orders_per_request=tuple(orders_per_request(settings, name) for name in names),
        costs_per_replica_hour=tuple(service.cost_per_replica_hour for service in services),
        switches={
            switch.id: {names.index(name): share for name, share in switch.effect.items() if name in names}
            for switch in settings.switches
        },
        sends=sends_of(reads[campaign].model.effects, names, window.time_of(0), np.median(rates, axis=1)),
        support=_support(workspace, planned, window, chosen, bot_draws),
        uncertain=Uncertain(
            capacity=_capacities(names, facts, rng, len(chosen)),
            conversion=conversions(workspace, campaign, chosen),
            bot=bot_draws,
        ),
        funnel=_funnel(settings, names),
        never_full=tuple(name for name in names if name in unknown),
        stepless=tuple(name for name in names if name in facts and not planned.services[name].steps),
    )


def _capacities(
    names: tuple[str, ...], facts: dict[str, ServiceFacts], rng: np.random.Generator, paths: int
) -> NDArray[np.float64]:
    """[service, path]: drawn from the measured range, or from the policy's around a declared figure."""
    declared = shipped_policy().declared_capacity
    found = np.full((len(names), paths), NEVER_FULL)
    for row, name in enumerate(names):
        if name not in facts:
            continue
        each = facts[name].capacity.capacity_requests_per_second_per_replica
        ends = (each.low, each.mid, each.high)
        if is_exact(facts[name]):
            ends = (each.mid * declared.low, each.mid * declared.mid, each.mid * declared.high)
        found[row] = triangular(*ends, even_draws(rng, paths))
    return found


def is_exact(fact: ServiceFacts) -> bool:
    """One figure without a range: nobody measured how sure it is."""
    each = fact.capacity.capacity_requests_per_second_per_replica
    return each.low == each.high


def _funnel(settings: Settings, names: tuple[str, ...]) -> Funnel | None:
    """The funnel's stages with the rehearsed services as rows; None where it asks none of them."""
    stages = settings.funnel
    requests = np.array([[stage.requests.get(name, 0.0) for name in names] for stage in stages])
    if not stages or not requests.any():
        return None
    goes_on = np.array([stage.continues_ratio for stage in stages])
    return Funnel(
        stages=tuple(stage.stage for stage in stages),
        requests=requests,
        reach=np.concatenate([[1.0], np.cumprod(goes_on[:-1])]),
        orders=np.cumprod(goes_on[::-1])[::-1],
        think_seconds=np.array([stage.think_seconds for stage in stages]),
    )


def _support(
    workspace: Workspace,
    planned: PlannedFleets,
    window: MinuteTraffic,
    chosen: NDArray[np.int64],
    draws: NDArray[np.float64],
) -> Support | None:
    """Desks on the same paths."""
    staffing = read_staffing(workspace, planned.campaign, planned.model)
    if staffing is None:
        return None
    hours = (window.time_of(0), window.time_of(window.minutes))
    return gather_support(workspace, staffing, hours, chosen, draws, shipped_policy())


def _chosen(paths: int, count: int, seed: int | None) -> NDArray[np.int64]:
    if seed is None:
        return np.linspace(0, paths - 1, count).round().astype(np.int64)
    return np.sort(np.random.default_rng(seed).choice(paths, count, replace=False))


def _limits(settings: Settings, names: tuple[str, ...]) -> tuple[RateLimit, ...]:
    used = {
        limit.name: {names.index(name): units for name, units in limit.used_by.items() if name in names}
        for limit in settings.limits
        if limit.kind == "rate"
    }
    return tuple(
        RateLimit(limit.name, used[limit.name], room(limit)) for limit in settings.limits if used.get(limit.name)
    )


def _error_ratio(service: Service) -> float:
    given = service.slo.error_ratio
    return ERROR_RATIO if given is None else given
