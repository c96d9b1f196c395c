"""What the forecast learned that its hand-over does not hold: how fast the people of a send come."""

from __future__ import annotations

import math

from campaign.documents import read_json
from campaign.errors import UserError
from campaign.traffic import TrafficModel
from campaign.workspace import Workspace
from forecast.explain.effects_file import EffectsFile
from forecast.uplift.layout import DECAYS

DECAY_SECONDS = math.exp(DECAYS["pulse"][0])
"""How fast the people of a send come before anything was learned."""


def decay_of(workspace: Workspace, model: TrafficModel) -> float:
    """How fast the people of a send come, as this very forecast learned it; what is usual where its `effects.json` is
    gone (a frozen bundle has none) or is another forecast's."""
    file = workspace.out(model.campaign) / "effects.json"
    try:
        learned = read_json(file, file.name, EffectsFile) if file.is_file() else None
    except UserError:
        learned = None
    if learned is None or (learned.as_of_utc, learned.inputs) != (model.as_of_utc, model.inputs):
        return DECAY_SECONDS
    decay = learned.parameters.get("decay:pulse")
    return DECAY_SECONDS if decay is None else math.exp(decay.mean)
