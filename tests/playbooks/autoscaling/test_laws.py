"""Laws of the whole planner: floors cover, keep every limit, and answer to traffic, risk, capacity and start-up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.capacity import Capacity, CapacityRange
from campaign.console import no_progress
from campaign.plan import Moment, Plan
from campaign.settings import Limit, Service, Settings
from playbooks.autoscaling.floors import Floors, Risk, Window, ceilings, plan_floors
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.limits import fits, room, users
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.planning import Question, plan_services
from playbooks.autoscaling.policy import read_policy

POLICY = read_policy()
MINUTES = 90
NAMES = ("web", "api", "pay")


def facts(
    name: str, capacity: float = 100.0, most: int | None = None, lead: int = 6, multiple: int = 1
) -> ServiceFacts:
    known = CapacityRange(low=capacity, mid=capacity * 1.1, high=capacity * 1.2)
    measured = Capacity(service=name, source="measured", capacity_requests_per_second_per_replica=known)
    return ServiceFacts(Service(name=name), measured, 2, most, 60.0 * lead, lead, multiple, ())


def traffic(rates: dict[str, np.ndarray]) -> MinuteTraffic:
    services, minutes = len(rates), next(iter(rates.values())).shape[1]
    stacked = np.stack(list(rates.values())).astype(np.float32)
    at = np.datetime64("2026-11-10T11:00:00", "s")
    return MinuteTraffic(
        stacked, tuple(rates), at, np.ones((services, minutes, 4)), np.zeros((services, minutes), bool)
    )


def drop(seed: int, growth: float, at: int = 45, paths: int = 20, minutes: int = MINUTES) -> np.ndarray:
    since = np.arange(minutes) - at
    shape = 300 * (1 + np.where(since >= 0, growth * np.exp(-since / 15), 0))
    return shape * np.exp(0.2 * np.random.default_rng(seed).standard_normal((paths, 1)))


def floors_of(
    rates: dict[str, np.ndarray],
    known: dict[str, ServiceFacts],
    limits: tuple[Limit, ...] = (),
    quantile_ratio: float = 0.9,
    instants: tuple[int, ...] | None = None,
) -> dict[str, Floors]:
    minutes = next(iter(rates.values())).shape[1]
    risks = dict.fromkeys(known, Risk(quantile_ratio, POLICY.quiet_quantile_ratio, instants))
    return plan_floors(traffic(rates), Window(0, minutes), known, limits, risks, POLICY)


growths = st.tuples(*(st.floats(0, 9) for _ in NAMES))
drops_at = st.tuples(*(st.integers(5, 80) for _ in NAMES))
quotas = st.tuples(*(st.one_of(st.none(), st.integers(6, 40)) for _ in NAMES))
shares = st.tuples(*(st.integers(0, 4) for _ in NAMES))
multiples = st.tuples(*(st.integers(1, 3) for _ in NAMES))


@settings(max_examples=40)
@given(growths, drops_at, quotas, shares, st.integers(30, 300), multiples)
def test_a_plan_covers_its_need_wherever_no_limit_is_hit_and_never_breaks_one(
    growth: tuple[float, ...],
    at: tuple[int, ...],
    most: tuple[int | None, ...],
    share: tuple[int, ...],
    total: int,
    multiple: tuple[int, ...],
) -> None:
    rates = {name: drop(i, growth[i], at[i]) for i, name in enumerate(NAMES)}
    known = {name: facts(name, most=most[i], multiple=multiple[i]) for i, name in enumerate(NAMES)}
    limit = Limit(name="db", kind="per_replica", total=total, used_by=dict(zip(NAMES, map(float, share), strict=True)))
    made = floors_of(rates, known, (limit,))
    held = {name: floors.by_minute() for name, floors in made.items()}
    for name, floors in made.items():
        short = np.flatnonzero(held[name] < floors.needed)
        stretches = [set(range(hit.first_minute, hit.last_minute)) for hit in floors.hits]
        rounded = set(np.flatnonzero(floors.needed - floors.allowed < known[name].multiple)) if stretches else set()
        assert set(short.tolist()) <= set().union(*stretches) | {int(m) for m in rounded}
        assert (held[name] % known[name].multiple == 0).all()
        assert known[name].most is None or held[name].max() <= known[name].most
    assert fits(held, [limit])


@settings(max_examples=40)
@given(growths, drops_at, shares, st.integers(60, 400))
def test_every_maxreplicas_carries_its_plan_and_all_together_keep_a_limit_that_the_peaks_keep(
    growth: tuple[float, ...], at: tuple[int, ...], share: tuple[int, ...], total: int
) -> None:
    rates = {name: drop(i, growth[i], at[i]) for i, name in enumerate(NAMES)}
    known = {name: facts(name) for name in NAMES}
    limit = Limit(name="db", kind="per_replica", total=total, used_by=dict(zip(NAMES, map(float, share), strict=True)))
    made = floors_of(rates, known, (limit,))
    most = ceilings(made, known, (limit,), 1.5)
    peaks = {name: int(floors.by_minute().max()) for name, floors in made.items()}
    assert all(most[name] >= peaks[name] for name in NAMES)
    used = users(limit, NAMES)
    if sum(used[name] * peaks[name] for name in used) <= room(limit):
        assert sum(used[name] * most[name] for name in used) <= room(limit)


one_growth, seeds = st.floats(0, 9), st.integers(0, 50)


def cost(floors: dict[str, Floors]) -> int:
    return floors["web"].cover.replica_minutes


@settings(max_examples=25)
@given(seeds, one_growth, st.floats(1, 3), st.booleans())
def test_more_traffic_never_lowers_a_minute_nor_the_optimal_cost(
    seed: int, growth: float, factor: float, near_only: bool
) -> None:
    instants = (45,) if near_only else None
    less, more = (
        floors_of({"web": drop(seed, growth) * f}, {"web": facts("web")}, instants=instants) for f in (1, factor)
    )
    assert (more["web"].needed >= less["web"].needed).all()
    assert cost(more) >= cost(less)


@settings(max_examples=25)
@given(seeds, one_growth, st.floats(0.5, 0.9), st.floats(0.0, 0.09))
def test_a_stricter_risk_never_lowers_a_minute_nor_the_optimal_cost(
    seed: int, growth: float, quantile_ratio: float, stricter: float
) -> None:
    rates, known = {"web": drop(seed, growth)}, {"web": facts("web")}
    less, more = (floors_of(rates, known, quantile_ratio=q) for q in (quantile_ratio, quantile_ratio + stricter))
    assert (more["web"].needed >= less["web"].needed).all()
    assert cost(more) >= cost(less)


@settings(max_examples=25)
@given(seeds, one_growth, st.floats(20, 200), st.floats(1, 3))
def test_a_smaller_capacity_never_lowers_a_minute_nor_the_optimal_cost(
    seed: int, growth: float, capacity: float, factor: float
) -> None:
    rates = {"web": drop(seed, growth)}
    less, more = (floors_of(rates, {"web": facts("web", capacity=c)}) for c in (capacity * factor, capacity))
    assert (more["web"].needed >= less["web"].needed).all()
    assert cost(more) >= cost(less)


@settings(max_examples=25)
@given(seeds, one_growth, st.integers(0, 10), st.integers(0, 10), st.booleans())
def test_a_longer_start_up_never_lowers_a_minute_nor_the_optimal_cost(
    seed: int, growth: float, lead: int, longer: int, near_only: bool
) -> None:
    rates, instants = {"web": drop(seed, growth)}, ((45,) if near_only else None)
    less, more = (floors_of(rates, {"web": facts("web", lead=x)}, instants=instants) for x in (lead, lead + longer))
    assert (more["web"].needed >= less["web"].needed).all()
    assert cost(more) >= cost(less)


@settings(max_examples=12)
@given(
    seeds,
    st.floats(0, 9),
    st.integers(1, 40),
    st.sampled_from([0.5, 0.65, 0.75]),
    st.sampled_from(["cpu", "rate"]),
    st.booleans(),
)
def test_a_plan_is_never_worse_than_the_hpa_alone_at_its_target(
    seed: int, growth: float, ramp_minutes: int, target_ratio: float, metric: str, cold: bool
) -> None:
    minutes = np.arange(300)
    surge = (
        growth
        * np.clip((minutes - 150) / ramp_minutes, 0, 1)
        * np.exp(-np.clip(minutes - 150 - ramp_minutes, 0, None) / 20)
    )
    level = np.exp(0.2 * np.random.default_rng(seed).standard_normal((30, 1)))
    starts_at = datetime(2026, 11, 10, 11, 0, tzinfo=UTC) + timedelta(minutes=150)
    plan = Plan(
        id="drop", kind="sale", starts_at=starts_at, ends_at=starts_at + timedelta(minutes=30),
        moments=(Moment(at=starts_at, kind="opening"),),
    )  # fmt: skip
    own = {
        "hpa_metric": metric,
        "hpa_target_ratio": target_ratio,
        "node_wait_seconds": (120.0, 240.0) if cold else (0.0, 0.0),
    }
    fact = replace(facts("web"), startup_seconds=90.0)
    question = Question(
        (plan,),
        Settings(time_zone="UTC", services=(fact.service,)),
        POLICY.model_copy(update=own),
        traffic({"web": 400 * (1 + surge) * level}),
        {"web": fact},
        ZoneInfo("UTC"),
    )
    service = plan_services(question, no_progress).services["web"]
    policies = service.back_test.policies
    if service.verdict == "scheduled":
        assert service.back_test.never_worse
        assert policies["plan"].overloaded_minutes <= policies["hpa-alone"].overloaded_minutes


def test_rates_that_the_paths_do_not_share_are_joined_path_by_path() -> None:
    """Two services that peak on different paths need less of a shared rate than the sum of their own quantiles."""
    web = np.array([[1000.0] * 10] * 5 + [[100.0] * 10] * 5)
    rates = {"web": web, "api": web[::-1].copy()}
    limit = Limit(name="sms", kind="rate", total=1050, used_by={"web": 1.0, "api": 1.0})
    made = floors_of(rates, {"web": facts("web"), "api": facts("api")}, (limit,), quantile_ratio=0.99)
    (hit,) = made["web"].hits
    assert hit.needed == pytest.approx(1100)
