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

COLUMNS = ("starts_at", "starts_at_utc", "desk", "contacts", "intent", "bot_resolved")
Sums = dict[str, float]


@dataclass(frozen=True)
class Counted:
    """Contacts by desk and by history's own names of intents; unresolved: of these, what the bot did not resolve.

    in_campaigns: whether only earlier campaigns were counted.
    """

    contacts: dict[str, Sums]
    unresolved: dict[str, Sums]
    in_campaigns: bool

    def total(self, desk: str) -> float:
        return sum(self.contacts.get(desk, {}).values())


@dataclass(frozen=True)
class Mix:
    """Questions that reach one desk: each intent's share of its contacts for people, and what the bot leaves of it.

    unresolved_ratio: by intent of the policy, where history counts what the bot resolved.
    """

    intents: tuple[Intent, ...]
    unresolved_ratio: Mapping[str, float]


def read_counts(files: Sequence[Path], zone: ZoneInfo, before: datetime, plans: Iterable[Plan]) -> Counted | None:
    """Contacts by desk and intent before an instant, in earlier campaigns where there were any; None without.

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
    sums = (found[inside.to_numpy()] if inside.any() else found).groupby(["desk", "intent"]).sum(numeric_only=True)
    if sums["contacts"].sum() <= 0:
        return None
    return Counted(_by_desk(sums["contacts"]), _by_desk(sums["unresolved"]), bool(inside.any()))


def _by_desk(sums: pd.Series[float]) -> dict[str, Sums]:
    return {
        str(desk): {str(name): float(count) for name, count in part.droplevel(0).items()}
        for desk, part in sums.groupby(level=0)
        if part.sum() > 0
    }


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
    contacts = frame["contacts"].astype(float)
    resolved = frame["bot_resolved"].fillna(0).astype(float) if "bot_resolved" in frame else 0.0
    names = {name: frame[name].astype(str).str.strip() for name in ("desk", "intent")}
    return pd.DataFrame({"at": at, **names, "contacts": contacts, "unresolved": (contacts - resolved).clip(lower=0)})


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


def mix_of(desk: str, counted: Counted | None, intents: Sequence[Intent]) -> Mix:
    """One desk's questions: as counted on it, else the policy's shares.

    Intents not counted divide what no intent of the policy claims.
    """
    if counted is None or not counted.total(desk):
        return Mix(tuple(intents), {})
    for_people = counted.unresolved.get(desk) or counted.contacts[desk]
    shares = counted_shares(for_people, intents)
    unclaimed = max(0.0, 1 - sum(shares.values()))
    mixed = [one.model_copy(update={"share_ratio": shares.get(one.id, one.share_ratio * unclaimed)}) for one in intents]
    return Mix(tuple(mixed), _unresolved(counted.contacts[desk], counted.unresolved.get(desk, {}), intents))


def _unresolved(contacts: Sums, unresolved: Sums, intents: Sequence[Intent]) -> dict[str, float]:
    """Share that the bot leaves, by intent of the policy; nothing where no bot was counted."""
    if sum(unresolved.values()) >= sum(contacts.values()):
        return {}
    found = {}
    for one in intents:
        names = [name for name in contacts if name in (one.id, *one.counted_as)]
        all_asked = sum(contacts[name] for name in names)
        if all_asked > 0:
            found[one.id] = sum(unresolved.get(name, 0.0) for name in names) / all_asked
    return found
