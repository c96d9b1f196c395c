"""Pages that are asked for again and again are sent only when they say something new (ETag, 304)."""

from __future__ import annotations

import gzip
import hashlib

from starlette.requests import Request
from starlette.responses import Response

REVALIDATE = "private, no-cache"
WORTH_ZIPPING, ZIPPED_AT = 1000, 4


def tag_of(*said: str) -> str:
    """A tag for what a page says."""
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:24]


def is_known(request: Request, tag: str) -> bool:
    """Whether whoever asks has what would be sent."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or quoted(tag) in [each.strip().removeprefix("W/") for each in known.split(",")]


def not_modified(tag: str) -> Response:
    return tagged(Response(status_code=304), tag)


def zipped(request: Request, text: str, media_type: str) -> Response:
    """The text, compressed for who reads that. For what holds no secret only: its length may be told from outside."""
    content, headers = text.encode(), {"vary": "Accept-Encoding"}
    if len(content) > WORTH_ZIPPING and "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, ZIPPED_AT, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)


def tagged(answer: Response, tag: str) -> Response:
    """An answer that may be kept, if it is asked for again each time."""
    answer.headers["etag"] = quoted(tag)
    answer.headers["cache-control"] = REVALIDATE
    return answer


def quoted(tag: str) -> str:
    return f'"{tag}"'
