"""What changed between dictionaries, who agreed on what, and old ids that stay readable."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.settings import Service, Settings
from metrics.approvals import approve, edited_after_approval, role_of, state_of
from metrics.archive import ARCHIVE, archive, read_archive
from metrics.dictionary import Dictionary, read_dictionary
from metrics.differences import compare
from surgeplan.cli import main

SETTINGS = Settings(
    time_zone="Asia/Shanghai",
    services=(Service(name="shop"),),
    roles={"lin": "marketing", "zhao": "ops", "li": "data", "wang": "sre", "boss": "marketing, ops"},
)
ON = date(2026, 10, 1)
DEDUPE = "  new_users: {dedupe: per_day}\n"


def written(folder: Path, text: str = "") -> Dictionary:
    folder.mkdir(exist_ok=True)
    if text:
        (folder / "metrics.yaml").write_text("schema_version: 1\nmetrics:\n" + text, "utf-8")
    return read_dictionary(folder, SETTINGS)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "surgeplan.yaml").write_text(
        "schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n"
        "roles: {lin: marketing, zhao: ops, wang: sre}\n"
    )
    return tmp_path


def kinds(old: Dictionary, new: Dictionary) -> dict[str, str]:
    return {change.name: change.kind for change in compare(old, new)}


def test_a_changed_meaning_is_told_from_ids_that_changed_through_their_parts(tmp_path: Path) -> None:
    old, new = written(tmp_path / "a"), written(tmp_path / "b", DEDUPE)
    found = kinds(old, new)
    assert found.pop("new_users") == "meaning"
    assert found == dict.fromkeys(old.users_of("new_users"), "parts")
    changes = {change.name: change for change in compare(old, new)}
    assert changes["new_users"].fields == {"dedupe": ("first_ever", "per_day")}
    assert changes["ltv_cac"].because == ("cac", "ltv")


def test_another_denominator_is_a_change_of_meaning_and_names_both(tmp_path: Path) -> None:
    old, new = written(tmp_path / "a"), written(tmp_path / "b", "  cac: {denominator: active_users}\n")
    changes = {change.name: change for change in compare(old, new)}
    assert changes["cac"].kind == "meaning"
    assert changes["cac"].fields == {"denominator": ("new_users", "active_users")}


@pytest.mark.parametrize("edit", ["cac: {target: 90}", "cac: {owners: [sre]}", "nps: {sample_min: 9}"])
def test_words_targets_and_owners_are_not_meaning(tmp_path: Path, edit: str) -> None:
    found = compare(written(tmp_path / "a"), written(tmp_path / "b", f"  {edit}\n"))
    assert [(change.kind, change.semantic) for change in found] == [("words", False)]


def test_new_and_gone_metrics_are_told(tmp_path: Path) -> None:
    claims = "  claims: {title: {zh: 领券, en: Claims}, kind: count, unit: claims, grain: hour, table: events}\n"
    old, new = written(tmp_path / "a"), written(tmp_path / "b", claims)
    assert kinds(old, new) == {"claims": "added"}
    assert kinds(new, old) == {"claims": "removed"}


def test_two_sides_make_an_agreement_and_an_edit_undoes_it(tmp_path: Path) -> None:
    one = written(tmp_path)
    assert state_of("cac", one) == "open"
    assert approve(tmp_path, ["cac"], one, "lin", "marketing", ON) == ["cac"]
    two = written(tmp_path)
    assert state_of("cac", two) == "one-sided"
    approve(tmp_path, ["cac"], two, "li", "data", ON)
    three = written(tmp_path)
    assert state_of("cac", three) == "agreed"
    assert three.ids == one.ids
    (tmp_path / "metrics.yaml").write_text((tmp_path / "metrics.yaml").read_text() + DEDUPE)
    edited = read_dictionary(tmp_path, SETTINGS)
    assert state_of("cac", edited) == "edited"
    assert edited_after_approval(edited) == ["cac"]


def test_comments_of_the_dictionary_stay(tmp_path: Path) -> None:
    text = "  # what finance asked for\n  cac: {target: 75}  # until spring\n"
    approve(tmp_path, ["cac", "roi"], written(tmp_path, text), "lin", "marketing", ON)
    kept = (tmp_path / "metrics.yaml").read_text("utf-8")
    assert "# what finance asked for" in kept
    assert "# until spring" in kept
    assert read_dictionary(tmp_path, SETTINGS).definitions["cac"].approvals[0].by == "lin"


def test_two_roles_are_two_people(tmp_path: Path) -> None:
    one = written(tmp_path)
    approve(tmp_path, ["cac"], one, "boss", "marketing", ON)
    with pytest.raises(UserError, match=r"boss agreed on cac in another role"):
        approve(tmp_path, ["cac"], written(tmp_path), "boss", "ops", ON)


def test_agreeing_twice_writes_nothing(tmp_path: Path) -> None:
    approve(tmp_path, ["cac"], written(tmp_path), "lin", "marketing", ON)
    before = (tmp_path / "metrics.yaml").read_bytes()
    assert approve(tmp_path, ["cac"], written(tmp_path), "lin", "marketing", ON) == []
    assert (tmp_path / "metrics.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("actor", "role", "told"),
    [
        ("", None, "nobody is named as the one who acts"),
        ("wang", None, "wang has no one role that may agree"),
        ("boss", None, "boss has no one role that may agree"),
        ("lin", "ops", "lin is not ops here"),
        ("nobody", "data", "nobody is not data here"),
    ],
)
def test_who_may_not_agree_is_refused(actor: str, role: str | None, told: str) -> None:
    with pytest.raises(UserError) as caught:
        role_of(actor, role, SETTINGS)
    assert told in str(caught.value)


def test_old_ids_stay_readable_with_their_parts(tmp_path: Path) -> None:
    old = written(tmp_path)
    assert set(archive(tmp_path, ["cac"], old)) == {old.ids[name] for name in ("cac", "ad_cost", "new_users")}
    new = written(tmp_path, DEDUPE)
    archive(tmp_path, ["cac"], new)
    kept = read_archive(tmp_path)
    assert kept[old.ids["new_users"]].meaning["dedupe"] == "first_ever"
    assert kept[new.ids["new_users"]].meaning["dedupe"] == "per_day"
    assert kept[old.ids["cac"]].parts[old.ids["new_users"]] == "new_users"
    assert archive(tmp_path, ["cac"], new) == []


def test_an_edited_archive_is_refused_with_its_line(tmp_path: Path) -> None:
    archive(tmp_path, ["cac"], written(tmp_path))
    file = tmp_path / ARCHIVE
    file.write_text(file.read_text("utf-8").replace("first_ever", "per_day") + "{cut\n", "utf-8")
    with pytest.raises(UserError) as caught:
        read_archive(tmp_path)
    told = str(caught.value)
    assert "was edited after it was agreed on" in told
    assert f"{ARCHIVE}:4: is not valid JSON" in told


def test_the_commands_agree_show_and_compare(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["--workspace", str(workspace), "--lang", "en"]
    now = ["--now", "2026-10-01T09:00+08:00"]
    assert main(["metrics", "approve", "cac", "--as", "lin", *now, *base]) == 0
    assert main(["metrics", "approve", "cac", "--as", "zhao", *now, *base]) == 0
    assert "cac@45dbf77472a2: agreed" in capsys.readouterr().out
    assert main(["metrics", "diff", *base]) == 0
    (workspace / "metrics.yaml").write_text((workspace / "metrics.yaml").read_text() + DEDUPE)
    assert main(["metrics", "diff", *base]) == 1
    out = capsys.readouterr().out
    assert "new_users  eaa360e55d00 → " in out
    assert "dedupe: first_ever → per_day" in out
    assert "cac  45dbf77472a2 → 22655824b732  same formula, other parts\n  through new_users" in out
    assert main(["metrics", "show", "cac@45dbf77472a2", *base]) == 0
    assert "an earlier definition; cac is now 22655824b732" in capsys.readouterr().out
    assert main(["metrics", "check", *base, "--json"]) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert (warning["key"], warning["file"], warning["line"]) == ("W_EDITED metrics.cac", "metrics.yaml", 3)
    assert main(["metrics", "approve", "cac", "--as", "wang", *base]) == 2


def test_two_versions_may_be_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = workspace / "frozen"
    written(other, DEDUPE)
    base = ["--workspace", str(workspace), "--json"]
    assert main(["metrics", "diff", str(other), *base]) == 1
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {c["metric"]: c["kind"] for c in changes}["new_users"] == "meaning"
    assert main(["metrics", "diff", str(workspace / "none"), *base]) == 2
    (workspace / "other.yaml").write_text("metrics: {}\n")
    assert main(["metrics", "diff", str(workspace / "other.yaml"), "--workspace", str(workspace), "--lang", "en"]) == 2
    assert "is not called metrics.yaml" in capsys.readouterr().err
