"""Sentences kept in a load test's files."""

from __future__ import annotations

from campaign.language import say
from loadtest.notes import Note


def test_a_kept_sentence_is_said_in_one_language_its_parts_too() -> None:
    text = say("{source}: {what}", source="prom", what=say("does not answer: {reason}", reason="timeout"))
    kept = Note.model_validate_json(Note.of(text).model_dump_json())
    assert kept.what == "prom: does not answer: timeout"
    assert kept.text().speak("zh") == "prom：没有响应：timeout"


def test_a_note_of_an_older_file_is_still_read() -> None:
    kept = Note.model_validate({"what": "a: b", "message": "{source}: {what}", "values": {"source": "a", "what": "b"}})
    assert str(kept) == "a: b"
