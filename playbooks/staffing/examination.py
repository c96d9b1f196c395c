"""How the bot did when it was asked `bot_replay.csv`: the pass rate of every offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaign.language import Text, say
from campaign.numbers import percent
from campaign.workspace import Workspace
from playbooks.readiness.brought import Answer, read_answers


@dataclass(frozen=True)
class Examined:
    """Questions of one offer: asked, of these answered rightly, and not tried yet (`passed` left empty)."""

    offer: str
    asked: int
    passed: int
    untried: int

    @property
    def pass_ratio(self) -> float | None:
        tried = self.asked - self.untried
        return self.passed / tried if tried else None


def examined(answers: Sequence[Answer]) -> list[Examined]:
    """By offer, in the file's order."""
    found = []
    for offer in dict.fromkeys(answer.offer for answer in answers):
        passed = [answer.passed for answer in answers if answer.offer == offer]
        found.append(Examined(offer, len(passed), passed.count(True), passed.count(None)))
    return found


def read_examination(workspace: Workspace, campaign: str) -> list[Examined]:
    """What `evidence/<id>/bot_replay.csv` says; nothing where it is not there yet.

    Raises:
        UserError: not text, a column is missing, or an answer is neither yes nor no.
    """
    path = workspace.folder / "evidence" / campaign / "bot_replay.csv"
    return examined(read_answers(path, workspace.folder) or ())


def in_words(found: Sequence[Examined]) -> Iterator[Text]:
    for one in found:
        if one.pass_ratio is None:
            yield say("bot, {offer}: none of {count} questions tried yet", offer=one.offer, count=one.asked)
        else:
            yield say(
                "bot, {offer}: {passed} of {tried} questions answered rightly ({share}), {untried} not tried yet",
                offer=one.offer,
                passed=one.passed,
                tried=one.asked - one.untried,
                share=percent(one.pass_ratio),
                untried=one.untried,
            )
