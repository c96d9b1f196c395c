"""`out/<id>/effects.json`: what was learned about each driver, in a form that outlives the program that learned it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import AwareDatetime

from campaign.documents import FileRecord
from forecast.model import Forecast


class Parameter(FileRecord):
    """A parameter of the uplift model: middle and standard deviation, on the log scale."""

    mean: float
    sd: float


class EffectsFile(FileRecord):
    """The fitted model. Names are explained in docs/developers; values without a unit are natural logs."""

    schema_version: Literal[1] = 1
    campaign: str
    as_of_utc: AwareDatetime
    inputs: dict[str, str]
    seed: int
    services: tuple[str, ...]
    campaigns_learned_from: int
    campaign_sd: float
    service_sd: float
    noise_sd: dict[str, float]
    baseline_level_sd: dict[str, float]
    parameters: dict[str, Parameter]


def effects_file(forecast: Forecast) -> EffectsFile:
    """The fitted parameters of a forecast; levels of single past days are left out, they explain nothing to come."""
    uplift, baseline, model = forecast.learned.uplift, forecast.learned.baseline, forecast.model
    sds = np.sqrt(np.diag(uplift.covariance))
    return EffectsFile(
        campaign=model.campaign,
        as_of_utc=model.as_of_utc,
        inputs=model.inputs,
        seed=model.seed,
        services=baseline.services,
        campaigns_learned_from=uplift.campaigns,
        campaign_sd=uplift.campaign_sd,
        service_sd=uplift.service_sd,
        noise_sd={name: float(sd) for name, sd in zip(baseline.services, uplift.noise_sd, strict=True)},
        baseline_level_sd={name: float(sd) for name, sd in zip(baseline.services, baseline.level_sd, strict=True)},
        parameters={
            name: Parameter(mean=float(mean), sd=float(sd))
            for name, mean, sd in zip(uplift.layout.names, uplift.mean, sds, strict=True)
            if not name.startswith("level:")
        },
    )
