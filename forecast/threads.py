"""Linear algebra on one thread, wherever something is forecast."""

from __future__ import annotations

from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits


def one_thread() -> AbstractContextManager[object]:
    """Matrices this small only wait for each other on more threads, and on one bytes stay the same."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
