"""`surgeplan init`: whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.language import use_language
from surgeplan.cli import main
from surgeplan.init import init_example, new_workspace


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def test_example_is_made_and_the_next_command_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "shop"
    assert main(["init", str(folder), "--example", "double11", "--lang", "en"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"{folder}: a workspace with 29 plans and 4 services",
        f"next: surgeplan run double11-2026-opening --workspace {folder}",
    ]
    assert "state/" in (folder / ".gitignore").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]


def test_json_lists_the_plans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "shop"), "--json", "--seed", "7"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seed"] == 7
    assert "double11-2026-opening" in document["plans"]


def test_occupied_folder_is_refused_and_untouched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}: is not empty: it holds notes.txt\n  choose a new or an empty folder\n"
        "1 problem; nothing was written\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_not_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_unknown_example_suggests_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "x"), "--example", "duble11"]) == 2
    assert capsys.readouterr().err == (
        "--example: there is no example duble11\n  did you mean double11?\n1 problem; nothing was written\n"
    )
    assert not (tmp_path / "x").exists()


def test_data_belongs_to_the_examples_that_need_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is made from a data folder"):
        init_example(tmp_path / "x", "worldcup98")
    with pytest.raises(UserError, match="needs no data"):
        init_example(tmp_path / "x", "double11", data=tmp_path)


def test_unwritable_parent_is_one_clear_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert main(["init", str(tmp_path / "file" / "shop")]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "Traceback" not in err


def test_interrupted_making_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_workspace(tmp_path / "shop") as draft:
            (draft / "half.csv").write_text("made")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_empty_folder_is_filled_and_the_current_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    with new_workspace(Path()) as draft:
        (draft / "a.txt").write_text("whole")
    assert Path("a.txt").read_text() == "whole"
    (tmp_path / "other").mkdir()
    with new_workspace(tmp_path / "other") as draft:
        assert draft.parent == tmp_path / "other", "a volume's parent is not ours, nor on its disk"
        (draft / "a.txt").write_text("whole")
    assert (tmp_path / "other" / ".gitignore").is_file()
