"""Rows that are posted to us: checked by signature when they come, kept in an inbox until they are pulled."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.files import write_bytes
from campaign.language import say
from campaign.workspace import Workspace
from metrics.sources.kept import locked
from metrics.sources.records import Batch, WebhookSource, batch_of, sources_of
from metrics.sources.web import secret

LARGEST_BYTES = 16 * 1024 * 1024
SIGNATURE = "X-Surgeplan-Signature"


def signature_of(body: bytes, key: str) -> str:
    """`sha256=` and the HMAC of a body: what a sender puts into the header."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def accept(folder: Path, source: WebhookSource, body: bytes, signature: str) -> HTTPStatus:
    """Keep a signed list of rows; the same body twice is kept once.

    A row is an object with history's columns, `starts_at` with its offset.
    """
    if not hmac.compare_digest(signature_of(body, secret(source.secret_env)), signature):
        return HTTPStatus.UNAUTHORIZED
    try:
        _rows(source, [body])
    except (UserError, ValueError, KeyError, TypeError, AttributeError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    inbox = folder / "state" / "inbox" / source.name
    digest = hashlib.sha256(body).hexdigest()[:16]
    inbox.mkdir(parents=True, exist_ok=True)
    with locked(inbox, wait=True):
        if not list(inbox.glob(f"*-{digest}.json")):
            number = len(list(inbox.glob("*.json"))) + 1
            write_bytes(inbox / f"{number:08d}-{digest}.json", lambda file: file.write(body))
    return HTTPStatus.ACCEPTED


def fetch_inbox(source: WebhookSource, folder: Path, since: datetime, until: datetime) -> Batch:
    """Everything posted for [since, until); a row that was posted again holds as it came last."""
    posts = [path.read_bytes() for path in sorted((folder / "state" / "inbox" / source.name).glob("*.json"))]
    batch = _rows(source, posts)
    first, end = since.timestamp(), until.timestamp()
    rows = {key: figures for key, figures in batch.rows.items() if first <= int(key[0]) < end}
    return Batch(batch.keys, batch.values, rows, max((int(key[0]) for key in rows), default=None))


def _rows(source: WebhookSource, posts: list[bytes]) -> Batch:
    """The rows of all posts, later ones over earlier ones."""
    latest: dict[tuple[int | str, ...], tuple[float, ...]] = {}
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    for body in posts:
        found = json.loads(body)
        columns = list(found[0])
        rows = [(_seconds(row["starts_at"]), [row[column] for column in columns]) for row in found]
        batch = batch_of(source, columns, rows, f"state/inbox/{source.name}")
        keys, values = batch.keys, batch.values
        latest |= batch.rows
    return Batch(keys, values, latest)


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return int(moment.timestamp())


def open_inbox(workspace: Workspace, host: str, port: int) -> ThreadingHTTPServer:
    """A server for the workspace's webhook sources.

    Raises:
        UserError: there is none, its secret is not set, or the port is taken.
    """
    sources = {s.name: s for s in sources_of(workspace.settings) if isinstance(s, WebhookSource)}
    if not sources:
        todo = say("add one with kind: webhook")
        raise UserError(Problem(say("no source takes posts"), todo, file="surgeplan.yaml", key="sources"))
    for source in sources.values():
        secret(source.secret_env)
    try:
        return inbox_server(workspace.folder, sources, host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        what = say("port {port} cannot be opened: {reason}", port=port, reason=reason)
        raise UserError(Problem(what, say("choose another one"), key="--port")) from error


def inbox_server(folder: Path, sources: dict[str, WebhookSource], host: str, port: int) -> ThreadingHTTPServer:
    """A server that takes `POST /sources/<name>`; port 0 takes a free one. The caller serves and closes it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            source = sources.get(self.path.removeprefix("/sources/"))
            length = self.headers.get("Content-Length", "")
            if source is None:
                return self._say(HTTPStatus.NOT_FOUND)
            if not length.isdigit() or int(length) > LARGEST_BYTES:
                return self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return self._say(accept(folder, source, self.rfile.read(int(length)), self.headers.get(SIGNATURE, "")))

        def _say(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what came is in the inbox."""

    return ThreadingHTTPServer((host, port), Handler)
