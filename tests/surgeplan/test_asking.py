"""At a terminal, what the files leave open is asked; a real terminal of the system takes part."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))

import exports

from campaign.workspace import open_workspace

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 40


def converse(arguments: list[str], replies: list[tuple[str, str]]) -> tuple[int, str]:
    """Run the command at a terminal; type each reply once its prompt is shown. Returns the exit code and the screen."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "surgeplan", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        close_fds=True,
    )
    os.close(follower)
    screen, waiting, until = "", list(replies), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                screen += os.read(leader, 65_536).decode("utf-8", "replace")
            except OSError:
                break
        if waiting and waiting[0][0] in screen.rpartition(waiting[0][1])[2]:
            os.write(leader, (waiting.pop(0)[1] + "\n").encode())
        if process.poll() is not None and not select.select([leader], [], [], 0)[0]:
            break
    process.kill() if process.poll() is None else None
    code = process.wait()
    os.close(leader)
    return code, screen


def test_open_questions_are_asked_one_after_the_other(tmp_path: Path) -> None:
    exports.text_file(tmp_path / "exports" / "visits.csv", exports.csv_text(exports.hourly_report(24 * 20)))
    arguments = ["init", str(tmp_path / "shop"), "--from", str(tmp_path / "exports"), "--lang", "en"]
    replies = [("--time-zone", "Asia/Shanghai"), ("--requests-per-session", "12"), ("--service", "web")]
    code, screen = converse(arguments, replies)
    assert code == 0, screen
    workspace = open_workspace(tmp_path / "shop")
    assert workspace.settings.time_zone == "Asia/Shanghai"
    assert workspace.settings.service_names == ("web",)
