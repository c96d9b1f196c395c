"""Chunks of services over processes or machines; finished chunks are kept, so that Ctrl-C costs only the running ones.

Processes are spawned: with forked ones a pool hung after Prophet had run in the parent. More machines come through
plain `dask.distributed` (extra `dask`): `client.map` over the same function, so the numbers are the same.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.files import write_bytes
from campaign.language import say
from forecast.many.series import Chunk, Shared, forecast_chunk

Singles = NDArray[np.float32]
Run = Callable[[Shared, Sequence[Chunk]], list[Singles]]

STEP = say("Forecasting services")
CHUNK_SERVICES = 25
WAVE_PER_WORKER = 2


def forecast_all(
    shared: Shared,
    chunks: Sequence[Chunk],
    folder: Path,
    method: str,
    workers: int = 1,
    cluster: str | None = None,
    progress: Progress = no_progress,
) -> Iterator[Singles]:
    """The chunks' paths in their order, at most a few waves of them in memory.

    folder: where finished chunks are kept, named by the hash of all they were made from; method: hash of the program;
    cluster: address of a dask scheduler, instead of processes here.

    Raises:
        UserError: the cluster cannot be reached, or dask is not installed.
    """
    names = [folder / f"{key_of(shared, chunk, method)}.npy" for chunk in chunks]
    missing = [i for i, name in enumerate(names) if not name.exists()]
    progress(STEP, len(chunks) - len(missing), len(chunks))
    with runner(workers if len(missing) > 1 else 1, cluster if missing else None) as (run, at_once):
        for first in range(0, len(missing), at_once):
            wave = missing[first : first + at_once]
            for i, made in zip(wave, run(shared, [chunks[i] for i in wave]), strict=True):
                write_bytes(names[i], partial(_save, values=made))
            progress(STEP, len(chunks) - len(missing) + first + len(wave), len(chunks))
    for name in names:
        yield np.load(name, allow_pickle=False)


def _save(file: IO[bytes], values: Singles) -> None:
    np.save(file, values)


def key_of(shared: Shared, chunk: Chunk, method: str) -> str:
    """Hash of everything a chunk's paths depend on."""
    digest = hashlib.sha256(method.encode())
    for value in (*vars(shared).values(), *vars(chunk).values()):
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()[:32]


@contextmanager
def runner(workers: int, cluster: str | None) -> Iterator[tuple[Run, int]]:
    """Something that runs a wave of chunks, and how many make a wave."""
    if cluster is not None:
        with _cluster(cluster) as found:
            yield found
    elif workers <= 1:
        yield _here, WAVE_PER_WORKER
    else:
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_leave_interrupts)
        try:
            yield partial(_pooled, pool), WAVE_PER_WORKER * workers
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _here(shared: Shared, chunks: Sequence[Chunk]) -> list[Singles]:
    return [forecast_chunk(shared, chunk) for chunk in chunks]


def _leave_interrupts() -> None:
    """Ctrl-C reaches the whole process group; workers finish their chunk and let the parent decide."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _pooled(pool: ProcessPoolExecutor, shared: Shared, chunks: Sequence[Chunk]) -> list[Singles]:
    return list(pool.map(partial(forecast_chunk, shared), chunks))


@contextmanager
def _cluster(address: str) -> Iterator[tuple[Run, int]]:
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
        threads = max(sum(client.nthreads().values()), 1)

        def run(shared: Shared, chunks: Sequence[Chunk]) -> list[Singles]:
            everywhere = client.scatter(shared, broadcast=True)
            futures = client.map(lambda chunk, given: forecast_chunk(given, chunk), chunks, given=everywhere)
            return list(client.gather(futures))

        yield run, WAVE_PER_WORKER * threads
