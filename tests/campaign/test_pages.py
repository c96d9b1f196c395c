"""Pages: no line ends between a number and its unit, and what is copied or sent back stays as it is."""

from __future__ import annotations

import pytest

from campaign.pages import unbroken

NB = "\N{NO-BREAK SPACE}"
UNIT = '<span class="unit">次/秒</span>'  # a browser may end a line at the slash


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<p>below 0.1 % of 1.25 M</p>", f"<p>below 0.1{NB}% of 1.25{NB}M</p>"),
        ("<td>1.01 万 次/秒，92 次/秒</td>", f"<td>1.01{NB}万{NB}{UNIT}，92{NB}{UNIT}</td>"),
        ("<p>12 min, 3 s, 40 requests/s</p>", f"<p>12{NB}min, 3{NB}s, 40{NB}requests/s</p>"),
        ("<p>in 53 – 67 % of cases</p>", f"<p>in 53{NB}–\u2060{NB}67{NB}% of cases</p>"),
        ("<p>at most 80 CNY/user, 3 SMSes</p>", f"<p>at most 80{NB}CNY/user, 3 SMSes</p>"),
        ("<p>2 more, 5 seconds, 3 Mondays</p>", "<p>2 more, 5 seconds, 3 Mondays</p>"),
    ],
)
def test_a_number_keeps_its_unit_on_its_line(page: str, shown: str) -> None:
    assert unbroken(page) == shown


@pytest.mark.parametrize(
    "page",
    [
        '<input name="open_ratio" value="4 %">',
        "<textarea name=rules>\n30 % off,\n5 % more</textarea>",
        '<svg><path d="M 0 1 M 2 3"/><text>40 %</text></svg>',
        '<title>92 次/秒</title><p title="92 次/秒">',
        "<pre>share: 4 %</pre> <code>--over 30 min</code><option>desk 5 h</option>",
    ],
)
def test_what_is_sent_back_copied_or_drawn_keeps_its_spaces(page: str) -> None:
    assert unbroken(page) == page
