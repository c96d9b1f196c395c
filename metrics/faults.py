"""What is wrong with submitted figures, or cannot be relied on: one fault for all rows that share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from campaign.errors import Problem
from campaign.language import Text
from metrics.definitions import Grain

Code = Literal[
    "E_HASH", "E_COLUMN", "E_UNKNOWN", "E_DEF", "E_UNIT", "E_GRAIN", "E_ZONE", "E_TZ", "E_TIME", "E_NUMBER", "E_DUP",
    "E_RATIO", "E_SUMMED", "E_RANGE", "E_NEGATIVE", "E_EMPTY", "E_CURRENCY",
    "W_UNVERIFIABLE", "W_PRELIMINARY", "W_EARLY",
]  # fmt: skip
GRAIN_SECONDS: dict[Grain, int] = {"minute": 60, "hour": 3600, "day": 86400, "campaign": 0}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong (E_) or cannot be relied on (W_); `line` is the file's, the heading being line 1."""

    code: Code
    what: Text
    todo: Text | None = None
    column: str = ""
    line: int | None = None

    @property
    def refused(self) -> bool:
        return self.code.startswith("E_")

    def problem(self, file: str) -> Problem:
        return Problem(
            self.what, self.todo, file=file, line=self.line, key=" ".join(filter(None, [self.code, self.column]))
        )
