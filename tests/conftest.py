"""What every test starts with."""

from __future__ import annotations

import pytest

from campaign.language import use_language


@pytest.fixture(autouse=True)
def _english() -> None:
    """A command chooses the language for its process; the next test begins in English all the same."""
    use_language("en")
