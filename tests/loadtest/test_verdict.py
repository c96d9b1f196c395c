import numpy as np
import pytest

from loadtest.observations import Observations, Signal, _merge
from loadtest.policy import shipped_validity
from loadtest.scenario import Objective, Scenario, ScenarioStage, Segment, Stream, Stretch
from loadtest.tally import Tally
from loadtest.verdict import judge, ratio_interval

SECONDS, RATE = 20, 50


def _scenario(p99_ms: float = 300) -> Scenario:
    at = {"starts_at_utc": "2026-11-10T12:00:00Z", "ends_at_utc": "2026-11-10T12:00:20Z"}
    segment = Segment(from_seconds=0, seconds=SECONDS, arrivals_per_second=RATE)
    return Scenario(
        campaign="opening", curve="p90", duration_seconds=SECONDS, seed=0, marker="m", window_seconds=2,
        stretches=(Stretch(**at, from_seconds=0),), **at,
        stages=(ScenarioStage(stage="home", endpoint="GET /",
                              objective=Objective(p99_ms=p99_ms, error_ratio=0.01)),),
        streams=(Stream(stream="home", stage="home", goes_on=False, segments=(segment,)),),
    )  # fmt: skip


def _seen(response_ms, lag_ms=0.5, errors=lambda i: None, skip=lambda i: False, rate=RATE) -> Observations:
    """What one worker writes when request i takes response_ms(i), through the real tally."""
    tally, seen = Tally(2), Observations(workers=1)
    for i in range(SECONDS * rate):
        at = i / rate
        if skip(i):
            continue
        tally.arrived(at, at + lag_ms / 1000)
        tally.sent(0, at, at + lag_ms / 1000)
        tally.replied(0, at, at + lag_ms / 1000, response_ms(i) / 1000, 0.3)
        tally.ended(0, at, at + response_ms(i) / 1000, errors(i))
    for record in tally.take():
        _merge(seen, record)
    seen.signals += [Signal(0, s, 0.2, 0.01, 80.0, 3, lag_ms) for s in range(SECONDS)]
    seen.ends[0] = "done"
    return seen


def _judge(seen: Observations, rate: int = RATE):
    return judge(_scenario(), np.full(SECONDS, rate), seen, shipped_validity())


def _codes(judgement) -> list[str]:
    return [cause.code for cause in judgement.causes]


def test_a_run_within_its_objectives_is_go():
    judgement = _judge(_seen(lambda i: 20 + i % 10))
    (endpoint,) = judgement.endpoints

    assert (judgement.outcome, _codes(judgement)) == ("GO", [])
    assert (endpoint.sent, endpoint.ok, endpoint.failed, endpoint.slow) == (1000, 1000, 0, 0)
    assert endpoint.response_ms.p50 == pytest.approx(24.5, rel=0.03)
    assert endpoint.slow_ratio.high == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-3)


def test_a_slow_stretch_breaks_it_even_where_the_whole_run_would_hold():
    judgement = _judge(_seen(lambda i: 900 if 500 <= i < 530 and i % 2 == 0 else 20, rate=200), 200)

    assert judgement.endpoints[0].slow_ratio.mid < 0.01
    assert (judgement.outcome, _codes(judgement)) == ("NO-GO", ["slow"])
    assert "home: 3.75 % of replies took over 300 ms in seconds 2 to 4; 1 % are allowed" in str(
        judgement.causes[0].what
    )


def test_failures_beyond_the_objective_are_a_no_go():
    assert _codes(_judge(_seen(lambda i: 20, errors=lambda i: "503" if i % 20 == 0 else None))) == ["errors"]


def test_a_share_too_close_to_the_limit_is_inconclusive():
    judgement = _judge(_seen(lambda i: 400 if i % 125 == 0 else 20))

    assert (judgement.outcome, _codes(judgement)) == ("INCONCLUSIVE", ["too-close"])


def test_a_late_generator_never_gives_a_no_go():
    judgement = _judge(_seen(lambda i: 5000, lag_ms=40))

    assert judgement.outcome == "INVALID"
    assert "generator-lag" in _codes(judgement)


def test_missing_arrivals_make_a_run_invalid():
    judgement = _judge(_seen(lambda i: 20, skip=lambda i: 300 <= i < 310))

    assert (judgement.outcome, _codes(judgement)) == ("INVALID", ["offered-load"])


@pytest.mark.parametrize(("run", "wait", "code"), [(0.8, 0.0, "generator-cpu"), (0.3, 0.2, "generator-starved")])
def test_a_busy_or_starved_worker_makes_a_run_invalid(run, wait, code):
    seen = _seen(lambda i: 20)
    seen.signals += [Signal(1, s, run, wait, 80.0, 3, 0.5) for s in range(12)]

    assert _codes(_judge(seen)) == [code]


def test_a_worker_that_never_reported_its_end_makes_a_run_invalid():
    seen = _seen(lambda i: 20)
    seen.workers = 2

    assert "worker-lost" in _codes(_judge(seen))


def test_nothing_sent_is_invalid():
    assert _codes(_judge(Observations()))[0] == "nothing-sent"


def test_the_interval_of_a_share_is_the_exact_one():
    interval = ratio_interval(0, 299, 0.95)
    assert interval.high == pytest.approx(0.00997, rel=1e-2)

    # Clopper and Pearson 1934: 10 of 20 at 97.5 % on each side is 0.2720 to 0.7280.
    interval = ratio_interval(10, 20, 0.975)
    assert (interval.low, interval.high) == (pytest.approx(0.2720, abs=1e-4), pytest.approx(0.7280, abs=1e-4))


def test_a_workers_clock_off_by_more_than_the_round_trip_leaves_open_is_invalid():
    seen = _seen(lambda i: 20)
    seen.clock_offsets_seconds, seen.clock_doubts_seconds = {0: 0.09, 1: -0.2}, {0: 0.05, 1: 0.01}

    judgement = _judge(seen)
    assert (judgement.outcome, _codes(judgement)) == ("INVALID", ["clock"])
    assert "worker 1 is -200 ms off" in str(judgement.causes[0].what)
    assert judgement.generator.clock_offset_max_ms == 200
