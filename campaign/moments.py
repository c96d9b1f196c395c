"""What the kinds of moment that plans share are called; a kind that somebody invents keeps the name it was given."""

from __future__ import annotations

from campaign.language import Text, say

KINDS: dict[str, Text] = {
    "presale-open": say("presale opens"),
    "deposit": say("deposits"),
    "balance": say("balances due"),
    "opening": say("opening"),
    "coupon-drop": say("coupon drop"),
    "flash-sale": say("flash sale"),
    "last-hours": say("last hours"),
    "close": say("close"),
}


def moment_name(kind: str) -> Text | str:
    """A kind of moment in words."""
    return KINDS.get(kind, kind)
