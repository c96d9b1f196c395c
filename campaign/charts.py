"""One look for every picture: readable at phone width, in Chinese and English, the same bytes for the same content."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure

from campaign.console import width as columns_of
from campaign.files import writing
from campaign.language import current_language, use_language

INK, MUTED, GRID = "#1c2733", "#5b6b7b", "#dfe5ea"
BLUE, BAND, OUTER = "#1f6feb", "#9cc3f7", "#dbe9fc"
RED, AMBER, GREEN = "#c8322b", "#975a16", "#2f855a"
WIDTH_INCHES, HEIGHT_INCHES = 6.4, 4.0
CHINESE_FONTS = ("NotoSansCJK", "SourceHanSans", "wqy-", "WenQuanYi", "SimHei", "msyh", "PingFang", "DroidSansFallback")

STYLE: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.unicode_minus": False,
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "grid.color": GRID,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "surgeplan",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


@contextmanager
def chart(width: float = WIDTH_INCHES, height: float = HEIGHT_INCHES) -> Iterator[Figure]:
    """A figure in the house style, sizes in inches; draw and save inside the block.

    Without any Chinese font on the machine the block speaks English, because a picture of empty boxes helps nobody.
    """
    language = current_language()
    font = chinese_font()
    if language == "zh" and font is None:
        use_language("en")
    families = [font, "DejaVu Sans"] if font else ["DejaVu Sans"]
    try:
        with matplotlib.rc_context(STYLE | {"font.family": families}):  # type: ignore[arg-type]
            yield Figure(figsize=(width, height))
    finally:
        use_language(language)


def save_chart(figure: Figure, path: Path) -> None:
    """Write the figure atomically; the ending (.png or .svg) says as what."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with writing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, dpi=150, metadata=metadata)


def fitted(name: str, columns: int) -> str:
    """A name for a picture, its middle left out where it is wider than so many columns (a Chinese letter takes two):
    names of one family are told apart by their ends."""
    if columns_of(name) <= columns:
        return name
    half = (columns - 1) / 2
    head = max(end for end in range(len(name)) if columns_of(name[:end]) <= half)
    tail = min(start for start in range(len(name) + 1) if columns_of(name[start:]) <= half)
    return f"{name[:head]}…{name[tail:]}"


@cache
def chinese_font() -> str | None:
    """The name of an installed font that has Chinese glyphs, registered with matplotlib; None where there is none."""
    files = sorted(font_manager.findSystemFonts())
    for wanted in CHINESE_FONTS:
        for file in files:
            if wanted in Path(file).name and "Bold" not in file:
                font_manager.fontManager.addfont(file)
                return str(font_manager.FontProperties(fname=file).get_name())
    return None
