"""Fifty exports in the states the wild has them in: each gives the right table, the right question, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from exports_of_the_wild import EXPORTS
from wild_parts import FIRST, Asks, Export, Gives, Refuses

from campaign.errors import UserError
from campaign.language import use_language
from metrics.intake.folder import read_folder
from metrics.intake.records import Recognised, Unanswered

IDS = [export.file for export in EXPORTS]


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def read(folder: Path, export: Export) -> Recognised:
    export.make(folder / export.file)
    intake = read_folder(folder, export.answers)
    assert len(intake.recognised) == 1
    return intake.recognised[0]


def those(kind: type) -> list[Export]:
    return [export for export in EXPORTS if isinstance(export.gives, kind)]


def test_there_are_at_least_thirty_of_both_languages() -> None:
    assert len(set(IDS)) == len(IDS) >= 30
    assert len(those(Gives)) >= 20
    assert len(those(Asks)) >= 8
    assert len(those(Refuses)) >= 8


@pytest.mark.parametrize("export", those(Gives), ids=lambda export: export.file)
def test_the_right_table(tmp_path: Path, export: Export) -> None:
    gives = export.gives
    assert isinstance(gives, Gives)
    found = read(tmp_path, export)
    assert found.reader == gives.reader
    buckets = {part.measure: part for part in found.buckets}
    assert {m: (buckets[m].seconds, len(buckets[m].values)) for m in gives.buckets} == gives.buckets
    figures = {(m, key): buckets[m].values[key, FIRST] for m, key in gives.figures}
    assert figures == pytest.approx(gives.figures)
    assert set(gives.notes) <= set(map(str, found.notes))
    assert tuple(service.name for service in found.services) == gives.services
    assert tuple(plan.id for plan in found.plans) == gives.plans
    assert bool(found.buckets) == bool(gives.buckets or gives.figures)


@pytest.mark.parametrize("export", those(Asks), ids=lambda export: export.file)
def test_the_right_question(tmp_path: Path, export: Export) -> None:
    gives = export.gives
    assert isinstance(gives, Asks)
    with pytest.raises(Unanswered) as caught:
        read(tmp_path, export)
    (question,) = caught.value.questions
    assert (question.option, question.place.file) == (gives.option, export.file)
    assert gives.words in str(question.what)


@pytest.mark.parametrize("export", those(Refuses), ids=lambda export: export.file)
def test_the_right_refusal(tmp_path: Path, export: Export) -> None:
    gives = export.gives
    assert isinstance(gives, Refuses)
    with pytest.raises(UserError) as caught:
        read(tmp_path, export)
    (problem,) = caught.value.problems
    assert not isinstance(caught.value, Unanswered)
    assert (problem.file, problem.key, problem.line) == (export.file, gives.sheet, gives.row)
    assert gives.words in str(problem.what)
