"""Files that are never half-written, always hashed, and the same bytes for the same content."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from campaign.errors import Problem, UserError
from campaign.language import say

SIGNIFICANT_DIGITS = 6
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_ROOM = (*FULL, errno.EROFS)


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path` to write to; it takes the place of `path` only when all went well.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise unwritable(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UserError:
    todo = say("make the folder writable or choose another workspace; earlier files are untouched")
    if error.errno in FULL:
        todo = say("free some room or choose another workspace; earlier files are untouched")
    return UserError(
        Problem(say("cannot be written: {reason}", reason=error.strerror or str(error)), todo, file=str(path))
    )


def write_text(path: Path, text: str, *, bom: bool = False) -> None:
    """Write UTF-8 text atomically; `bom` is for CSV files that people open in a spreadsheet."""
    with writing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))


def write_bytes(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a binary file atomically: `write` is given the open file."""
    with writing(path) as temporary, open(temporary, "wb") as file:
        write(file)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, numbers to six significant digits."""
    write_text(path, to_json(content))


def to_json(content: Any) -> str:
    return json.dumps(rounded(content), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def rounded(content: Any) -> Any:
    """The same content with floats at six significant digits; NaN becomes null, infinity is refused by JSON."""
    if isinstance(content, float):
        if math.isnan(content):
            return None
        return float(f"{content:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    return content
