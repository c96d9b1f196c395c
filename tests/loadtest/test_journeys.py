import ast

import pytest

from campaign.errors import UserError
from loadtest.journeys import extended_locustfile, new_locustfile, stages_in
from loadtest.scenario import Objective, ScenarioStage


def _stage(name: str, endpoint: str) -> ScenarioStage:
    return ScenarioStage(stage=name, endpoint=endpoint, objective=Objective(p99_ms=300, error_ratio=0.01))


STAGES = [_stage("home", "GET /"), _stage("pay-now", "POST /pay/{order}"), _stage("class", "PURGE /x")]


def test_a_new_locustfile_is_python_with_a_method_for_each_stage():
    text = new_locustfile("opening", STAGES)
    tree = ast.parse(text)

    assert stages_in(tree) == {"home", "pay-now", "class"}
    assert """visit.post(f"/pay/{visit.pick('order')}", name="/pay/{order}", json={})""" in text
    assert """visit.request("PURGE", "/x", name="/x")""" in text
    assert len(text.splitlines()) < 30


def test_extending_keeps_every_edited_line_and_adds_what_is_missing():
    edited = new_locustfile("opening", STAGES[:1]).replace('"/",', '"/?utm=test",') + "\n\nTERMS = ['手机']\n"
    extended = extended_locustfile(edited, STAGES)

    assert [line for line in extended.splitlines() if line and line in edited] == list(
        filter(None, edited.splitlines())
    )
    assert stages_in(ast.parse(extended)) == {"home", "pay-now", "class"}
    assert extended_locustfile(extended, STAGES) == extended


def test_a_locustfile_that_is_not_python_is_named_with_its_line():
    with pytest.raises(UserError) as refusal:
        extended_locustfile("import this\ndef broken(:\n", STAGES)
    assert str(refusal.value).startswith("locustfile.py:2: is not Python")


def test_a_locustfile_without_stages_is_refused():
    with pytest.raises(UserError, match="has no class with a method marked @stage"):
        extended_locustfile("x = 1\n", STAGES)
