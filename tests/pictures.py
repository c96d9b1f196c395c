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
FAINT = """() => {
  const numbers = colour => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const linear = v => v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const written = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const seen = [...document.body.querySelectorAll('*')].filter(
    e => written(e) && !e.closest('style, script, title, option, [hidden]') && e.getBoundingClientRect().height
  );
  return seen.map(e => {
    const own = getComputedStyle(e);
    const drawn = e instanceof SVGElement;
    const [one, other] = [numbers(drawn ? own.fill : own.color), ground(drawn ? e.closest('svg') : e)].map(light);
    return [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), e.textContent.trim().slice(0, 40)];
  });
}"""
CONTRAST_LEAST = 4.5  # WCAG 2.2, 1.4.3
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


def faint(page: Page) -> list[tuple[str, float, str]]:
    """Words that do not stand out from what they are written on: by day or by night, their contrast, the words."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        words = page.evaluate(FAINT)
        assert words
        found += [(scheme, round(ratio, 2), text) for ratio, text in words if ratio < CONTRAST_LEAST]
    page.emulate_media(color_scheme="light")
    return found
