"""Starting what sends and what is sent to, as processes of their own; what they leave behind is read afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.language import say
from loadtest.results import PracticeTarget

OBSERVATIONS, LOG = "observations.jsonl", "locust.log"
STOP_SECONDS = 8.0
STALL_FROM_SECONDS = 10.0
# How the sending process ends when its record cannot be written, such as on a full disk.
RECORD_LOST = 74


@dataclass(frozen=True)
class Launch:
    """What a run is started with. `folder` holds locustfile.py and data/; `record` receives what is seen."""

    folder: Path
    scenario: Path
    record: Path
    url: str
    run_id: str
    processes: int = 1
    confirmed: str | None = None
    writes_allowed: bool = False


@dataclass(frozen=True)
class Ended:
    """How the sending process ended."""

    exit_code: int
    interrupted: bool
    seconds: float


def run_locust(launch: Launch, expected_seconds: float, told: Callable[[float], None]) -> Ended:
    """Run locust headless on the scenario until it is done; `told` hears the seconds gone, about twice a second.

    Ctrl-C asks locust to stop, waits for what it still has to write, and returns.
    """
    launch.record.mkdir(parents=True, exist_ok=True)
    (launch.record / OBSERVATIONS).unlink(missing_ok=True)
    began = time.monotonic()
    interrupted = False
    with open(launch.record / LOG, "wb") as log:
        process = subprocess.Popen(
            _command(launch), cwd=launch.folder, env=_environment(launch),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            while True:
                try:
                    process.wait(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    told(time.monotonic() - began)
                    if time.monotonic() - began > expected_seconds:
                        break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _stop(process)
    return Ended(process.returncode, interrupted, time.monotonic() - began)


def _command(launch: Launch) -> list[str]:
    command = [
        sys.executable, "-m", "locust", "--locustfile", "locustfile.py", "--headless", "--only-summary",
        "--host", launch.url, "--users", str(launch.processes), "--spawn-rate", str(launch.processes),
        "--csv", str((launch.record / "locust").resolve()), "--exit-code-on-error", "0",
    ]  # fmt: skip
    if launch.processes > 1:
        port = str(_free_port())
        command += ["--processes", str(launch.processes), "--master-bind-port", port, "--master-port", port]
    return command


def _free_port() -> int:
    """A port for locust's own messages, so that two runs on one machine do not meet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(launch: Launch) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")}
    own = {
        "SURGEPLAN_SCENARIO": str(launch.scenario.resolve()),
        "SURGEPLAN_OBSERVATIONS": str((launch.record / OBSERVATIONS).resolve()),
        "SURGEPLAN_RUN_ID": launch.run_id,
        "SURGEPLAN_WRITES": "allowed" if launch.writes_allowed else "refused",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_home()), os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if launch.confirmed:
        own["SURGEPLAN_CONFIRMED"] = launch.confirmed
    return kept | own


def _home() -> Path:
    return Path(__file__).resolve().parent.parent


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def startup_problem(record: Path) -> Problem:
    """Why locust never started sending, from what it said last."""
    said = (record / LOG).read_text("utf-8", errors="replace").strip().splitlines()
    places = [line.strip() for line in said if line.strip().startswith("File ") and "locustfile.py" in line]
    line = int(places[-1].split("line ")[1].split(",")[0]) if places else None
    last = next((text for text in reversed(said) if text.strip()), "")
    return Problem(
        say("locust did not start: {reason}", reason=last.strip()[-400:]),
        say("the whole output is in {file}", file=str(record / LOG)),
        file="locustfile.py" if line else "",
        line=line,
    )


def last_words(record: Path) -> str:
    """The last line of locust's log."""
    said = (record / LOG).read_text("utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else ""


@contextmanager
def practice_target(target: PracticeTarget, port: int = 0, extra: tuple[str, ...] = ()) -> Iterator[str]:
    """The practice target as a process of its own; yields its URL.

    Raises:
        UserError: the port is in use.
    """
    command = [
        sys.executable, "-m", "loadtest.practice", "--port", str(port), "--workers", str(target.workers),
        "--service-ms", str(target.service_ms), "--replicas", str(target.replicas), *extra,
    ]  # fmt: skip
    if target.distribution == "exponential":
        command.append("--exponential")
    if target.stall_seconds:
        command += ["--stall-from-seconds", str(STALL_FROM_SECONDS)]
    for name in ("admits_per_second", "stall_seconds", "cold_start_seconds", "memory_requests"):
        value = getattr(target, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_home(), start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        word, _gap, rest = process.stdout.readline().decode().strip().partition(" ")
        if word != "listening":
            what = say("the practice target cannot listen on port {port}: {reason}", port=port, reason=rest)
            raise UserError(Problem(what, say("choose another port, or leave it out"), key="--practice-port"))
        yield f"http://127.0.0.1:{rest}"
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
