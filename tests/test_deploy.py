"""The container's files agree with each other and with the service; deploy/check.sh proves the image."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from warroom.cli import PORT

DEPLOY = Path(__file__).parents[1] / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()


@pytest.fixture
def services() -> dict[str, Any]:
    composed: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text())
    assert composed.keys() == {"services", "volumes"}
    return dict(composed["services"])


def test_compose_starts_what_the_image_starts_on_its_port(services: dict[str, Any]) -> None:
    image = re.findall(r"^CMD (.*)$", CONTAINERFILE, re.M)[-1]
    service = services["surgeplan"]
    assert service["command"][: len(json.loads(image))] == json.loads(image)
    assert f"EXPOSE {PORT}\n" in CONTAINERFILE
    assert service["ports"] == [f"127.0.0.1:{PORT}:{PORT}"], "only a gateway on the same machine reaches it"
    assert service["volumes"][0].endswith(":/workspace")
    assert "VOLUME /workspace\n" in CONTAINERFILE


def test_compose_asks_for_health_as_the_image_does(services: dict[str, Any]) -> None:
    asked = re.search(r"^HEALTHCHECK .*\\\n +CMD (.*)$", CONTAINERFILE, re.M)
    assert asked
    assert services["surgeplan"]["healthcheck"]["test"] == ["CMD", *json.loads(asked[1])]


def test_the_database_is_waited_for_only_where_it_is_wanted(services: dict[str, Any]) -> None:
    assert services["database"]["profiles"] == ["postgres"]
    assert services["surgeplan"]["depends_on"]["database"] == {"condition": "service_healthy", "required": False}


@pytest.mark.slow
def test_what_is_checked_in_the_image_holds_outside_it(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(DEPLOY / "check.py"), str(tmp_path / "shop"), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plan submitted and committed: Lin: double11-2026-opening" in done.stdout
