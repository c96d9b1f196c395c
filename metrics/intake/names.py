"""Names that services, desks and channels may have."""

from __future__ import annotations

import re

LONGEST_NAME = 100


def identifier(text: str) -> str:
    """A name that a service may have; letters of other scripts are kept out, so it may come out empty."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", text.strip()).strip("-._@")[:LONGEST_NAME]
