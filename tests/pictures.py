"""What a reader's eye finds wrong with a picture or a page: too small, cut off, on top of one another."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.warroom.phones import PHONE

SMALLEST_PIXELS = 11
LETTERS = """() => [...document.querySelectorAll('body *')].filter(
  e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && !e.closest('style, script, title')
).map(e => {
  const drawn = e.getScreenCTM ? Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b) : 1;
  return [parseFloat(getComputedStyle(e).fontSize) * drawn, e.textContent.trim()];
})"""
WORDS = """() => {
  const frame = document.querySelector('svg').getBoundingClientRect();
  const edges = [frame.left, frame.top, frame.right, frame.bottom];
  return [edges, ...[...document.querySelectorAll('svg text')].map(e => {
    const own = e.getBoundingClientRect();
    return [e.textContent, own.left, own.top, own.right, own.bottom];
  })];
}"""
APART_PIXELS = 3  # boxes of letters are a little larger than their ink


def on_a_phone(chromium: Browser, page: Path) -> Page:
    """A page, or an SVG as a page would embed it, as wide as a phone."""
    shown = chromium.new_context(**PHONE).new_page()  # type: ignore[arg-type]
    if page.suffix == ".svg":
        svg = page.read_text("utf-8")
        style = "<style>body { margin: 0 } svg { width: 100%; height: auto }</style>"
        shown.set_content(f"{style}<meta name=viewport content=width=device-width>{svg[svg.index('<svg') :]}")
    else:
        shown.goto(page.as_uri())
    return shown


def too_small(page: Page) -> list[str]:
    """Words in letters that nobody reads on a phone."""
    return [text for size, text in page.evaluate(LETTERS) if size < SMALLEST_PIXELS]


def english_words(page: Page, *names: str) -> set[str]:
    """Words of four and more Latin letters on a Chinese page, apart from commands and these names."""
    page.evaluate("document.querySelectorAll('code').forEach(e => e.remove())")
    text = page.inner_text("body")
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return set(re.findall(r"[A-Za-z]{4,}", text))


def badly_placed(page: Page) -> list[str]:
    """Words of a picture that its edge cuts, and pairs of words that lie on one another."""
    (left, top, right, bottom), *words = page.evaluate(WORDS)
    assert words
    cut = [w[0] for w in words if w[1] < left - 1 or w[2] < top - 1 or w[3] > right + 1 or w[4] > bottom + 1]
    pairs = [(a, b) for i, a in enumerate(words) for b in words[i + 1 :]]
    return cut + [f"{a[0]} | {b[0]}" for a, b in pairs if _shared(a, b) > APART_PIXELS]


def _shared(a: list[float], b: list[float]) -> float:
    """How deep two boxes lie in each other, in pixels."""
    return min(min(a[3], b[3]) - max(a[1], b[1]), min(a[4], b[4]) - max(a[2], b[2]))
