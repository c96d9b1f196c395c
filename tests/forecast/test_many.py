"""Many services: each follows the total as it did before, wherever and in whatever chunks it is computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from small_shop import BEGINS, SETTINGS, sale

from campaign.errors import UserError
from campaign.language import Text
from campaign.spreading import spread
from campaign.traffic import TrafficModel, TrafficPaths
from forecast.baseline.ridge import robust_ridge
from forecast.baseline.seasons import design
from forecast.epochs import HOUR, epoch, naive_utc
from forecast.evidence import Evidence, learning_spans
from forecast.many import running
from forecast.many.running import forecast_all
from forecast.many.series import Chunk, Shared, answer_of, forecast_chunk, many_ridge
from forecast.many.spread import chunks_of, put_together, shared_of
from forecast.many.total import total_evidence, total_view
from forecast.model import Forecast, build_traffic_model
from forecast.uplift.episodes import Stretch
from surgeplan.cli import main

SERVICES = 60
PAST = tuple(sale(day, reach=0.0) for day in (20, 30, 41))
NEXT = sale(52, reach=0.0)
AS_OF = NEXT.starts_at - timedelta(days=3)
LIFT = 1.2


def answers() -> np.ndarray:
    return np.where(np.arange(SERVICES) % 3 == 0, 0.4, 1.0)


def many_rates(days: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Hourly rates [hour, service] with a daily rhythm, and campaigns that lift by e^1.2 to the service's answer."""
    rng = np.random.default_rng(seed)
    hours = epoch(BEGINS) + HOUR * np.arange(days * 24)
    levels = np.exp(rng.normal(3.0, 0.8, SERVICES))
    rhythm = 0.5 * np.sin(2 * np.pi * (hours / HOUR - 9) / 24)
    lift = np.zeros(len(hours))
    for plan in PAST:
        lift[(hours >= epoch(plan.starts_at)) & (hours < epoch(plan.ends_at))] = LIFT
    logs = np.log(levels) + rhythm[:, None] + lift[:, None] * answers()
    return hours, np.exp(logs + rng.normal(0, 0.03, logs.shape))


def evidence() -> Evidence:
    hours, rates = many_rates(52)
    keep = hours + HOUR <= epoch(AS_OF)
    names = [f"s{i:03d}" for i in range(SERVICES)]
    frame = pd.DataFrame(rates[keep], index=pd.DatetimeIndex(naive_utc(hours[keep])), columns=names)
    inside = np.zeros(len(frame), dtype=bool)
    for first, last in learning_spans(PAST, epoch(AS_OF)):
        inside |= (hours[keep] >= first) & (hours[keep] < last)
    starts = hours[keep][inside]
    length = np.full(len(starts), HOUR)
    stretches = tuple(Stretch(n, starts, length, rates[keep][inside, i]) for i, n in enumerate(names))
    return Evidence(frame, stretches, finest_seconds=HOUR)


@pytest.fixture(scope="module")
def whole() -> tuple[Evidence, Forecast, Shared]:
    known = evidence()
    view = total_view(known, NEXT, (*PAST, NEXT), SETTINGS)
    made = build_traffic_model(view.evidence, view.plan, view.plans, view.settings, AS_OF, 0, paths=200, prophet=False)
    return known, made, shared_of(made, view.evidence, SETTINGS, 0)


def chunks(known: Evidence, size: int) -> list[Chunk]:
    return chunks_of(known, NEXT, (*PAST, NEXT), size)


def test_one_factorisation_finds_what_single_regressions_find() -> None:
    hours, rates = many_rates(45)
    index = pd.DatetimeIndex(naive_utc(hours))
    made = design(index, np.ones(len(index), dtype=bool), ZoneInfo("UTC"), None)
    logs = np.log(rates[:, :5])
    known = np.random.default_rng(0).random(logs.shape) > 0.1
    found = made.columns @ many_ridge(made.columns, made.penalties, logs, known)
    for s in range(5):
        alone = made.columns @ robust_ridge(made.columns[known[:, s]], logs[known[:, s], s], made.penalties)
        assert np.abs(found[:, s] - alone).max() < 0.02


