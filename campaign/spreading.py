"""Work spread over processes here, or over machines through dask: the same function on every item, results in order.

Processes are spawned: with forked ones a pool hung after Prophet had run in the parent. More machines come through
plain `dask.distributed` (extra `dask`).
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from campaign.errors import Problem, UserError
from campaign.language import say

Function = Callable[[Any, Any], Any]
Run = Callable[[Function, Any, Sequence[Any]], list[Any]]
"""[function(shared, item) for each item]; `shared` is sent once to each machine."""


@dataclass(frozen=True)
class Spread:
    """How to run, and how many items run at once."""

    run: Run
    width: int


def _here(function: Function, shared: Any, items: Sequence[Any]) -> list[Any]:
    return [function(shared, item) for item in items]


HERE = Spread(_here, 1)


@contextmanager
def spread(workers: int, cluster: str | None = None, loads: str = "") -> Iterator[Spread]:
    """Over so many processes, this one alone where it is one; or over a dask scheduler's workers instead.

    loads: a module that processes begin to load at once, while the first items are still being made ready here.

    Raises:
        UserError: the cluster cannot be reached, or dask is not installed.
    """
    if cluster is not None:
        with _cluster(cluster) as found:
            yield found
    elif workers <= 1:
        yield HERE
    else:
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_leave_interrupts)
        for _ in range(workers if loads else 0):
            pool.submit(_load, loads)
        try:
            yield Spread(partial(_pooled, pool), workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches the whole process group; workers finish their item and let the parent decide."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _load(module: str) -> None:
    importlib.import_module(module)


def _pooled(pool: ProcessPoolExecutor, function: Function, shared: Any, items: Sequence[Any]) -> list[Any]:
    return list(pool.map(partial(function, shared), items))


@contextmanager
def _cluster(address: str) -> Iterator[Spread]:
    try:
        from distributed import Client
    except ImportError as error:
        what = say("more than one machine needs dask.distributed, which is not installed")
        raise UserError(Problem(what, say("install it: pip install 'surgeplan[dask]'"), key="--cluster")) from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        what = say("no dask scheduler answers at {address}", address=address)
        todo = say("start one with: dask scheduler, and on every machine: dask worker ADDRESS")
        raise UserError(Problem(what, todo, key="--cluster")) from error
    with client:

        def run(function: Function, shared: Any, items: Sequence[Any]) -> list[Any]:
            # Keys of their own: what equal data had was let go a moment ago, and is forgotten later.
            everywhere = client.scatter(shared, broadcast=True, hash=False)
            sent = client.scatter(list(items), hash=False)
            futures = client.map(lambda item, given: function(given, item), sent, given=everywhere)
            return list(client.gather(futures))

        yield Spread(run, max(sum(client.nthreads().values()), 1))
