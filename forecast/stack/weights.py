"""How much each member of the stack counts: learned from how far off it was on earlier campaigns, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forecast.stack.members import ARMA, BOOSTING, PROPHET_HELD, STRUCTURAL

MEMBERS = (STRUCTURAL, PROPHET_HELD, BOOSTING, ARMA)
POWER = 3.0
PSEUDO_CAMPAIGNS = 1.0
COLD_CAMPAIGNS = 2.0
LOSS_MOST = 2.0
LOSS_UNKNOWN = 0.5


def weights_from(losses: Sequence[Mapping[str, float]], campaigns_known: float) -> dict[str, float]:
    """Weights by member that sum to one: the inverse of its mean error on earlier campaigns, cubed.

    losses: for each earlier campaign the weighted absolute percentage error of each member. One campaign's worth of the
    members' common mean is mixed in. Members other than the structural one know of campaigns only what earlier ones
    taught, so they count n / (n + 2) with `campaigns_known` of them: without any, the structural model stands alone.
    """
    every = [min(loss, LOSS_MOST) for one in losses for loss in one.values()]
    common = sum(every) / len(every) if every else LOSS_UNKNOWN
    raw = {}
    for name in MEMBERS:
        own = [min(one[name], LOSS_MOST) for one in losses if name in one]
        mean = (PSEUDO_CAMPAIGNS * common + sum(own)) / (PSEUDO_CAMPAIGNS + len(own))
        warm = 1.0 if name == STRUCTURAL else campaigns_known / (campaigns_known + COLD_CAMPAIGNS)
        raw[name] = warm * max(mean, 1e-3) ** -POWER
    total = sum(raw.values())
    return {name: weight / total for name, weight in raw.items()}
