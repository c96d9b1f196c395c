"""Chunks of services over processes or machines; finished chunks are kept, so that Ctrl-C costs only running ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.files import write_bytes
from campaign.language import say
from campaign.spreading import spread
from forecast.many.series import Chunk, Shared, forecast_chunk

Singles = NDArray[np.float32]

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
    with spread(workers if len(missing) > 1 else 1, cluster if missing else None) as everywhere:
        at_once = WAVE_PER_WORKER * everywhere.width
        for first in range(0, len(missing), at_once):
            wave = missing[first : first + at_once]
            for i, made in zip(wave, everywhere.run(forecast_chunk, shared, [chunks[i] for i in wave]), strict=True):
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
