"""`surgeplan staffing`: what given people achieve."""

from __future__ import annotations

import typer


def mount(app: typer.Typer) -> None:
    """Add the staffing commands to the app."""
