"""The documentation runs: its commands exist, its links lead somewhere, and every command shown is run."""

from __future__ import annotations

import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pytest
import typer

from campaign.language import ROOT, Language, use_language
from surgeplan.cli import _app
from tests.made_once import PACK_LINES, SHOP, command_line

CHINESE = [ROOT / "README.zh.md", *sorted((ROOT / "docs/zh").glob("**/*.md"))]
FENCED = re.compile(r"^```.*?^```", re.S | re.M)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.S | re.M)


def english_of(page: Path) -> Path:
    """The page that a Chinese one says in Chinese."""
    return ROOT / "README.md" if page.name == "README.zh.md" else ROOT / "docs" / page.relative_to(ROOT / "docs/zh")


PAGES = [ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "docs").glob("**/*.md"), key=lambda page: (english_of(page) if page in CHINESE else page, page))
"""A Chinese page follows its English one: whichever pages share a shop, none goes back to an earlier day."""


def commands_on(page: Path) -> list[str]:
    """The `$ …` lines of a page's console blocks, continued lines joined."""
    text = "\n".join(BLOCK.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


@cache
def known_commands() -> set[tuple[str, ...]]:
    def names(group: object, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        below = getattr(group, "commands", None)
        return {path} if below is None else set().union(*(names(c, (*path, n)) for n, c in below.items()))

    return names(typer.main.get_command(_app()), ("surgeplan",))


def command_of(line: str) -> tuple[str, ...]:
    words = tuple(shlex.split(line.partition(" #")[0]))
    return next((words[:n] for n in (3, 2) if words[:n] in known_commands()), words[:2])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_exist(page: Path) -> None:
    unknown = [line for line in commands_on(page) if line.startswith("surgeplan") and "--help" not in line]
    assert all(command_of(line) in known_commands() for line in unknown), unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_on_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_chinese_page_shows_what_the_english_one_shows(page: Path) -> None:
    chinese, english = (FENCED.findall(one.read_text("utf-8")) for one in (page, english_of(page)))
    assert chinese == english


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_in_two_languages_leads_from_one_to_the_other(page: Path) -> None:
    for one, other in ((page, english_of(page)), (english_of(page), page)):
        targets = re.findall(r"\]\(([^)#:]+)\)", one.read_text("utf-8"))
        assert other in [(one.parent / target).resolve() for target in targets]


@pytest.mark.parametrize("readers", ["marketing", "sre", "support", "warroom"])
def test_whoever_uses_it_reads_everything_in_chinese_too(readers: str) -> None:
    english = sorted(page.name for page in (ROOT / "docs" / readers).glob("*.md"))
    assert english == sorted(page.name for page in (ROOT / "docs/zh" / readers).glob("*.md"))


@pytest.mark.parametrize(("page", "language"), [("docs/commands.md", "en"), ("docs/zh/commands.md", "zh")])
def test_the_table_of_commands_says_what_their_help_says(page: str, language: Language) -> None:
    use_language(language)
    try:
        told = helps(typer.main.get_command(_app()), ("surgeplan",))
    finally:
        use_language("en")
    assert dict(re.findall(r"^\| `(surgeplan [^`]+)` \| (.*) \|$", (ROOT / page).read_text("utf-8"), re.M)) == told


def helps(group: object, path: tuple[str, ...]) -> dict[str, str]:
    """The first line of every command's help, by its name."""
    below = getattr(group, "commands", None)
    if below is None:
        return {" ".join(path): str(getattr(group, "help", "")).strip()}
    return {name: text for n, each in below.items() for name, text in helps(each, (*path, n)).items()}


def test_every_command_is_documented() -> None:
    shown = {command_of(line) for page in PAGES for line in commands_on(page)}
    assert not known_commands() - shown


@pytest.fixture(scope="session")
def folder(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's reader stands after its last command."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(pack, folder / SHOP)
    return folder


@pytest.fixture(scope="session")
def typed() -> set[str]:
    """The lines that have been run in the folder. What stands on several pages is run once."""
    assert set(PACK_LINES) <= set(commands_on(ROOT / "README.md"))
    return set(PACK_LINES)


def run(line: str, folder: Path) -> None:
    done = command_line(line, folder)
    command = line.split()[1]
    accepted = {"loadtest": {0, 1, 3, 4}, "rehearse": {0, 1, 4}}.get(command, {0, 1})  # busy machines, few paths
    assert done.returncode in accepted, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_run(page: Path, folder: Path, typed: set[str]) -> None:
    for line in commands_on(page):
        if line.startswith("surgeplan") and line not in typed:
            run(line, folder)
            typed.add(line)
