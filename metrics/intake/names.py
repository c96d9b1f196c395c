"""Names that services, desks and channels may have."""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 100


def identifier(text: str) -> str:
    """A name that a service may have; letters of other scripts are kept out, so it may come out empty."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", text.strip()).strip("-._@")[:LONGEST_NAME]


def label(text: str) -> str:
    """A name in any script that a channel may have: `app推送` of `App推送🔥`, `app-push` of `App Push`."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^\w.@-]+", "-", plain).strip("-._@")[:LONGEST_NAME]
