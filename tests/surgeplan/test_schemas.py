"""The published schemas are those of the records."""

from __future__ import annotations

from campaign.language import ROOT
from surgeplan.schemas import schemas


def test_published_schemas_are_fresh() -> None:
    published = {file.name: file.read_text("utf-8") for file in (ROOT / "docs" / "schemas").glob("*.json")}
    assert published == schemas(), "run `make schemas`"
