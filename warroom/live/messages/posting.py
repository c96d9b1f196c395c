"""Messages put into the outbox, one for each target under a key of its own, so that none is ever written twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from campaign.language import Text
from campaign.settings import Settings
from campaign.store.live import Letter, LiveStore
from warroom.chat.messages import Message
from warroom.chat.targets import Target
from warroom.live.records import Digest

DIGEST, ALERT = "digest", "alert"


def name_of(target: Target) -> str:
    """A target's name that gives nothing of its address away."""
    return hashlib.sha256(f"{target.platform} {target.url}".encode()).hexdigest()[:16]


def post(
    store: LiveStore,
    campaign: str,
    subject: str,
    message: tuple[Text, Iterable[Text]],
    targets: Iterable[Target],
    settings: Settings,
    now: datetime,
    *,
    urgent: bool = False,
) -> int:
    """Put one message into the outbox for every target, in the target's language, else the workspace's. Returns how
    many of them were new."""
    title, lines = message
    letters = []
    for target in targets:
        language = target.language or settings.language
        body = {"title": title.speak(language), "lines": [line.speak(language) for line in lines], "urgent": urgent}
        key = f"{campaign}/{subject}/{name_of(target)}"
        letters.append(Letter(key, campaign, name_of(target), now, body))
    return store.post(letters)


def digest_subject(hour: datetime) -> str:
    return f"{DIGEST}/{hour.isoformat()}"


def hours_posted(letters: Iterable[Letter]) -> dict[datetime, list[Letter]]:
    """The letters of every hourly message, by hour in time order."""
    found: dict[datetime, list[Letter]] = {}
    for letter in letters:
        kind, _, rest = letter.key.removeprefix(f"{letter.campaign}/").partition("/")
        if kind == DIGEST:
            found.setdefault(datetime.fromisoformat(rest.rpartition("/")[0]), []).append(letter)
    return dict(sorted(found.items()))


def newest_digest(letters: Sequence[Letter]) -> Digest | None:
    """What became of the last hourly message."""
    hours = hours_posted(letters)
    if not hours:
        return None
    hour, own = next(reversed(hours.items()))
    states = [letter.state for letter in own]
    waiting = states.count("waiting") + states.count("sending")
    return Digest(hour, states.count("sent"), waiting, states.count("refused"), states.count("unknown"))


def message_of(letter: Letter) -> Message:
    return Message(letter.body["title"], letter.body["lines"], letter.body["urgent"])