def test_each_service_answers_campaigns_as_it_did_before(whole: tuple[Evidence, Forecast, Shared]) -> None:
    known, _, shared = whole
    made = np.concatenate([forecast_chunk(shared, chunk) for chunk in chunks(known, 20)], axis=1)
    inside = (shared.starts >= epoch(NEXT.starts_at) + HOUR) & (shared.starts < epoch(NEXT.ends_at) - HOUR)
    before = shared.starts < epoch(NEXT.starts_at) - 2 * HOUR
    rhythm = 0.5 * np.sin(2 * np.pi * ((shared.starts / HOUR + 0.5) - 9) / 24)
    middles = np.log(np.median(made, axis=0)) - rhythm
    rises = middles[:, inside].mean(axis=1) - middles[:, before].mean(axis=1)
    weak = answers() < 0.5
    assert rises[~weak].mean() > rises[weak].mean() + 0.25
    assert np.isfinite(made).all()
    assert (made > 0).all()


def test_the_services_add_up_to_the_total_on_every_path(whole: tuple[Evidence, Forecast, Shared]) -> None:
    known, forecast, shared = whole
    together = put_together(forecast, known, (*PAST, NEXT), (forecast_chunk(shared, c) for c in chunks(known, 25)))
    sums = together.paths.requests_per_second.sum(axis=1)
    assert sums == pytest.approx(forecast.paths.requests_per_second[:, 0], rel=1e-4)
    assert len(together.model.services) == SERVICES
    parts = sum(peak.peak_requests_per_second.p90 for peak in together.model.services.values())
    assert together.model.total.peak_requests_per_second.p90 <= parts * 1.001


def test_chunks_and_processes_do_not_change_a_number(whole: tuple[Evidence, Forecast, Shared], tmp_path: Path) -> None:
    known, _, shared = whole
    one = np.concatenate(list(forecast_all(shared, chunks(known, 60), tmp_path / "a", "m")), axis=1)
    some = np.concatenate(list(forecast_all(shared, chunks(known, 15), tmp_path / "b", "m", workers=2)), axis=1)
    assert np.allclose(one, some, rtol=1e-6)
    again = np.concatenate(list(forecast_all(shared, chunks(known, 15), tmp_path / "c", "m")), axis=1)
    assert np.array_equal(some, again)


