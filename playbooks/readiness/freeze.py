"""The D-3 hand-over: plan, model, dictionary, load profile and plans copied into a folder named by their hash."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaign.bundle import FrozenBundle, bundle_hash
from campaign.errors import Problem, UserError
from campaign.files import sha256, to_json, unwritable
from campaign.language import say
from campaign.store.events import Act, Event
from campaign.workspace import SETTINGS, Workspace
from metrics.dictionary import open_dictionary
from playbooks.readiness.acts import Actor
from playbooks.readiness.checks import traffic_model
from playbooks.readiness.gather import used_metric_ids
from playbooks.readiness.publish import Review, publish_handover, review
from playbooks.readiness.record import done_before, record_on_log

FREEZING = "plan-frozen"
RESULTS = ("traffic.json", "traffic.csv", "demand.csv", "loadtest/scenario.json", "loadtest/locustfile.py")
PLAYBOOK = ("playbook/autoscaling.json", "playbook/staffing.json", "playbook/staffing.csv", "playbook/bot_training.csv")
DICTIONARY_FILE = "dictionary.json"


def hand_over(workspace: Workspace, campaign: str, actor: Actor, now: datetime) -> tuple[Event, str]:
    """Freeze, write the message to post and the checklist; returns the event and the message in the reader's language.

    Raises:
        UserError: the traffic model is missing or older than the plan, this very bundle is frozen already, the log was
            edited, or something cannot be written.
    """
    event = record_on_log(workspace, lambda log: freeze(workspace, campaign, actor, now, log))
    return event, publish_handover(workspace, campaign, now, event)


def freeze(workspace: Workspace, campaign: str, actor: Actor, now: datetime, log: Sequence[Event]) -> Act:
    """Write the bundle and return the act that hands it over; the same content is the same bundle.

    Raises:
        UserError: as `hand_over`.
    """
    made = review(workspace, campaign, now, log)
    finding = traffic_model(made.evidence)
    if finding.state != "pass":
        assert finding.note
        raise UserError(Problem(finding.note, say("run `surgeplan run {id}`, then freeze again", id=campaign)))
    bundle = build_bundle(workspace, made)
    body = {"bundle": bundle.hash, "binding": made.evidence.binding.as_json(), "missing": list(bundle.missing)}
    name, role = actor.name, actor.roles[0]
    act = Act(kind="freeze", campaign=campaign, subject=FREEZING, actor=name, role=role, at_utc=now, body=body)
    old = made.evidence.bundle
    is_frozen = old is not None and old.hash == bundle.hash and not made.evidence.bundle_damage
    if is_frozen and done_before(log, act) is None:
        raise UserError(
            Problem(say("bundle {hash} is frozen already", hash=bundle.hash), say("nothing in it has changed since"))
        )
    if not is_frozen:
        _write(workspace, bundle)
    return act


def build_bundle(workspace: Workspace, made: Review) -> FrozenBundle:
    """The record of what would be frozen now; nothing is written."""
    campaign, model = made.checklist.campaign, made.evidence.traffic
    assert model
    sources = _sources(workspace, campaign)
    files = {name: sha256(path) for name, path in sources.items() if path.is_file()}
    files[DICTIONARY_FILE] = _sha256_of(_dictionary_text(workspace, campaign))
    return FrozenBundle(
        campaign=campaign,
        hash=bundle_hash(files),
        as_of_utc=model.as_of_utc,
        files=files,
        components=made.evidence.binding.parts,
        peaks=made.evidence.binding.peaks,
        missing=tuple(name for name, path in sources.items() if not path.is_file()),
    )


def _sources(workspace: Workspace, campaign: str) -> dict[str, Path]:
    names = [SETTINGS, f"campaigns/{campaign}.yaml", *(f"out/{campaign}/{name}" for name in (*RESULTS, *PLAYBOOK))]
    replay = f"evidence/{campaign}/bot_replay.csv"  # only where there is one: not every team has a bot
    names += [replay] if (workspace.folder / replay).is_file() else []
    return {name: workspace.folder / name for name in names}


def _dictionary_text(workspace: Workspace, campaign: str) -> str:
    """The definitions that the plan's figures use, resolved, with their ids."""
    dictionary = open_dictionary(workspace)
    used = used_metric_ids(workspace.plan(campaign), dictionary)
    return to_json({"schema_version": 1, "metrics": {name: dictionary.as_json(name) for name in used}})


def _sha256_of(text: str) -> str:
    from hashlib import sha256 as digest

    return digest(text.encode()).hexdigest()


def _write(workspace: Workspace, bundle: FrozenBundle) -> None:
    """Fill a folder beside the others, then move it into place: a bundle is there whole or not at all."""
    parent = workspace.out(bundle.campaign) / "frozen"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".freezing-", dir=parent))
    except OSError as error:
        raise unwritable(parent, error) from error
    try:
        for name, source in _sources(workspace, bundle.campaign).items():
            if source.is_file():
                _put(building / name, source.read_bytes())
        _put(building / DICTIONARY_FILE, _dictionary_text(workspace, bundle.campaign).encode())
        _put(building / "bundle.json", to_json(bundle.model_dump(mode="json")).encode())
        building.chmod(0o755)
        target = parent / bundle.hash
        if target.is_dir():  # the same content once more, or one that was tampered with: replaced by the true one
            shutil.rmtree(target)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
