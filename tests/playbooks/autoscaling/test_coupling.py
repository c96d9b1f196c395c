"""Services that share a limit are stepped together."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.settings import Limit
from playbooks.autoscaling.coupling import coupled_covers
from playbooks.autoscaling.floors import covers_within
from playbooks.autoscaling.limits import Need, beyond_at_once, fits, within_limits
from playbooks.autoscaling.steps import cheapest_cover


def shared(total: float, *names: str) -> Limit:
    return Limit(name="quota", kind="per_replica", total=total, used_by=dict.fromkeys(names, 1.0))


def held(need: Need, covers: dict) -> Need:  # type: ignore[type-arg]
    return {name: covers[name].by_minute(len(one)) for name, one in need.items()}


def test_two_peaks_after_each_other_fit_where_separate_steps_do_not() -> None:
    need = {"a": np.array([1, 1, 9, 8, 1, 1, 1, 1]), "b": np.array([1, 1, 1, 1, 9, 8, 1, 1])}
    limit = shared(10, "a", "b")
    separate = {name: cheapest_cover(one, 3) for name, one in need.items()}
    assert fits(held(need, separate), [limit])
    tight = {"a": np.array([1, 5, 9, 5, 1, 1]), "b": np.array([1, 1, 1, 5, 9, 1])}
    assert not fits(held(tight, {name: cheapest_cover(one, 2) for name, one in tight.items()}), [limit])
    covers = covers_within(tight, [limit], 2)
    assert fits(held(tight, covers), [limit])
    assert all((held(tight, covers)[name] >= one).all() for name, one in tight.items())


def test_without_a_shared_limit_the_programme_finds_what_the_cover_finds() -> None:
    need = {"a": np.array([3, 1, 9, 8, 1, 4, 1, 1]), "b": np.array([2, 2, 7, 1, 9, 8, 1, 1])}
    covers = coupled_covers(need, [], 3)
    assert covers is not None
    for name, one in need.items():
        assert covers[name].replica_minutes <= cheapest_cover(one, 3).replica_minutes * 1.02


def test_too_few_steps_to_keep_the_limit_are_said() -> None:
    need = {"a": np.array([9, 1, 9]), "b": np.array([1, 9, 1])}
    assert coupled_covers(need, [shared(10, "a", "b")], 1) is None
    covers = covers_within(need, [shared(10, "a", "b")], 1)
    assert fits(held(need, covers), [shared(10, "a", "b")])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=2, max_size=10), st.integers(1, 4))
def test_what_is_shared_is_never_broken_and_what_is_allowed_is_covered(
    pairs: list[tuple[int, int]], steps: int
) -> None:
    need = {"a": np.array([a for a, _ in pairs]), "b": np.array([b for _, b in pairs])}
    limit = shared(max(a + b for a, b in pairs) * 0.9 + 1, "a", "b")
    allowed, hits = within_limits(need, {"a": None, "b": None}, [limit])
    covers = covers_within(allowed, [limit], steps)
    assert fits(held(allowed, covers), [limit])
    assert all((held(allowed, covers)[name] >= one).all() for name, one in allowed.items())
    assert bool(hits) == any(a + b > limit.total for a, b in pairs)


def test_maxreplicas_that_would_break_a_limit_at_once_are_found() -> None:
    limit = shared(50, "a", "b")
    assert beyond_at_once({"a": 20, "b": 30}, [limit]) == []
    assert beyond_at_once({"a": 21, "b": 30, "c": 90}, [limit]) == [(limit, 51.0)]


def ten_services() -> Need:
    rng, minutes, need = np.random.default_rng(10), np.arange(1440), {}
    for i in range(10):
        drop, height, decay = 1200 + rng.integers(-60, 60), rng.integers(20, 80), rng.integers(15, 60)
        surge = np.where(minutes >= drop, height * np.exp(-(minutes - drop) / decay), 0)
        replicas = np.ceil(5 + 8 * np.sin((minutes - 500) / 1440 * 2 * np.pi) ** 2 + surge).astype(np.int64)
        need[f"s{i}"] = np.lib.stride_tricks.sliding_window_view(np.pad(replicas, (10, 12), mode="edge"), 23).max(
            axis=1
        )
    return need


def test_ten_services_that_share_a_quota_take_five_seconds_at_most() -> None:
    need = ten_services()
    limit = shared(float(sum(need.values()).max()), *need)  # type: ignore[union-attr]
    began = time.process_time()
    covers = covers_within(need, [limit], 8)
    assert time.process_time() - began < 5
    assert fits(held(need, covers), [limit])
    assert max(len(cover.starts) for cover in covers.values()) <= 8
