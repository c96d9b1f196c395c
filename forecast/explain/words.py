"""What the steps of a bridge and the grades of knowledge are called."""

from __future__ import annotations

from campaign.language import _
from campaign.moments import moment_name


def step_name(step: str) -> str:
    """A bridge's step in words; drivers are called as everywhere."""
    words = {
        "luck": _("what it had beyond its plan"),
        "ordinary traffic": _("ordinary traffic of that hour"),
        "unseen minutes": _("the highest of many minutes"),
        "smaller steps": _("smaller steps together"),
        "uncertainty": _("uncertainty, up to p90"),
    }
    return words.get(step) or driver_name(step)


def driver_name(driver: str) -> str:
    """A driver in words; channels keep their own name."""
    words = {"campaign": _("the campaign itself"), "bots": _("bots and scalpers")}
    return words.get(driver) or str(moment_name(driver))


def knowledge_text(knowledge: str) -> str:
    """How much past campaigns tell, in words."""
    words = {
        "none": _("known of this kind: nothing yet, so the range is wide"),
        "little": _("known of this kind: one or two past campaigns"),
        "some": _("known of this kind: three to seven past campaigns"),
        "good": _("known of this kind: eight past campaigns or more"),
    }
    return words[knowledge]
