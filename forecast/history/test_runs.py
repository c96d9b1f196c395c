"""Load tests that this workspace ran against real hosts: what they sent is no demand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from campaign.workspace import Workspace
from forecast.epochs import epoch
from forecast.history.readings import Stretch

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def load_test_runs(workspace: Workspace) -> Iterator[Stretch]:
    """The windows of every `results.json` under `out/*/loadtest`, on every service that the run's campaign touches.

    Practice runs and runs against this machine are left out: no service of the workspace saw them.
    """
    out = workspace.folder / "out"
    for path in sorted(out.glob("*/loadtest/**/results.json")):
        window = _window(path)
        plan = next((plan for plan in workspace.plans if plan.id == path.relative_to(out).parts[0]), None)
        for service in workspace.settings.service_names if window else ():
            if window and (plan is None or plan.touches(service)):
                yield Stretch(service, *window)


def _window(path: Path) -> tuple[int, int] | None:
    """Start and end in seconds of UTC; None where the record does not tell or the host was this machine."""
    try:
        record = json.loads(path.read_text("utf-8"))
        host = urlsplit(str(record.get("host", ""))).hostname
        if record.get("practice") or host in LOOPBACK:
            return None
        return epoch(datetime.fromisoformat(record["started_at_utc"])), epoch(
            datetime.fromisoformat(record["ended_at_utc"])
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
