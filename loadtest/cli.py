"""The commands of `loadtest`."""

from __future__ import annotations

import typer


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
