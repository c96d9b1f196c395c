"""Scores of past campaigns, kept by everything they depend on: a campaign is forecast again only when that changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.documents import FileRecord, read_json
from campaign.errors import UserError
from campaign.files import rounded, write_json
from campaign.language import say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.spreading import spread
from forecast.backtest.again import Tested, Tops, forecast_again
from forecast.backtest.live import LiveScore
from forecast.epochs import HOUR, epoch
from forecast.evidence import Evidence
from forecast.paths.calibration import Score
from forecast.threads import one_thread

Floats = NDArray[np.float64]

WORTH_SPREADING = 8  # a process takes as long to start as one or two campaigns

STEP = say("Forecasting past campaigns again")


class KeptTest(FileRecord):
    """One past campaign's scores and hours, with the key of what they were made from."""

    key: str
    score: dict[str, Any]
    as_of_utc: datetime
    hours: tuple[int, ...]
    since_start: tuple[int, ...]
    actual: tuple[float | None, ...]
    middle: tuple[float | None, ...]
    last_week: tuple[float | None, ...]
    top_hours: tuple[tuple[int, ...], ...]
    top_rates: tuple[tuple[float, ...], ...]
    members: dict[str, tuple[float, ...]]
    live_errors: tuple[tuple[float | None, ...], ...]
    live_strayed: tuple[float | None, ...]
    live_apart: tuple[float | None, ...]


class KeptTests(FileRecord):
    """`out/backtest-cache.json`."""

    schema_version: int = 1
    tests: tuple[KeptTest, ...] = ()


@cache
def method() -> str:
    """Hash of the forecaster itself: another version of it gives other scores."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def key_of(evidence: Evidence, plan: Plan, plans: Sequence[Plan], settings: Settings, lead_days: float) -> str:
    """Hash of everything a past campaign's test depends on: traffic up to its end, plans known by then, settings."""
    ends = epoch(plan.ends_at) + 6 * HOUR
    digest = hashlib.sha256(f"{method()} {plan.id} {lead_days}".encode())
    digest.update(plan.model_dump_json(include={"channels"}).encode())
    hourly = evidence.hourly[evidence.hours < ends]
    digest.update(np.ascontiguousarray(hourly.to_numpy(dtype=np.float64)).tobytes())
    for stretch in evidence.stretches:
        keep = stretch.starts < ends
        for values in (stretch.starts[keep], stretch.seconds[keep], stretch.rates[keep]):
            digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(repr([d for d in evidence.disturbed if d.starts < ends]).encode())
    known = [p for p in plans if p.starts_at < plan.ends_at + timedelta(days=21)]
    for one in known:
        digest.update(one.model_dump_json(exclude={"observed", "expected", "offers", "owner", "name"}).encode())
    digest.update(settings.model_dump_json(include={"time_zone", "country", "services", "funnel"}).encode())
    return digest.hexdigest()


def campaigns_again(
    evidence: Evidence,
    chosen: Sequence[Plan],
    plans: Sequence[Plan],
    settings: Settings,
    lead_days: float,
    kept_in: Path,
    progress: Progress = no_progress,
) -> tuple[Tested, ...]:
    """Forecast the chosen campaigns again in time order, taking what the cache file knows, keeping what is new.

    Many are spread over this machine's cores. Interrupted runs go on where they stopped: the cache is written whenever
    as many are ready as run at once.
    """
    kept = {test.key: test for test in _read(kept_in)}
    keys = {plan.id: key_of(evidence, plan, plans, settings, lead_days) for plan in chosen}
    missing = [plan for plan in chosen if keys[plan.id] not in kept]
    shared = _Shared(evidence, plans, settings, lead_days)
    with spread((os.cpu_count() or 1) if len(missing) >= WORTH_SPREADING else 1, loads=_again.__module__) as everywhere:
        for first in range(0, len(missing), everywhere.width):
            progress(STEP, len(chosen) - len(missing) + first, len(chosen))
            some = missing[first : first + everywhere.width]
            for plan, made in zip(some, everywhere.run(_again, shared, some), strict=True):
                if made is not None:
                    # Rounded as in the file: a forecast has the same bytes with a warm cache and with a cold one.
                    test = rounded(_kept(keys[plan.id], made).model_dump(mode="json"))
                    kept[keys[plan.id]] = KeptTest.model_validate(test)
            write_json(kept_in, KeptTests(tests=tuple(kept.values())).model_dump(mode="json"))
    progress(STEP, len(chosen), len(chosen))
    return tuple(_tested(kept[keys[plan.id]]) for plan in chosen if keys[plan.id] in kept)


@dataclass(frozen=True)
class _Shared:
    """What every past campaign is forecast from."""

    evidence: Evidence
    plans: Sequence[Plan]
    settings: Settings
    lead_days: float


def _again(shared: _Shared, plan: Plan) -> Tested | None:
    with one_thread():
        return forecast_again(shared.evidence, plan, shared.plans, shared.settings, shared.lead_days)


def _read(cache: Path) -> tuple[KeptTest, ...]:
    if not cache.exists():
        return ()
    try:
        return read_json(cache, cache.name, KeptTests).tests
    except UserError:
        # A cache of another version or cut short is no loss: everything in it can be made again.
        return ()


def _kept(key: str, tested: Tested) -> KeptTest:
    return KeptTest(
        key=key,
        score={k: None if v != v else v for k, v in asdict(tested.score).items()},
        as_of_utc=tested.as_of,
        hours=tuple(int(h) for h in tested.hours),
        since_start=tuple(int(h) for h in tested.since_start),
        actual=_plain(tested.actual),
        middle=_plain(tested.middle),
        last_week=_plain(tested.last_week),
        top_hours=tuple(tuple(int(v) for v in row) for row in tested.tops.at),
        top_rates=tuple(tuple(float(v) for v in row) for row in tested.tops.rates),
        members={name: tuple(float(v) for v in values) for name, values in tested.members.items()},
        live_errors=tuple(_plain(row) for row in tested.live.errors),
        live_strayed=_plain(tested.live.strayed),
        live_apart=_plain(tested.live.apart),
    )


def _plain(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else float(v) for v in values)


def _tested(kept: KeptTest) -> Tested:
    names = {"campaign": str(kept.score["campaign"]), "kind": str(kept.score["kind"])}
    tops = Tops(np.array(kept.top_hours, dtype=np.int64), np.array(kept.top_rates))
    figures = {k: float("nan") if v is None else float(v) for k, v in kept.score.items() if k not in names}
    return Tested(
        Score(**names, **figures),  # type: ignore[arg-type]
        kept.as_of_utc,
        np.array(kept.hours, dtype=np.int64),
        np.array(kept.since_start, dtype=np.int64),
        _array(kept.actual),
        _array(kept.middle),
        _array(kept.last_week),
        tops.highest,
        tops,
        {name: np.array(values) for name, values in kept.members.items()},
        LiveScore(
            np.array([_array(row) for row in kept.live_errors]), _array(kept.live_strayed), _array(kept.live_apart)
        ),
    )


def _array(values: tuple[float | None, ...]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
