"""How long the example's desks take, and what the self-check says.

.venv/bin/surgeplan run double11-2026-opening --workspace shop
nice .venv/bin/python benchmarks/staffing/example.py shop double11-2026-opening
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from campaign.console import no_progress
from campaign.workspace import open_workspace
from playbooks.staffing.publish import publish_staffing

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)


def main(folder: str, campaign: str) -> None:
    workspace = open_workspace(Path(folder))
    began, worked = time.perf_counter(), time.process_time()
    plan = publish_staffing(workspace, campaign, NOW, no_progress)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    print(f"{len(plan.desks)} desks, {plan.paths} demand paths: {took:.1f} s, {worked:.1f} s of them at work\n")
    print("| desk | people at the peak | paid ÷ required | missing hours | predicted | simulated | paths |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for desk in plan.desks:
        check = desk.self_check
        levels = f"{check.predicted_ratio:.3f} | {check.simulated_ratio:.3f} | {check.paths}" if check else "– | – | –"
        ratio = "–" if desk.paid_to_required_ratio is None else f"{desk.paid_to_required_ratio:.3f}"
        print(f"| {desk.desk} | {desk.peak.agents_required} | {ratio} | {desk.shortage.agent_hours:.1f} | {levels} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
