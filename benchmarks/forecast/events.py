"""Forecasts of past events, two at a time, each kept in a folder by everything that it depends on."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sets import DataSet, data_set
from threadpoolctl import threadpool_limits

import forecast
from forecast.backtest.again import Tested, forecast_again, testable
from forecast.backtest.peers import PeerForecast, peers_of

FAR = datetime(2100, 1, 1, tzinfo=UTC)
PROCESSES = 2
PEER_MODULES = ("backtest/peers.py", "baseline/prophet_baseline.py", "uplift/kernels.py", "uplift/terms.py")
LATER_MODULES = (
    *("judged.py", "scores_file.py", "calibration.py", "tail.py", "weights.py", "peers.py"),
    *("stack.py", "course.py", "bending.py", "model.py", "publish.py", "cache.py", "cli.py"),
)
"""What is done with forecasts once they are made: it changes without their being made again."""


@dataclass(frozen=True)
class Event:
    """One past event: what the stack's members said and what came, the peers on the same hours, and our seconds."""

    tested: Tested
    peers: tuple[PeerForecast, ...]
    seconds: float


@dataclass(frozen=True)
class Wanted:
    """One event of one set, forecast `lead_days` before its start, the peers too if `peers`; kept_in: where that is
    remembered."""

    folder: Path
    name: str
    plan: str
    lead_days: float
    kept_in: Path
    peers: bool = True


def events_of(
    data: DataSet, folder: Path, lead_days: float, kept_in: Path, most: int | None, peers: bool = True
) -> tuple[Event, ...]:
    """The set's events in time order, the last `most` of them, made by two processes."""
    chosen = testable(data.evidence, data.plans, lead_days, FAR)
    chosen = chosen if most is None else chosen[-most:]
    wanted = [Wanted(folder, data.name, plan.id, lead_days, kept_in, peers) for plan in chosen]
    return tuple(event for event in _made(wanted) if event is not None)


def _made(wanted: Iterable[Wanted]) -> Iterator[Event | None]:
    # Spawned, not forked: a pool forked after Prophet has run hangs.
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(made, wanted)


def made(wanted: Wanted) -> Event | None:
    """Forecast the event or take it from the folder."""
    data = _loaded(wanted.folder, wanted.name)
    plan = next(plan for plan in data.plans if plan.id == wanted.plan)
    with threadpool_limits(1):
        about = (wanted.name, wanted.plan, wanted.lead_days)
        ours = wanted.kept_in / f"{_hash(*about, _model(), _data_code())}.ours"
        found = _kept(ours)
        if found is None:
            began = time.monotonic()
            tested = forecast_again(data.evidence, plan, data.plans, data.settings, wanted.lead_days)
            found = _keep(ours, (tested, time.monotonic() - began))
        tested, seconds = found
        if tested is None:
            return None
        if not wanted.peers:
            return Event(tested, (), seconds)
        theirs = wanted.kept_in / f"{_hash(*about, _peer_code(), _data_code())}.peers"
        peers = _kept(theirs)
        if peers is None:
            peers = _keep(theirs, peers_of(data.evidence, tested, plan, data.plans, data.settings))
    return Event(tested, peers, seconds)


@cache
def _loaded(folder: Path, name: str) -> DataSet:
    return data_set(folder, name)


def _kept(path: Path) -> Any:
    return pickle.loads(path.read_bytes()) if path.exists() else None


def _keep(path: Path, value: Any) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
    return value


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@cache
def _model() -> str:
    root = Path(forecast.__file__).parent
    files = (file for file in sorted(root.rglob("*.py")) if file.name not in LATER_MODULES)
    return _hash(*(file.read_bytes() for file in files))


@cache
def _peer_code() -> str:
    root = Path(forecast.__file__).parent
    return _hash(*((root / name).read_bytes() for name in PEER_MODULES))


@cache
def _data_code() -> str:
    return _hash(*(file.read_bytes() for file in sorted(Path(__file__).parent.glob("sets*.py"))))
