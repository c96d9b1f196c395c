"""The bot's examination: pass rates by offer, from the file that people fill."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from playbooks.staffing.examination import Examined, examined, in_words
from surgeplan.cli import main


def row(offer: str, passed: str) -> dict[str, str]:
    return {"offer": offer, "question": "?", "passed": passed}


def test_pass_rates_are_by_offer_and_leave_out_what_was_not_tried() -> None:
    found = examined([row("cut", "yes"), row("cut", " \u662f"), row("cut", "no"), row("cut", ""), row("gift", "")])
    assert found == [Examined("cut", 4, 2, 1), Examined("gift", 1, 0, 1)]
    assert [one.pass_ratio for one in found] == [2 / 3, None]
    assert [str(text) for text in in_words(found)] == [
        "bot, cut: 2 of 3 questions answered rightly (67 %), 1 not tried yet",
        "bot, gift: none of 1 questions tried yet",
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
