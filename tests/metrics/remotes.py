"""Local servers that answer as Prometheus and Feishu do, and workspaces that pull from them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from campaign.workspace import open_workspace
from metrics.sources.pull import Pulled, pull

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
HEAD = "time_zone: Asia/Shanghai\nservices: [{name: shop}, {name: pay}]\n"


class Remote:
    """A local server that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.pause_seconds = 0.0
        remote = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = json.loads(body) if body.startswith("{") else {k: v[0] for k, v in parse_qs(body).items()}
                remote.asked.append((self.path, given, self.headers.get("Authorization", "")))
                time.sleep(remote.pause_seconds)
                if remote.failures:
                    status, headers = remote.failures.pop(0)
                    return self._send(status, b"{}", headers)
                return self._send(200, json.dumps(remote.answer(self.path, given)).encode(), {})

            def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class FakePrometheus(Remote):
    """A constant 60 requests a minute; `warnings` makes answers partial."""

    warnings: tuple[str, ...] = ()

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        times = range(int(given["start"]), int(given["end"]) + 1, int(given["step"]))
        series = [{"metric": {"service": "shop"}, "values": [[t, "60"] for t in times]}]
        found = {"status": "success", "data": {"resultType": "matrix", "result": series}}
        return found | ({"warnings": list(self.warnings)} if self.warnings else {})


class FakeFeishu(Remote):
    """1,200 records, handed out by pages of at most what is asked for."""

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("tenant_access_token/internal"):
            known = given == {"app_id": "cli_a", "app_secret": "s3cret"}
            return {"code": 0, "tenant_access_token": "t-1"} if known else {"code": 10003, "msg": "invalid param"}
        query = parse_qs(urlsplit(path).query)
        first, size = int(query.get("page_token", ["0"])[0]), int(query["page_size"][0])
        assert size <= 500
        items = [self.record(n) for n in range(first, min(first + size, 1200))]
        more = {"has_more": True, "page_token": str(first + size)} if first + size < 1200 else {"has_more": False}
        return {"code": 0, "data": {"items": items, **more}}

    @staticmethod
    def record(number: int) -> dict[str, Any]:
        at = NOW - timedelta(hours=number)
        return {"record_id": f"r{number}", "fields": {"时间": int(at.timestamp() * 1000), "订单": 100 + number % 24}}


def workspace(folder: Path, *sources: str) -> Path:
    (folder / "surgeplan.yaml").write_text(HEAD + "sources:\n" + "".join(f"  - {source}\n" for source in sources))
    return folder


def pulled(folder: Path, now: datetime = NOW, sleeps: list[float] | None = None) -> Pulled:
    (one,) = pull(open_workspace(folder), now, (sleeps if sleeps is not None else []).append)
    return one
