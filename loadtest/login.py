"""Whether a reply shows that the visitor is logged in no more, though it says 200."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# The name of such an error in a run's record.
TO_LOGIN = "redirected to a login page"
LOGIN_PATH = re.compile(r"(^|[/._-])(log-?in|sign-?in|sso|passport)([/._-]|$)", re.IGNORECASE)


def is_login(address: str) -> bool:
    """Whether a URL, or its path, is that of a login page."""
    return LOGIN_PATH.search(urlsplit(address).path) is not None
