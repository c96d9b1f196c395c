"""The frozen bundle: what marketing hands to operations at D-3, named by the hash of its content."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import AwareDatetime

from campaign.documents import FileRecord

HASH_LENGTH = 16


class FrozenBundle(FileRecord):
    """`out/<id>/frozen/<hash>/bundle.json`; the files lie beside it under the same relative names.

    files: SHA-256 by path in the workspace. components: what sign-offs bind to (see `playbooks.readiness.binding`).
    peaks: p90 peak in requests per second by service. missing: what was not there to freeze.
    """

    schema_version: Literal[1] = 1
    campaign: str
    hash: str
    as_of_utc: AwareDatetime
    files: dict[str, str]
    components: dict[str, str]
    peaks: dict[str, float]
    missing: tuple[str, ...] = ()


def bundle_hash(files: dict[str, str]) -> str:
    """The bundle's name: SHA-256 over its files' names and hashes, its first sixteen hex digits."""
    canonical = json.dumps(files, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]