def test_an_interrupted_run_goes_on_with_the_chunks_that_are_left(
    whole: tuple[Evidence, Forecast, Shared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, _, shared = whole
    parts = chunks(known, 10)

    def interrupt(_step: Text, done: int, _of: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(forecast_all(shared, parts, tmp_path, "m", progress=interrupt))
    kept = sorted(tmp_path.glob("*.npy"))
    assert 2 <= len(kept) < len(parts)
    computed: list[Chunk] = []

    def counting(given: Shared, chunk: Chunk) -> np.ndarray:
        computed.append(chunk)
        return forecast_chunk(given, chunk)

    monkeypatch.setattr(running, "forecast_chunk", counting)
    made = list(forecast_all(shared, parts, tmp_path, "m"))
    assert len(computed) == len(parts) - len(kept)
    assert np.array_equal(made[0], forecast_chunk(shared, parts[0]))


def test_another_seed_another_program_or_other_traffic_is_computed_anew(
    whole: tuple[Evidence, Forecast, Shared],
) -> None:
    known, _, shared = whole
    chunk = chunks(known, 10)[0]
    keys = {
        running.key_of(shared, chunk, "m"),
        running.key_of(replace(shared, seed=1), chunk, "m"),
        running.key_of(shared, chunk, "n"),
        running.key_of(shared, replace(chunk, rates=chunk.rates * 2), "m"),
    }
    assert len(keys) == 4


def test_a_service_with_little_history_gets_the_totals_rhythm_and_a_silent_one_stays_silent(
    whole: tuple[Evidence, Forecast, Shared],
) -> None:
    known, forecast, shared = whole
    hourly = known.hourly.copy()
    hourly.iloc[:-60, 3] = np.nan
    hourly.iloc[:, 4] = 0.0
    changed = replace(known, hourly=hourly)
    made = put_together(forecast, changed, (*PAST, NEXT), (forecast_chunk(shared, c) for c in chunks(changed, 60)))
    young = np.median(made.paths.requests_per_second[:, 3], axis=0)
    assert young.max() > 1.5 * young.min() > 0
    assert made.model.services["s004"].peak_requests_per_second.p99 == 0.0
    assert any("too little ordinary history" in said and "s003" in said for said in made.model.assumptions)
    assert "service s004 has never had any traffic" in made.model.assumptions
    wide, usual = (made.model.services[n].peak_requests_per_second for n in ("s003", "s006"))
    assert wide.p90 / wide.p50 > usual.p90 / usual.p50


def test_a_service_that_a_plan_leaves_out_is_believed_to_stay_out() -> None:
    hours = np.arange(100)
    shared = Shared(
        hours, 0, "UTC", None, 3, hours, hours, np.zeros((1, 1)), np.full(100, np.nan), hours, hours, 1, 0, 0
    )
    assert answer_of(shared, np.ones(100), np.zeros(100), touched=False)[0] == 0.0
    assert answer_of(shared, np.ones(100), np.zeros(100), touched=True)[0] == 1.0


def test_a_gap_of_one_service_does_not_hide_the_total_a_gap_of_all_does() -> None:
    known = evidence()
    hourly = known.hourly.copy()
    hourly.iloc[100:110, 5] = np.nan
    hourly.iloc[200:210] = np.nan
    total = total_evidence(replace(known, hourly=hourly)).hourly["total"]
    clean = known.hourly.sum(axis=1)
    assert total.iloc[100:110].to_numpy() == pytest.approx(clean.iloc[100:110].to_numpy(), rel=0.05)
    assert total.iloc[200:210].isna().all()


def make_workspace(folder: Path) -> Path:
    (folder / "campaigns").mkdir(parents=True)
    (folder / "history").mkdir()
    names = ", ".join(f"{{name: s{i:03d}}}" for i in range(SERVICES))
    (folder / "surgeplan.yaml").write_text(f"schema_version: 1\ntime_zone: UTC\nservices: [{names}]\n", "utf-8")
    for plan in (*PAST, NEXT):
        (folder / "campaigns" / f"{plan.id}.yaml").write_text(plan.model_dump_json(exclude_defaults=True), "utf-8")
    hours, rates = many_rates(49)
    times = naive_utc(hours)
    lines = [f"{t}+00:00,s{i:03d},{rates[h, i] * HOUR:.0f}" for h, t in enumerate(times) for i in range(SERVICES)]
    (folder / "history" / "traffic.csv").write_text("starts_at,service,requests\n" + "\n".join(lines) + "\n", "utf-8")
    return folder


def test_the_command_forecasts_every_service_and_leaves_no_pieces(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path / "many")
    asked = ["forecast", NEXT.id, "--workspace", str(folder), "--now", "2026-02-23T12:00+00:00", "--workers", "1"]
    assert main(asked) == 0
    out = folder / "out" / NEXT.id
    model = TrafficModel.model_validate_json((out / "traffic.json").read_text("utf-8"))
    paths = TrafficPaths.load(out / "traffic_paths.npz")
    assert len(model.services) == len(paths.services) == SERVICES
    assert (paths.requests_per_second >= 0).all()
    assert not (out / ".services").exists()
    assert any(said.startswith("60 services: campaigns are learned on their total") for said in model.assumptions)
    first = (out / "traffic.json").read_bytes()
    assert main(asked) == 0
    assert (out / "traffic.json").read_bytes() == first
    assert json.loads(first)["total"]["peak_requests_per_second"]["p90"] > 0


def test_a_scheduler_that_does_not_answer_is_a_problem_in_words() -> None:
    with pytest.raises(UserError) as refusal, spread(1, "tcp://127.0.0.1:9"):
        pass
    assert str(refusal.value.problems[0]) == (
        "--cluster: no dask scheduler answers at tcp://127.0.0.1:9\n"
        "  start one with: dask scheduler, and on every machine: dask worker ADDRESS"
    )


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A dask scheduler on this machine with two worker processes of one thread."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_two_dask_workers_give_the_same_numbers_as_one_process(
    whole: tuple[Evidence, Forecast, Shared], scheduler: str, tmp_path: Path
) -> None:
    known, _, shared = whole
    here = list(forecast_all(shared, chunks(known, 20), tmp_path / "here", "m"))
    there = list(forecast_all(shared, chunks(known, 20), tmp_path / "there", "m", cluster=scheduler))
    for mine, theirs in zip(here, there, strict=True):
        assert np.array_equal(mine, theirs)
