"""YAML in, records out: what people write is what is read, and every problem has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.documents import read_yaml, validate
from campaign.errors import UserError
from campaign.plan import Plan

PLAN = """\
schema_version: 1
id: drop
kind: flash-sale
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-11T00:00+08:00
"""


def read(folder: Path, text: str) -> Plan:
    (folder / "drop.yaml").write_text(text, "utf-8")
    return validate(read_yaml(folder / "drop.yaml", "campaigns/drop.yaml"), Plan)


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as refused:
        read(folder, text)
    return [str(problem) for problem in refused.value.problems]


def test_the_four_required_keys_are_a_plan(tmp_path: Path) -> None:
    plan = read(tmp_path, PLAN)
    assert plan.starts_at.isoformat() == "2026-11-10T20:00:00+08:00"
    assert plan.title == "drop"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("22:30", "22:30"), ("NO", "NO"), ("on", "on"), ("2026-11-11", "2026-11-11")],
)
def test_yaml_1_1_surprises_stay_text(tmp_path: Path, value: str, expected: str) -> None:
    assert read(tmp_path, PLAN + f"name: {value}\n").name == expected


def test_an_unknown_key_is_refused_with_line_and_the_nearest_known_key(tmp_path: Path) -> None:
    text = PLAN + "offers:\n  - id: cut\n    titel: cut 50\n"
    assert refusal(tmp_path, text) == ["campaigns/drop.yaml:8 offers[0].titel: unknown key\n  did you mean title?"]


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    text = PLAN.replace("kind: flash-sale\n", "") + "drivers: {audience: many}\nmoments: [{at: 20:00, kind: opening}]\n"
    assert refusal(tmp_path, text) == [
        "campaigns/drop.yaml:1 kind: this key is required\n  add it",
        "campaigns/drop.yaml:5 drivers.audience: 'many' is not a number",
        "campaigns/drop.yaml:6 moments[0].at: '20:00' is not a time\n  write it as 2026-11-10T20:00+08:00",
    ]


def test_a_time_without_offset_is_refused(tmp_path: Path) -> None:
    text = PLAN.replace("20:00+08:00", "20:00")
    assert refusal(tmp_path, text) == [
        "campaigns/drop.yaml:4 starts_at: 2026-11-10T20:00 has no offset\n"
        "  write the offset too, for example 2026-11-10T20:00+08:00"
    ]


def test_an_end_before_the_start_is_refused_at_its_key(tmp_path: Path) -> None:
    text = PLAN.replace("2026-11-11T00:00", "2026-11-10T08:00")
    assert refusal(tmp_path, text) == [
        "campaigns/drop.yaml:5 ends_at: ends_at 2026-11-10T08:00:00+08:00 is not after"
        " starts_at 2026-11-10T20:00:00+08:00\n  swap them, or correct the date"
    ]


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, PLAN + "kind: other\n") == [
        "campaigns/drop.yaml:6 kind: this key stands twice\n  keep one of the two"
    ]


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    (problem,) = refusal(tmp_path, PLAN + "drivers: {audience: 1\nname: x\n")
    assert problem.startswith("campaigns/drop.yaml:7: is not valid YAML:")


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "drop.yaml").write_bytes("名: 双11".encode("gb18030"))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_yaml(tmp_path / "drop.yaml", "campaigns/drop.yaml")


@pytest.mark.parametrize("value", [".inf", ".nan", "-.inf"])
def test_numbers_must_be_finite(tmp_path: Path, value: str) -> None:
    (problem,) = refusal(tmp_path, PLAN + f"drivers: {{audience: {value}}}\n")
    assert "drivers.audience" in problem
