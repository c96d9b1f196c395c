"""Nothing people read is hard-wired: every message has its Chinese, with the same fields."""

from __future__ import annotations

import ast
import re
from string import Formatter

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from campaign.language import PACKAGES, ROOT, say, use_language

METHODS = [("**.py", "python"), ("templates/**.*", "jinja2")]
KEYWORDS = {"_": None, "say": None}
MARKUP = re.compile(
    r"\{% block style %\}.*?\{% endblock %\}|<(style|script|code)\b.*?</\1>"
    r"|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>|&\w+;",
    re.S,
)


def messages(package: str) -> dict[str, str]:
    """Every message in a package's code and templates, with the place it stands."""
    options = {"templates/**.*": {"trimmed": "true"}}
    found = extract_from_dir(ROOT / package, METHODS, options, KEYWORDS, comment_tags=())
    return {str(m if isinstance(m, str) else m[0]): f"{package}/{file}:{line}" for file, line, m, _, _ in found}


def translations(package: str) -> dict[str, str]:
    file = ROOT / package / "locale" / "zh" / "LC_MESSAGES" / f"{package}.po"
    if not file.is_file():
        return {}
    with open(file, "rb") as stream:
        return {str(m.id): str(m.string) for m in read_po(stream) if m.id and m.string and not m.fuzzy}


def fields(message: str) -> set[str]:
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in Formatter().parse(message) if name is not None}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_message_is_translated(package: str) -> None:
    known = {k: v for p in PACKAGES for k, v in translations(p).items()}
    missing = {message: place for message, place in messages(package).items() if message not in known}
    assert not missing


@pytest.mark.parametrize("package", PACKAGES)
def test_translations_keep_their_fields_and_none_is_left_over(package: str) -> None:
    used = messages(package)
    for message, translation in translations(package).items():
        assert fields(message) == fields(translation), message
        assert message in used, f"no longer used: {message}"


@pytest.mark.parametrize("package", PACKAGES)
def test_templates_have_no_sentence_outside_the_catalog(package: str) -> None:
    for template in sorted((ROOT / package / "templates").glob("**/*.html")):
        text = MARKUP.sub(" ", template.read_text("utf-8"))
        assert not re.findall(r"[A-Za-z]{3,}|[\u4e00-\u9fff]", text), template


@pytest.mark.parametrize("package", PACKAGES)
def test_code_has_no_chinese_sentence_outside_the_catalog(package: str) -> None:
    for module in sorted((ROOT / package).glob("**/*.py")):
        if "examples" in module.parts or "intake" in module.parts:
            continue  # what they read and write is Chinese data, not words to the reader
        tree = ast.parse(module.read_text("utf-8"))
        docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                assert not re.search(r"[\u4e00-\u9fff]{4,}", node.value), f"{module.name}:{node.lineno}"


def test_a_sentence_is_put_into_words_only_when_read() -> None:
    text = say("there is no campaign {id}", id="drop")
    use_language("zh")
    try:
        chinese = str(text)
    finally:
        use_language("en")
    assert str(text) == "there is no campaign drop"
    assert chinese != str(text)
    assert "drop" in chinese


ONE_UNIT, A_RATE = "次/秒", re.compile(r"\} requests(?: per second|/s)")
OTHER_UNITS = re.compile(r"请求/秒|次每秒|QPS|\} ?/秒|每秒\S*? ?\{[^{}]*\} ?(?:个|次)请求|每秒 ?\{")
"""Other ways to say requests per second; a message that is sent so often is 条."""


@pytest.mark.parametrize("package", PACKAGES)
def test_requests_per_second_have_one_name_in_chinese(package: str) -> None:
    for message, translation in translations(package).items():
        assert not OTHER_UNITS.search(translation), translation
        if A_RATE.search(message):
            assert ONE_UNIT in translation, translation


def test_documents_and_examples_have_the_same_name_for_requests_per_second() -> None:
    readable = [path for ending in ("md", "yaml", "html", "py") for path in ROOT.glob(f"**/*.{ending}")]
    ours = [path for path in readable if not {"tests", ".venv", "demo"} & set(path.relative_to(ROOT).parts)]
    assert len(ours) > 300
    assert [path for path in ours if re.search(r"请求/秒|次每秒|\d ?QPS", path.read_text("utf-8"))] == []


OTHER_COUNTS = re.compile(r"(?:个|通|条|笔|人次)(?:人工)?进线")


def test_chinese_calls_what_reaches_support_one_thing() -> None:
    """进线 is the measure, counted in 次; 咨询 only heads the column of what people ask about."""
    texts = [text for package in PACKAGES for text in translations(package).values()]
    texts += [path.read_text("utf-8") for path in (*(ROOT / "docs" / "zh").rglob("*.md"), ROOT / "README.zh.md")]
    assert [text for text in texts if "咨询" in text.replace("咨询分类", "")] == []
    assert [text for text in texts if OTHER_COUNTS.search(text)] == []
