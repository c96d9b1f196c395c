"""Names in pictures: cut where they would push the picture aside, else left alone."""

from __future__ import annotations

import pytest

from campaign.charts import fitted


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("checkout", "checkout"),
        ("exactly-eleven", "exac…even"),
        ("双11 开门红", "双11…门红"),
        ("一二三四五", "一二三四五"),
        ("", ""),
    ],
)
def test_a_name_is_as_wide_as_it_may_be_and_no_wider(name: str, shown: str) -> None:
    assert fitted(name, 10) == shown
