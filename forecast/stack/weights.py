"""How much each member of the stack counts: learned from how far off it was on earlier campaigns, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forecast.stack.stack import MEMBERS, STRUCTURAL

POWER = 3.0
PSEUDO_CAMPAIGNS = 1.0
COLD_CAMPAIGNS = 2.0
LOSS_MOST = 2.0
LOSS_UNKNOWN = 0.5


def weights_from(
    losses: Sequence[Mapping[str, float]], counts: Sequence[float], campaigns_known: float
) -> dict[str, float]:
    """Weights by member that sum to one: the inverse of its mean error on earlier campaigns, cubed.

    losses: for each earlier campaign the weighted absolute percentage error of each member; counts: how many campaigns
    each of them is worth. One campaign's worth of the members' common mean is mixed in. Members other than the
    structural one know of campaigns only what earlier ones taught, so they count n / (n + 2) with `campaigns_known` of
    them: without any, the structural model stands alone.
    """
    every = [(count, min(loss, LOSS_MOST)) for one, count in zip(losses, counts, strict=True) for loss in one.values()]
    common = _mean(every) if every else LOSS_UNKNOWN
    raw = {}
    for name in MEMBERS:
        own = [(count, min(one[name], LOSS_MOST)) for one, count in zip(losses, counts, strict=True) if name in one]
        mean = _mean([(PSEUDO_CAMPAIGNS, common), *own])
        warm = 1.0 if name == STRUCTURAL else campaigns_known / (campaigns_known + COLD_CAMPAIGNS)
        raw[name] = warm * max(mean, 1e-3) ** -POWER
    total = sum(raw.values())
    return {name: weight / total for name, weight in raw.items()}


def _mean(counted: Sequence[tuple[float, float]]) -> float:
    return sum(count * loss for count, loss in counted) / sum(count for count, _ in counted)
