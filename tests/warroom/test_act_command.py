"""`surgeplan act`: the list, and acts by whoever may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surgeplan.cli import main
from tests.warroom.live_event import CAMPAIGN, model_files
from tests.warroom.test_levers import NOW, PUSH, campaign_in

HOLD = "hold:app-push@20261110T130000Z"


def test_actions_are_listed_asked_for_decided_and_listed_with_their_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    campaign_in(tmp_path)

    def act(*words: str, lang: str = "en") -> tuple[int, str]:
        code = main(["act", CAMPAIGN, *words, "--workspace", str(tmp_path), "--now", NOW.isoformat(), "--lang", lang])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert "nothing can be done now" in act()[1]
    model_files(tmp_path, effects=(PUSH,))
    code, told = act()
    assert code == 0
    assert told.index("scale:storefront:12") < told.index(HOLD)
    assert "head-room -4" in told
    assert "surgeplan act d11 scale:storefront:12 --reason WHY --as NAME" in told
    assert act(HOLD, "--as", "lin", "--reason", "no room")[0] == 2
    assert act(HOLD, "--as", "lin", "--reason", "no room", "--request", "--undo")[0] == 2
    assert act(HOLD, "--as", "lin", "--reason", "no room", "--request")[0] == 0
    assert "asked for 11-10 20:30 by lin: hold the 21:00 send of app-push (no room)" in act()[1]
    code, told = act(HOLD, "--as", "zhou", "--reason", "it is full", lang="zh")
    assert (code, "决定：压住 app-push 21:00 的推送（it is full）" in told) == (0, True)
    answer = json.loads(act("--json")[1].partition("\nnext")[0])
    assert [decision["by"] for decision in answer["decisions"]] == ["zhou"]
    assert answer["requests"][0]["answer"] == "act"
    code, told = act(HOLD, "--as", "zhou", "--reason", "room again", "--undo")
    assert (code, "taken back: hold the 21:00 send of app-push (room again)" in told) == (0, True)
