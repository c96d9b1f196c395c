"""Compiles the message catalogs when the package is built or installed in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_catalogs(root: Path) -> list[Path]:
    """Write a .mo beside every .po below `root`'s packages and return them."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = []
    for source in sorted(root.glob("*/locale/*/LC_MESSAGES/*.po")):
        with open(source, "rb") as file:
            catalog = read_po(file)
        target = source.with_suffix(".mo")
        with open(target, "wb") as file:
            write_mo(file, catalog)
        compiled.append(target)
    return compiled


class CustomBuildHook(BuildHookInterface[Any]):
    """Run by hatchling before the wheel is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_catalogs(Path(self.root))


if __name__ == "__main__":
    compile_catalogs(Path(__file__).parent)
