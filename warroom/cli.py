"""The commands of `warroom`."""

from __future__ import annotations

import typer

from warroom.retrospective.cli import mount as mount_retro


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    mount_retro(app)
