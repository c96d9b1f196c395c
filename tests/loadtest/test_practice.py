from hypothesis import given
from hypothesis import strategies as st

from loadtest.practice import Desk


def _desk(workers: int, service_seconds: float, **more: float) -> Desk:
    desk = Desk(workers, service_seconds, **more)  # type: ignore[arg-type]
    desk.open(0.0)
    return desk


def test_two_workers_serve_first_come_first_served():
    desk = _desk(2, 1.0)

    assert [desk.served_at(at) for at in (0.0, 0.25, 0.5, 0.75, 3.0)] == [1.0, 1.25, 2.0, 2.25, 4.0]


@given(st.integers(1, 9), st.lists(st.integers(0, 32).map(lambda n: n / 64), min_size=1, max_size=60))
def test_no_more_than_its_capacity_is_ever_served(workers, gaps):
    desk, now, ends = _desk(workers, 1.0), 0.0, []
    for gap in gaps:
        now += gap
        ends.append(desk.served_at(now))

    for end in ends:
        assert sum(end - 1.0 < other <= end for other in ends) <= workers


def test_a_full_queue_refuses_and_a_stall_holds_everything_back():
    full = _desk(1, 1.0, queue_max=1)
    assert [full.served_at(0.0) for _ in range(3)] == [1.0, 2.0, None]

    stalled = _desk(4, 0.01, stall_from_seconds=5.0, stall_seconds=2.0)
    assert stalled.served_at(4.0) == 4.01
    assert stalled.served_at(5.5) == 7.01


def test_a_cold_target_takes_four_times_as_long_at_first():
    desk = _desk(8, 1.0, cold_start_seconds=10.0)

    assert [desk.served_at(at) - at for at in (0.0, 5.0, 10.0, 20.0)] == [4.0, 2.5, 1.0, 1.0]


def test_one_request_too_many_kills_it_and_it_comes_back_cold():
    desk = _desk(1, 1.0, memory_requests=2, cold_start_seconds=10.0)

    assert [desk.survives(0.0) and bool(desk.served_at(0.0)) for _ in range(3)] == [True, True, False]
    assert not desk.survives(2.9)
    assert desk.survives(3.0)
    assert desk.served_at(3.0) == 7.0
