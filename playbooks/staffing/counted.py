"""Shares of questions as history counts them, on the playbook's own intents.

history/contacts is read here directly: the forecast hands over contacts by desk, not by intent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from campaign.plan import Plan
from playbooks.staffing.policy import Intent

COLUMNS = ("starts_at", "starts_at_utc", "contacts", "intent")


@dataclass(frozen=True)
class Counted:
    """Contacts by history's own names of intents, and whether only earlier campaigns were counted."""

    contacts: dict[str, float]
    in_campaigns: bool


def read_counts(files: Sequence[Path], zone: ZoneInfo, before: datetime, plans: Iterable[Plan]) -> Counted | None:
    """Contacts by intent before an instant, in earlier campaigns where there were any; None where nothing is counted.

    The forecast has checked these files; naive times are of the workspace's zone, as it reads them.
    """
    frames = [frame for file in files if (frame := _read(file, zone)) is not None]
    if not frames:
        return None
    found = pd.concat(frames)
    found = found[found["at"] < before]
    windows = [
        (found["at"] >= plan.starts_at) & (found["at"] < plan.ends_at) for plan in plans if plan.ends_at <= before
    ]
    inside = pd.concat(windows, axis=1).any(axis=1) if windows else pd.Series(False, index=found.index)
    chosen = found[inside.to_numpy()] if inside.any() else found
    contacts = chosen.groupby("intent")["contacts"].sum()
    return Counted({str(k): float(v) for k, v in contacts.items()}, bool(inside.any())) if contacts.sum() > 0 else None


def _read(file: Path, zone: ZoneInfo) -> pd.DataFrame | None:
    frame = pd.read_parquet(file) if file.suffix == ".parquet" else _read_csv(file)
    if "intent" not in frame:
        return None
    named = frame["intent"].fillna("").astype(str).str.strip() != ""
    frame = frame[named]
    at = pd.to_datetime(frame["starts_at_utc"] if "starts_at_utc" in frame else frame["starts_at"], format="ISO8601",
                        utc="starts_at_utc" in frame or _aware(frame["starts_at"]))  # fmt: skip
    if at.dt.tz is None:
        at = at.dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    return pd.DataFrame({"at": at, "intent": frame["intent"].astype(str), "contacts": frame["contacts"].astype(float)})


def _read_csv(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, usecols=lambda name: name in COLUMNS, encoding="utf-8-sig")
    except UnicodeDecodeError:
        return pd.read_csv(file, usecols=lambda name: name in COLUMNS, encoding="gb18030")


def _aware(times: pd.Series[str]) -> bool:
    return bool(len(times)) and pd.Timestamp(times.iloc[0]).tzinfo is not None


def counted_shares(contacts: Mapping[str, float], intents: Sequence[Intent]) -> dict[str, float]:
    """Share of all contacts by intent of the policy, for those that history counts under any of their names.

    What history counts as one and the policy as several is divided by the policy's shares.
    """
    total = sum(contacts.values())
    shares: dict[str, float] = {}
    for name, count in contacts.items():
        meant = [one for one in intents if name in (one.id, *one.counted_as)]
        weight = sum(one.share_ratio for one in meant)
        for one in meant:
            shares[one.id] = shares.get(one.id, 0.0) + count / total * one.share_ratio / weight
    return shares


def with_counted_shares(counted: Counted, intents: Sequence[Intent]) -> tuple[Intent, ...]:
    """Intents with counted shares; those not counted divide what no intent of the policy claims."""
    shares = counted_shares(counted.contacts, intents)
    unclaimed = max(0.0, 1 - sum(shares.values()))
    return tuple(
        one.model_copy(update={"share_ratio": shares.get(one.id, one.share_ratio * unclaimed)}) for one in intents
    )
