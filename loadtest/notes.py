"""Sentences kept in a file: readable there in English, and still translatable when they are shown."""

from __future__ import annotations

from campaign.documents import FileRecord
from campaign.language import Text


class Note(FileRecord):
    """`what` is the sentence in English; `message` and `values` make it again in any language."""

    what: str
    message: str
    values: dict[str, str] = {}

    @classmethod
    def of(cls, text: Text) -> Note:
        return cls(what=text.speak("en"), message=text.message, values={k: str(v) for k, v in text.values.items()})

    def __str__(self) -> str:
        return str(Text(self.message, dict(self.values)))
