"""A progress bar that appears only when waiting has become noticeable."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from campaign.console import Progress as Told
from campaign.language import Text

PATIENCE_SECONDS = 2.0


@contextmanager
def show() -> Iterator[Told]:
    """Yield the callable that steps are told to; each step that outlasts two seconds is shown."""
    terminal = Console(file=sys.stderr)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
        console=terminal, disable=not terminal.is_terminal, transient=True,
    )  # fmt: skip
    began = time.monotonic()
    tasks: dict[str, int] = {}

    def told(step: Text, done: int, of: int) -> None:
        if time.monotonic() - began < PATIENCE_SECONDS:
            return
        name = str(step)
        if not bar.live.is_started:
            bar.start()
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=of)
            if not terminal.is_terminal:
                sys.stderr.write(name + " …\n")
        bar.update(tasks[name], completed=done, total=of)  # type: ignore[arg-type]

    try:
        yield told
    finally:
        bar.stop()
