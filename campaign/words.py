"""Words kept in a file in both languages, where the reader's language is not known when the file is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaign.documents import FileRecord
from campaign.language import Language, Text, current_language


class Words(FileRecord):
    """The same words in Chinese and in English."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.speak(current_language())

    def speak(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en

    @classmethod
    def of(cls, text: Text) -> Words:
        """A message of the catalogs in both languages."""
        return cls(zh=text.speak("zh"), en=text.speak("en"))


@dataclass(frozen=True)
class Listed:
    """Several words as a value of a sentence, with the comma that a list has in the reader's language."""

    words: Sequence[Words | Text]

    def __str__(self) -> str:
        return self.speak(current_language())

    def speak(self, language: Language) -> str:
        return ("、" if language == "zh" else ", ").join(each.speak(language) for each in self.words)
