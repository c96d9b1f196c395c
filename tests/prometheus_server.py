"""A real Prometheus on loopback, filled with samples of any time."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Prometheus is not installed"
)


@contextmanager
def prometheus_with(folder: Path, exposition: str) -> Iterator[str]:
    """The address of a server that knows the samples of an OpenMetrics text."""
    (folder / "metrics.txt").write_text(exposition)
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", f"{folder}/metrics.txt", f"{folder}/data"]
    subprocess.run(blocks, check=True, capture_output=True, timeout=60)
    with prometheus_running(folder, "scrape_configs: []\n") as address:
        yield address


@contextmanager
def prometheus_running(folder: Path, settings: str) -> Iterator[str]:
    """The address of a server with these settings, its data in `folder/data`."""
    (folder / "prometheus.yml").write_text(settings)
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         "--storage.tsdb.retention.time=10y", f"--web.listen-address={address}", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail("Prometheus did not start")
