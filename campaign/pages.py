"""Pages from templates: one frame, everything escaped, readable on a phone, no script and nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

from campaign.language import PACKAGES, ROOT, _, current_language


def render(package: str, template: str, **values: Any) -> str:
    """The template `<package>/templates/<template>` in the current language; `{% extends "campaign/page.html" %}`.

    `values` are escaped; wrap trusted markup (our own SVG) in `markupsafe.Markup`.
    """
    page = _environment().get_template(f"{package}/{template}")
    return page.render(language=current_language(), **values)


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
    return environment
