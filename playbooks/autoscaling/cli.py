"""The commands of `autoscaling`."""

from __future__ import annotations

import typer


def mount(app: typer.Typer) -> None:
    """Add this lane's commands to the app."""
