"""What kinds of moment are called."""

from __future__ import annotations

import pytest

from campaign.moments import KINDS, moment_name


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_plans_share_is_said_in_the_readers_language(kind: str) -> None:
    name = moment_name(kind)
    assert not isinstance(name, str)
    assert name.speak("en") == KINDS[kind].message
    assert not name.speak("zh").isascii()


def test_a_kind_that_somebody_invented_keeps_its_name_even_where_the_catalogs_know_the_word() -> None:
    assert moment_name("total") == "total"
