"""The bot's examination: pass rates by offer, from the file that people fill."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from campaign.errors import UserError
from playbooks.readiness.brought import Answer, read_answers
from playbooks.staffing.examination import Examined, examined, in_words
from surgeplan.cli import main


def answers(folder: Path, *said: str, encoding: str = "utf-8", separator: str = ",") -> tuple[Answer, ...]:
    lines = ["offer,question,passed", *(f"{one.split('=')[0]},满减怎么算?,{one.split('=')[1]}" for one in said), ",,"]
    text = "\r\n".join(lines).replace(",", separator)
    (folder / "bot_replay.csv").write_bytes(text.encode(encoding))
    return read_answers(folder / "bot_replay.csv", folder) or ()


def test_pass_rates_are_by_offer_and_leave_out_what_was_not_tried(tmp_path: Path) -> None:
    found = examined(answers(tmp_path, "cut=yes", "cut= 是", "cut=no", "cut=", "gift="))
    assert found == [Examined("cut", 4, 2, 1), Examined("gift", 1, 0, 1)]
    assert [one.pass_ratio for one in found] == [2 / 3, None]
    assert [str(text) for text in in_words(found)] == [
        "bot, cut: 2 of 3 questions answered rightly (67 %), 1 not tried yet",
        "bot, gift: none of 1 questions tried yet",
    ]


@pytest.mark.parametrize(("encoding", "separator"), [("gbk", ","), ("utf-8-sig", ";"), ("utf-16", "\t")])
def test_answers_are_read_as_the_spreadsheet_saved_them(tmp_path: Path, encoding: str, separator: str) -> None:
    found = examined(answers(tmp_path, "cut=是", "cut=否", encoding=encoding, separator=separator))
    assert found == [Examined("cut", 2, 1, 0)]


def test_an_answer_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        answers(tmp_path, "cut=yes", "cut=通过", "cut=不通过")
    assert str(error.value).splitlines() == [
        "bot_replay.csv:3 passed: 通过 is neither yes nor no",
        "  write yes or no (是 or 否)",
        "bot_replay.csv:4 passed: 不通过 is neither yes nor no",
        "  write yes or no (是 or 否)",
    ]


def test_the_replay_file_filled_and_handed_in_is_shown_with_its_pass_rate(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    copytree(planned, folder)
    lines = (folder / "out" / "d11" / "playbook" / "bot_replay.csv").read_text("utf-8-sig").splitlines()
    filled = [lines[0], *(f"{line}{'no' if number == 1 else 'yes'}" for number, line in enumerate(lines[1:]))]
    (folder / "evidence" / "d11").mkdir(parents=True)
    (folder / "evidence" / "d11" / "bot_replay.csv").write_text("\n".join(filled), "utf-8")
    assert main(["staffing", "d11", "--workspace", str(folder), "--json"]) == 0
    (examination,) = json.loads(capsys.readouterr().out)["bot_examination"]
    assert examination == {"offer": "cut-300-50", "questions": 6, "passed": 5, "not_tried": 0, "pass_ratio": 0.833333}
