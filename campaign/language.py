"""What people read, in their language.

A `Text` is a sentence that has not yet been put into a language: it keeps the English message and its values,
and becomes words when it is printed. Records may therefore be made before anyone knows who reads them.
Each package keeps its catalog beside its code: `<package>/locale/<language>/LC_MESSAGES/<package>.po`.
"""

from __future__ import annotations

import gettext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
PACKAGES = ("campaign", "metrics", "forecast", "loadtest", "playbooks", "warroom", "surgeplan")
ROOT = Path(__file__).resolve().parent.parent

_current: ContextVar[Language] = ContextVar("language", default="en")
_asked: ContextVar[Language | None] = ContextVar("asked", default=None)


def use_language(language: Language) -> None:
    """Make `language` the one that `_` and `str(Text)` speak from here on (per thread and task)."""
    _current.set(language)


def ask_for(language: Language | None) -> None:
    """Make `language` the one that counts, whatever a workspace says; None leaves it to the workspace."""
    _asked.set(language)
    if language is not None:
        use_language(language)


def asked_language() -> Language | None:
    return _asked.get()


def current_language() -> Language:
    return _current.get()


def _(message: str) -> str:
    """The message in the current language, at once; `{…}` fields are left for the caller to format."""
    return translate(message, _current.get())


def translate(message: str, language: Language) -> str:
    return message if language == "en" else _catalog(language).get(message, message)


@dataclass(frozen=True)
class Text:
    """A sentence with values, put into words only when read.

    `message` is the English sentence with `str.format` fields; `values` fills them (each may be a Text or Words).
    """

    message: str
    values: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.speak(_current.get())

    def speak(self, language: Language) -> str:
        return translate(self.message, language).format(**{k: _spoken(v, language) for k, v in self.values.items()})


def _spoken(value: object, language: Language) -> object:
    """Whatever can be said in a language is: a Text, or words kept in both."""
    speak = getattr(value, "speak", None)
    return speak(language) if speak else value


def say(message: str, **values: object) -> Text:
    """`Text` with keyword values; the message is a literal, so that the catalogs' extractor finds it."""
    return Text(message, values)


@cache
def _catalog(language: Language) -> dict[str, str]:
    messages: dict[str, str] = {}
    for package in PACKAGES:
        folder = ROOT / package / "locale"
        found = gettext.find(package, localedir=str(folder), languages=[language])
        if found:
            with open(found, "rb") as file:
                catalog = gettext.GNUTranslations(file)
            messages |= {k: v for k, v in vars(catalog)["_catalog"].items() if isinstance(k, str) and k}
    return messages
