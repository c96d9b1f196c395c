"""Sentences kept in a file: readable there in English, and still translatable when they are shown."""

from __future__ import annotations

from campaign.language import Text
from campaign.traffic import Sentence


class Note(Sentence):
    """`what` is the sentence in English; `message` and `values` make it again in any language."""

    what: str

    @classmethod
    def of(cls, text: Text) -> Note:
        kept = Sentence.of(text)
        return cls(what=text.speak("en"), message=kept.message, values=kept.values)

    def __str__(self) -> str:
        return str(self.text())
