"""What every test starts with."""

from __future__ import annotations

import pytest
from hypothesis import settings

from campaign.language import use_language

settings.register_profile("surgeplan", deadline=None)  # how long an example takes is the machine's affair, not a law
settings.load_profile("surgeplan")


@pytest.fixture(autouse=True)
def _english() -> None:
    """A command chooses the language for its process; the next test begins in English all the same."""
    use_language("en")
