"""Pages from templates: one frame, everything escaped, readable on a phone, no script and nothing from elsewhere."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from campaign.language import PACKAGES, ROOT, _, current_language

UNITS = "%|‰|万|亿|M|bn|ms|s|min|h|requests/s|次/秒|毫秒|秒|分钟|小时|天|人|个|次|单|份|分|倍|[A-Z]{3}"
LEFT_ALONE = "svg|style|script|textarea|pre|code|option|title"
"""Elements whose text is drawn, run, copied or sent back as it stands."""
BEFORE_A_UNIT = re.compile(
    rf"<({LEFT_ALONE})\b.*?</\1>|<[^>]*>|(?<=\d) (?=(?:{UNITS})(?![A-Za-z]))|(?<=万|亿) (?=次/秒)"
    r"|(?<=\d) (?=– \d)|(?<=\d )– (?=\d)|次/秒",
    re.DOTALL,
)

UNBROKEN = {
    " ": "\N{NO-BREAK SPACE}",
    "– ": "–\N{WORD JOINER}\N{NO-BREAK SPACE}",
    "次/秒": '<span class="unit">次/秒</span>',
}


def render(package: str, template: str, **values: Any) -> str:
    """The template `<package>/templates/<template>` in the current language; `{% extends "campaign/page.html" %}`.

    `values` are escaped; wrap trusted markup (our own SVG) in `markupsafe.Markup`.
    """
    page = _environment().get_template(f"{package}/{template}")
    return unbroken(page.render(language=current_language(), **values))


def unbroken(page: str) -> str:
    """The HTML with a no-break space between each number and its unit, so that no line ends between the two, within
    a range, nor in the one unit that browsers break at its slash."""
    return BEFORE_A_UNIT.sub(lambda found: UNBROKEN.get(found[0], found[0]), page)


def with_code(sentence: object) -> Markup:
    """A sentence whose `commands` stand between backticks, as in a terminal, with each set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


@cache
def _environment() -> Environment:
    loaders = {p: PackageLoader(p) for p in PACKAGES if (ROOT / p / "templates").is_dir()}
    environment = Environment(
        loader=PrefixLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["_"] = _
    environment.filters["code"] = with_code
    return environment
