"""Starts the web service on one workspace and stops it without losing what is being written."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, get_args

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.workspace import Workspace, open_workspace
from forecast.threads import one_thread
from warroom.chat.daily import Daily, message
from warroom.chat.sending import Sender
from warroom.chat.targets import VARIABLE, targets_of
from warroom.checklist.definitions import definition_routes
from warroom.checklist.gates import gate_routes
from warroom.checklist.routes import checklist_routes
from warroom.export.feed_routes import feed_routes
from warroom.export.scrape import LiveCampaigns
from warroom.growth.routes import growth_routes
from warroom.live.clocks.worker import Live
from warroom.live.messages.outbox import Postman
from warroom.live.page.act_routes import act_routes
from warroom.live.page.routes import live_routes
from warroom.live.room.watching import Watching
from warroom.live.state import live_store
from warroom.plans.api import plan_api
from warroom.plans.revisions import catch_up
from warroom.plans.routes import plan_routes
from warroom.push.apart import LearningApart
from warroom.push.asking import Oracle
from warroom.push.routes import push_routes
from warroom.refresh.worker import Refresher
from warroom.service.access import ROLES, Door, Mode, refuse_open_doors, secret_of
from warroom.service.app import make_app
from warroom.service.logs import log_to_stderr
from warroom.service.looking import Looking
from warroom.service.routes import door_routes
from warroom.service.site import Site
from warroom.service.watched import Campaigns, metrics_routes
from warroom.sheet.routes import sheet_routes
from warroom.support.routes import support_routes

LOG = logging.getLogger("surgeplan")
BACKLOG = 1024
KEEP_ALIVE_SECONDS = 60  # pages that are open ask each 15 s
PREPARE_SECONDS = 60.0
SWITCH_SECONDS = 0.0005
"""After how long a thread that computes lets others on, ten times sooner than Python does: each of the many small reads
that make a page waits for its turn again."""


@dataclass(frozen=True)
class Listening:
    """Where and for whom the service listens; `address`: what people type, for links in messages."""

    host: str
    port: int
    auth: str
    address: str = ""


def serve(folder: Path, listening: Listening, begins: datetime | None, tell: Callable[[Text], object]) -> None:
    """Serve until interrupted. `begins`: what the clock shows now, where it is not the real one.

    Raises:
        UserError: the workspace is wrong, the door would be open, or the port is taken.
    """
    settings = open_workspace(folder).settings
    mode = mode_of(listening.auth)
    refuse_open_doors(listening.host, mode)
    door = Door(mode, secret_of(folder), settings.roles)
    site = Site(folder.resolve(), door, _clock(begins))
    log_to_stderr()
    for name in catch_up(site.folder):
        LOG.info("committed %s, which was saved before a restart", name)
    sender = Sender(targets_of(os.environ.get(VARIABLE, "")))
    refresher, daily = Refresher(site, tell_changes(sender)), Daily(site, sender, listening.address)
    live, postman = Live(site, sender.targets), Postman(lambda: live_store(site.workspace()), sender, site.clock)
    learning = LearningApart()
    oracle = Oracle(learning, patient=False)
    preparing = Looking("models", lambda: oracle.prepare(site.workspace(), site.clock()), PREPARE_SECONDS, at_once=True)
    app = site_app(site, refresher.poke, oracle)
    with _bound(listening) as listener:
        host, port = listener.getsockname()[:2]
        tell(say("listening on {url}; Ctrl-C stops", url=f"http://{host}:{port}"))
        trusted = (
            {"proxy_headers": True, "forwarded_allow_ips": "127.0.0.1"} if mode == "proxy" else {"proxy_headers": False}
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            **trusted,
        )
        signal.signal(signal.SIGTERM, _end)
        for part in (sender, refresher, daily, live, postman, preparing):
            part.start()
        try:
            sys.setswitchinterval(SWITCH_SECONDS)
            with one_thread():
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            for ending in (learning, live, daily, refresher, postman, sender, preparing):
                ending.stop()


def site_app(
    site: Site, submitted: Callable[[str], object] = lambda _campaign: None, oracle: Oracle | None = None
) -> FastAPI:
    """Every page of the service on one workspace; `submitted` is told of every plan that was sent in."""
    oracle = oracle or Oracle()

    def foresee(workspace: Workspace, plan: Plan) -> Sequence[Text]:
        return oracle.foresee(workspace, plan, site.clock())

    pages = (
        checklist_routes(site),
        gate_routes(site),
        definition_routes(site),
        feed_routes(site),
        growth_routes(site),
        support_routes(site),
        sheet_routes(site),
        push_routes(site, oracle, submitted),
        live_routes(site, Watching(site)),
        act_routes(site),
        plan_routes(site, foresee, submitted),
        plan_api(site, foresee, submitted),
    )
    registry = CollectorRegistry()
    registry.register(Campaigns(site))
    registry.register(LiveCampaigns(site))
    return make_app(site, (door_routes(site), metrics_routes(registry), *pages), registry)


def tell_changes(sender: Sender) -> Callable[[Workspace, str, tuple[Text, ...]], None]:
    """What a new forecast changed, into the service's log and the team's chat."""

    def tell(workspace: Workspace, campaign: str, sentences: tuple[Text, ...]) -> None:
        LOG.info("%s: %s", campaign, " ".join(sentence.speak("en") for sentence in sentences))
        title = say("{plan}: new forecast", plan=workspace.plan(campaign).title)
        sender.tell(lambda target: message(title, list(sentences), target, workspace))

    return tell


def _end(_signal: int, _frame: object) -> NoReturn:
    """The server raises the signal that ended it once more; unheard, it would end us before our threads are stopped."""
    raise SystemExit(128 + signal.SIGTERM)


def _clock(begins: datetime | None) -> Callable[[], datetime]:
    offset = begins - datetime.now(UTC) if begins else timedelta(0)
    return lambda: datetime.now(UTC) + offset


def mode_of(given: str) -> Mode:
    """The mode that `--auth` names.

    Raises:
        UserError: no such mode.
    """
    for known in get_args(Mode):
        if given == known:
            return known  # type: ignore[no-any-return]
    raise UserError(Problem(say("{given} is no way in", given=given), nearest(given, get_args(Mode)), key="--auth"))


def invitations(folder: Path, invited: Sequence[str], hours: float, base: str) -> dict[str, str]:
    """A link for each `NAME:ROLE`.

    Raises:
        UserError: no name, or no such role; all at once.
    """
    door = Door("links", secret_of(folder), {})
    pairs = [given.rpartition(":") for given in invited]
    problems = [
        Problem(say("{given} is not NAME:ROLE", given=given), nearest(role, ROLES), key="--invite")
        for given, (name, _, role) in zip(invited, pairs, strict=True)
        if not name or role not in ROLES
    ]
    if problems:
        raise UserError(problems)
    return {f"{name} ({role})": f"{base}/enter?token={door.link(name, role, hours)}" for name, _, role in pairs}


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listening.host, listening.port))
        listener.listen(BACKLOG)  # from here on who comes waits, while the server is still starting
    except OSError as error:
        listener.close()
        what = say(
            "{place} cannot be listened on: {reason}", place=f"{listening.host}:{listening.port}", reason=error.strerror
        )
        raise UserError(Problem(what, say("choose another --port or --host"), key="--port")) from error
    return listener
