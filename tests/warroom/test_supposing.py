"""A bot that resolves another share, in a workspace that is not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.workspace import Workspace, open_workspace
from tests.warroom.conftest import SETTINGS
from warroom.support.supposing import with_bot_resolving

DESKS = """\
desks:
  - {name: chat, channel: chat, concurrency: 3, handle_seconds: 300, opens: "08:00", closes: "24:00",
     service_level: {definition: served_within, ratio: 0.8, seconds: 60},
     bot: {contained_ratio: {low: 0.5, mid: 0.6, high: 0.7}, resolved_ratio: {low: 0.3, mid: 0.4, high: 0.5}}}
  - {name: phone, channel: phone, handle_seconds: 300, opens: "08:00", closes: "24:00",
     service_level: {definition: served_within, ratio: 0.8, seconds: 20}}
"""


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    (folder / "surgeplan.yaml").write_text(SETTINGS + DESKS, "utf-8")
    return open_workspace(folder)


def test_the_supposed_share_is_certain_and_the_workspace_stays_as_it_was(workspace: Workspace) -> None:
    supposed = with_bot_resolving(workspace, "chat", 0.45)
    bot, before = supposed.settings.desks[0].bot, workspace.settings.desks[0].bot
    assert bot is not None
    assert before is not None
    assert bot.resolved_ratio.low == bot.resolved_ratio.high == 0.45
    assert before.resolved_ratio.mid == 0.4


@pytest.mark.parametrize(
    ("desk", "ratio", "told"),
    [
        ("chat", 0.6, "the bot of chat can resolve between 0 and 50 %"),
        ("phone", 0.1, "phone has no bot"),
        ("chta", 0.1, "did you mean chat?"),
    ],
)
def test_what_cannot_be_is_refused(workspace: Workspace, desk: str, ratio: float, told: str) -> None:
    with pytest.raises(UserError, match=told):
        with_bot_resolving(workspace, desk, ratio)
