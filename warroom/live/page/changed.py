"""Of a page that is open only the blocks that changed are sent: a minute's tick moves a few of them."""

from __future__ import annotations

import hashlib
import re
import threading

from warroom.live.room.watching import View

BLOCK = re.compile(r'<section id="\w+">.*?</section>', re.S)
REMEMBERED = 600
"""Views whose blocks are known: those of six desks in two languages for as long as phones take to ask again."""


class Changed:
    """What the blocks of the newest views were, by the view's tag. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[str, dict[bytes, str]] = {}

    def since(self, tag: str, view: View) -> str:
        """The blocks of `view` that the one named `tag` did not have; all where that one is not remembered."""
        own = self._blocks_of(view)
        with self._lock:
            before = self._blocks.get(tag)
        return view.text if before is None else "\n".join(text for name, text in own.items() if name not in before)

    def _blocks_of(self, view: View) -> dict[bytes, str]:
        with self._lock:
            known = self._blocks.get(view.tag)
            if known is None:
                known = {hashlib.blake2b(text.encode()).digest(): text for text in BLOCK.findall(view.text)}
                self._blocks[view.tag] = known
                while len(self._blocks) > REMEMBERED:
                    del self._blocks[next(iter(self._blocks))]
            return known
