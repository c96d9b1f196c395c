"""What every test starts with."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from campaign.language import use_language
from tests.made_once import SHOP, made_once, make_pack

settings.register_profile("surgeplan", deadline=None)  # how long an example takes is the machine's affair, not a law
settings.load_profile("surgeplan")


@pytest.fixture(autouse=True)
def _english() -> None:
    """A command chooses the language for its process; the next test begins in English all the same."""
    use_language("en")


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example after `surgeplan run`: several tests read it, and change copies of it."""
    return made_once(tmp_path_factory, "pack", make_pack) / SHOP
