"""What the steps of a bridge and the grades of knowledge are called."""

from __future__ import annotations

from campaign.language import _


def step_name(step: str) -> str:
    """A bridge's step in words; a driver keeps its own name."""
    words = {
        "luck": _("what it had beyond its plan"),
        "ordinary traffic": _("ordinary traffic of that hour"),
        "campaign": _("the campaign itself"),
        "unseen minutes": _("the highest of many minutes"),
        "uncertainty": _("uncertainty, up to p90"),
    }
    return words.get(step, step)


def driver_name(driver: str) -> str:
    """A driver in words; those of the plan keep their own name."""
    return {"campaign": _("the campaign itself"), "bots": _("bots and scalpers")}.get(driver, driver)


def knowledge_text(knowledge: str) -> str:
    """How much past campaigns tell, in words."""
    words = {
        "none": _("known of this kind: nothing yet, so the range is wide"),
        "little": _("known of this kind: one or two past campaigns"),
        "some": _("known of this kind: three to seven past campaigns"),
        "good": _("known of this kind: eight past campaigns or more"),
    }
    return words[knowledge]
