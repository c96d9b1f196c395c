"""Every kind of action in one replayed event whose true effects are known: decided by command and by phone, pulled from
a Prometheus and a support system's export, told an hour later with a range that has the truth in it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from campaign.files import write_text
from campaign.pages import unbroken
from campaign.workspace import open_workspace
from forecast.epochs import epochs
from forecast.history.reading import read_desks
from forecast.uplift.kernels import pulse
from playbooks.readiness.record import workspace_log
from playbooks.staffing.level_table import save_tables
from surgeplan.cli import main
from tests.metrics.remotes import Remote
from tests.warroom.conftest import form_token
from tests.warroom.live_event import CAMPAIGN, END, LEVEL, START, model_files, paths_of
from tests.warroom.test_desk_levers import TABLE
from tests.warroom.test_levers import DECAY_SECONDS, PUSH, SETTINGS, course_of
from warroom.live.actions.log import Decision
from warroom.live.actions.words import outcome_words
from warroom.live.deciding.decisions import decisions
from warroom.retrospective.desks import desk_scores
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site
from warroom.support.intervals import read_intervals

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HELD_AT, SPREAD_AT = START + HOUR, START + 3 * HOUR
SWITCHED, SCALED, CALLED, TRAINED = (START + n * HOUR for n in (6, 9, 16, 1.25))
BUSIER, HEAVIER = 1.05, 1.1
OFFERED, LOAD, ROSTERED, MORE = 120.0, 20.0, 18.0, 5
ASKED, LEFT_BEFORE, LEFT_AFTER = 60.0, 0.7, 0.4
PLAN = """\
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T00:00+08:00
channels:
  - name: app-push
    sends:
      - {at: 2026-11-10T21:00+08:00, reach: 900000, per_second: 1500, open_ratio: 0.03}
      - {at: 2026-11-10T23:00+08:00, reach: 900000, per_second: 1500, open_ratio: 0.03}
"""
DESK_AND_SOURCES = """\
desks:
  - {name: phone, channel: phone, handle_seconds: 300, patience_seconds: 120, agents_max: 60,
     service_level: {definition: served_within, ratio: 0.8, seconds: 20},
     bot: {resolved_ratio: {low: 0.3, mid: 0.45, high: 0.6}}}
sources:
  - {name: prom, kind: prometheus, url: "%(url)s", since: 2026-11-10T06:00Z, query: "rate(requests_total[1m])"}
  - {name: ready, kind: prometheus-reading, reading: ready_replicas, url: "%(url)s", query: ready}
  - name: desk-state
    kind: prometheus
    measure: desks
    url: "%(url)s"
    since: 2026-11-10T06:00Z
    step_seconds: 300
    service_label: desk
    queries:
      contacts_offered: increase(offered[5m])
      contacts_in_time: increase(in_time[5m])
      agents_logged_in: agents
"""


def people_of(at: np.ndarray, sent: datetime, seconds: float) -> np.ndarray:  # type: ignore[type-arg]
    """What a send adds minute by minute, 300 requests per second at its largest if it goes out as planned."""
    starts = at - sent.timestamp()
    planned = 60.0 * np.arange(240)
    largest = pulse(planned, planned + 60, 600, DECAY_SECONDS).max()
    added: np.ndarray = 300 * pulse(starts, starts + 60, seconds, DECAY_SECONDS) / largest  # type: ignore[type-arg]
    return added


@dataclass(frozen=True)
class Truth:
    """What really comes: of a system that is a twentieth busier than forecast, with contacts a tenth heavier."""

    def requests(self, at: np.ndarray, without: str = "") -> np.ndarray:  # type: ignore[type-arg]
        """Requests per second of minutes; `without`: as if that had not been decided."""
        rates = np.full(len(at), LEVEL)
        rates += people_of(at, HELD_AT, 600) if without == "hold" else 0.0
        rates += people_of(at, SPREAD_AT, 600 if without == "stagger" else 7200)
        off = (at >= (SWITCHED + MINUTE).timestamp()) & (at < (SWITCHED + 3 * HOUR).timestamp())
        rates = np.where(off & (without != "switch"), 0.75 * rates, rates)
        rng = np.random.default_rng(1)
        noise = np.exp(rng.normal(0, 0.01, 4000))[((at - START.timestamp()) // 60).astype(int) + 1000]
        found: np.ndarray = BUSIER * rates * noise  # type: ignore[type-arg]
        return found

    def ready(self, at: float) -> float:
        return 11.0 if at >= SCALED.timestamp() else 8.0

    def agents(self, at: float) -> float:
        return ROSTERED + (MORE if at >= (CALLED + HOUR / 2).timestamp() else 0)

    def level(self, agents: float) -> float:
        return float(TABLE.level(np.array([HEAVIER * LOAD]), np.array([agents]))[0])


TRUTH = Truth()


class System(Remote):
    """A Prometheus that knows the truth."""

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        step = int(given["step"])
        times = np.arange(int(given["start"]), int(given["end"]) + 1, step)
        asked: dict[str, Callable[[], np.ndarray]] = {  # type: ignore[type-arg]
            "rate(requests": lambda: TRUTH.requests((times - 60).astype(float)),
            "ready": lambda: np.array([TRUTH.ready(at) for at in times]),
            "increase(offered": lambda: np.full(len(times), OFFERED * step / 1800),
            "increase(in_time": lambda: np.array(
                [OFFERED * step / 1800 * TRUTH.level(TRUTH.agents(at - step)) for at in times]
            ),
            "agents": lambda: np.array([TRUTH.agents(at - step) for at in times]),
        }
        values = next(value for query, value in asked.items() if given["query"].startswith(query))()
        metric = {"service": "storefront", "desk": "phone"}
        series = {"metric": metric, "values": [[int(at), f"{v:.9g}"] for at, v in zip(times, values, strict=True)]}
        return {"status": "success", "data": {"resultType": "matrix", "result": [series]}}


def contacts_export(trained: datetime) -> str:
    """What the support system drops: half-hours of one question, with what the bot resolved of it."""
    rows = ["starts_at,desk,intent,contacts,bot_handled,bot_resolved"]
    rng, at = np.random.default_rng(2), START - 6 * HOUR
    while at < END:
        left = LEFT_AFTER if at >= trained else LEFT_BEFORE
        resolved = rng.binomial(int(ASKED), 1 - left)
        rows.append(f"{at:%Y-%m-%dT%H:%MZ},phone,where-is-my-order,{ASKED:g},{ASKED:g},{resolved}")
        at += HOUR / 2
    return "\n".join(rows) + "\n"


def staffing_plan(folder: Path) -> None:
    """As `surgeplan playbook` writes it: the same half-hour all day."""
    halves = [START - 6 * HOUR + n * HOUR / 2 for n in range(80)]
    plan = [f"{at:%Y-%m-%dT%H:%M:%SZ},phone,{OFFERED},{1.2 * OFFERED},22,{ROSTERED},0.6" for at in halves]
    head = "starts_at_utc,desk,contacts_p50,contacts_p90,agents_required,agents_rostered,service_level_ratio"
    write_text(folder / "staffing.csv", "\n".join([head, *plan]) + "\n")
    detail = [f"{at:%Y-%m-%dT%H:%M:%SZ},phone,1,{OFFERED},{1.2 * OFFERED},{LOAD},{1.2 * LOAD},22" for at in halves]
    head = "starts_at_utc,desk,open,human_contacts_p50,human_contacts_p90,load_p50,load_p90,seats_p90"
    write_text(folder / "staffing_detail.csv", "\n".join([head, *detail]) + "\n")
    save_tables(folder / "staffing_levels.npz", {"phone": TABLE})


@pytest.fixture(scope="module")
def system() -> Iterator[str]:
    remote = System()
    thread = threading.Thread(target=remote.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield remote.url
    remote.server.shutdown()
    remote.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, system: str) -> Path:
    """The event after its end: all six kinds were decided, three by command and three by phone, and then synced."""
    made = tmp_path_factory.mktemp("true") / "shop"
    (made / "campaigns").mkdir(parents=True)
    settings = SETTINGS.replace("zhou: commander", "zhou: commander, chen: support")
    (made / "surgeplan.yaml").write_text(settings + DESK_AND_SOURCES % {"url": system}, "utf-8")
    (made / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    paths = paths_of()
    at = epochs(paths.starts_at_utc).astype(float)
    pushes = people_of(at, HELD_AT, 600) + people_of(at, SPREAD_AT, 600)
    again = PUSH.model_copy(update={"at_utc": SPREAD_AT + 10 * MINUTE, "course": course_of(SPREAD_AT, 600)})
    effects = (PUSH, again)
    model_files(made, replace(paths, requests_per_second=(paths.requests_per_second + pushes).astype(np.float32)),
                effects=effects)  # fmt: skip
    staffing_plan(made / "out" / CAMPAIGN / "playbook")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("SURGEPLAN_STATE", raising=False)
        decide_all(made)
        bot = next(d for d in decisions(open_workspace(made), CAMPAIGN) if d.kind == "bot")
        write_text(made / "history" / "contacts.csv", contacts_export(bot.effect.starts))
        synced(made, END - HOUR + 9 * MINUTE)
    return made


def synced(folder: Path, now: datetime) -> None:
    assert main(["sync", CAMPAIGN, "--workspace", str(folder), "--now", now.isoformat()]) == 0


def decide_all(folder: Path) -> None:
    """In the order of the event's clock: the log refuses acts before its newest."""
    clock = [START]
    phone = phone_of(folder, "zhou", "commander", lambda: clock[0])

    def by_command(lever: str, at: datetime, who: str, *more: str) -> None:
        words = ["act", CAMPAIGN, lever, "--as", who, "--reason", "it gets tight", *more]
        assert main([*words, "--workspace", str(folder), "--now", at.isoformat()]) == 0

    def by_phone(lever: str, at: datetime, amount: str = "") -> None:
        clock[0] = at
        offered = [each["lever"] for each in phone.get(f"/api/campaigns/{CAMPAIGN}/levers").json()["levers"]]
        named = next(each for each in offered if each.startswith(lever))
        token = form_token(phone, f"/live/{CAMPAIGN}/act?lever={named}")
        sent = {"lever": named, "verb": "act", "reason": "it gets tight", "amount": amount, "form_token": token}
        assert phone.post(f"/live/{CAMPAIGN}/act", data=sent, follow_redirects=False).status_code == 303

    by_command("hold:app-push@20261110T130000Z", HELD_AT - HOUR / 2, "zhou")
    by_phone("bot:phone:hurry-shipping", TRAINED)
    by_phone("stagger:app-push@20261110T150000Z", SPREAD_AT - HOUR / 2, "120")
    by_command("switch:recommend-off", SWITCHED, "wang")
    by_command("switch:recommend-off", SWITCHED + 3 * HOUR, "wang", "--undo")
    by_command("scale:storefront:12", SCALED, "wang")
    synced(folder, SCALED + HOUR + 12 * MINUTE)
    by_phone("agents:phone", CALLED, str(MORE))


def phone_of(folder: Path, name: str, role: str, clock: Callable[[], datetime]) -> TestClient:
    phone = TestClient(site_app(Site(folder, Door("local", "a secret of this test", {}), clock)))
    phone.post("/me", data={"name": name, "role": role, "form_token": form_token(phone, "/me")})
    return phone


def decided(folder: Path) -> dict[str, Decision]:
    return {decision.kind: decision for decision in decisions(open_workspace(folder), CAMPAIGN)}


def change_in_hour(decision: Decision) -> float:
    """Requests per second that really came because of a decision, mean over its hour."""
    first = decision.effect.starts.timestamp()
    at = first + 60.0 * np.arange(60)
    return float((TRUTH.requests(at) - TRUTH.requests(at, decision.kind)).mean())


def true_change(decision: Decision) -> float:
    """In the measure that was expected."""
    if decision.kind == "scale":
        return 3 * 100.0  # three replicas became ready where four were decided on
    if decision.kind == "agents":
        return TRUTH.level(ROSTERED + MORE) - TRUTH.level(ROSTERED)
    if decision.kind == "bot":
        return (LEFT_AFTER - LEFT_BEFORE) * ASKED
    return change_in_hour(decision)


@pytest.mark.parametrize("kind", ["hold", "stagger", "switch", "scale", "agents", "bot"])
def test_the_real_effect_is_told_and_the_truth_lies_in_its_range(folder: Path, kind: str) -> None:
    decision = decided(folder)[kind]
    outcome, truth = decision.outcome, true_change(decision)
    assert outcome is not None
    assert outcome.real is not None, str(outcome.why)
    assert abs(truth) > 0
    slack = 1e-6 * abs(truth)
    assert outcome.real.p10 - slack <= truth <= outcome.real.p90 + slack
    assert outcome.real.p90 - outcome.real.p10 < 2 * abs(truth)
    assert outcome.verdict == "told"
    assert outcome.together == ()


def test_what_was_expected_stands_beside_what_came(folder: Path) -> None:
    for kind, decision in decided(folder).items():
        said = outcome_words(decision).speak("en")
        assert said.startswith("it did "), kind
        assert "; expected " in said


def test_the_log_has_each_decision_once_and_each_effect_once(folder: Path) -> None:
    kinds = [event.kind for event in workspace_log(open_workspace(folder)).events()]
    assert [kinds.count(kind) for kind in ("act", "undo", "effect")] == [6, 1, 6]


def test_the_command_and_the_phone_say_the_same_of_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = END - HOUR + 10 * MINUTE
    assert main(["act", CAMPAIGN, "--workspace", str(folder), "--now", now.isoformat(), "--lang", "en"]) == 0
    listed = capsys.readouterr().out
    page = phone_of(folder, "zhou", "commander", lambda: now).get(f"/live/{CAMPAIGN}?lang=en&done=1").text
    for decision in decided(folder).values():
        said = outcome_words(decision).speak("en")
        assert said in listed
        assert unbroken(said.replace("'", "&#39;")) in page


def test_the_desk_is_shown_beside_its_plan(folder: Path) -> None:
    now = END - HOUR + 10 * MINUTE
    phone = phone_of(folder, "zhou", "commander", lambda: now)
    page = phone.get(f"/live/{CAMPAIGN}?lang=en&desk=support").text
    assert "Served in time" in page
    assert f"{TRUTH.level(ROSTERED + MORE):.0%}"[:-1] in page
    assert "planned 60" in page
    served = phone.get(f"/api/campaigns/{CAMPAIGN}/live").json()["desks"]["phone"]["served"]
    assert served["service_level_ratio"] == pytest.approx(TRUTH.level(ROSTERED + MORE), rel=0.01)
    assert (served["planned_service_level_ratio"], served["agents_logged_in"]) == (0.6, ROSTERED + MORE)


def test_the_retrospective_says_how_the_desk_served(folder: Path) -> None:
    workspace = open_workspace(folder)
    staffing = read_intervals(folder / "out" / CAMPAIGN / "playbook" / "staffing.csv")
    plan, desks = workspace.plan(CAMPAIGN), workspace.settings.desks
    served = read_desks(workspace)
    assert served is not None
    score = desk_scores(served, staffing, desks, plan)["phone"]
    few, many = TRUTH.level(ROSTERED), TRUTH.level(ROSTERED + MORE)
    assert score.service_level_ratio is not None
    assert few < score.service_level_ratio < many
    assert (score.planned_service_level_ratio, score.promised_ratio) == (pytest.approx(0.6), 0.8)
    assert few < many < 0.8
    inside = served["starts_at_utc"] >= pd.Timestamp(START.replace(tzinfo=None))
    assert score.hours_below_promise == served[inside]["starts_at_utc"].dt.floor("h").nunique()
    assert (score.agents_rostered, score.abandoned_ratio, score.waiting_most) == (ROSTERED, None, None)
    assert desk_scores(None, staffing, desks, plan) == {}


def test_without_a_source_it_is_said_what_to_set_up(folder: Path, tmp_path: Path) -> None:
    from warroom.live.clocks.desk_outcomes import level_told, question_told

    shop = Path(shutil.copytree(folder, tmp_path / "shop"))
    for file in (shop / "history").glob("desks*"):
        file.unlink()
    contacts = shop / "history" / "contacts.csv"
    rows = [line.rpartition(",")[0].rpartition(",")[0] for line in contacts.read_text("utf-8").splitlines()]
    contacts.write_text("\n".join(rows) + "\n", "utf-8")
    workspace, made = open_workspace(shop), decided(folder)
    level = level_told(workspace, workspace.plan(CAMPAIGN), made["agents"], ())
    question = question_told(workspace, workspace.plan(CAMPAIGN), made["bot"], ())
    assert level is not None
    assert question is not None
    assert "add one with measure: desks" in str(level.why)
    assert "history/contacts needs bot_resolved" in str(question.why)


def test_a_bot_is_told_by_all_of_its_desk_where_history_knows_no_questions(folder: Path, tmp_path: Path) -> None:
    from warroom.live.clocks.desk_outcomes import question_told

    shop = Path(shutil.copytree(folder, tmp_path / "shop"))
    contacts = shop / "history" / "contacts.csv"
    contacts.write_text(contacts.read_text("utf-8").replace("where-is-my-order", ""), "utf-8")
    workspace, decision = open_workspace(shop), decided(folder)["bot"]
    outcome = question_told(workspace, workspace.plan(CAMPAIGN), decision, ())
    assert outcome is not None
    assert outcome.real is not None
    assert outcome.real.p10 <= true_change(decision) <= outcome.real.p90
    assert "by all contacts of the desk" in str(outcome.why)


def test_an_hour_that_is_not_told_to_its_end_is_waited_for(folder: Path, tmp_path: Path) -> None:
    from warroom.live.clocks.desk_outcomes import level_told, question_told

    shop = Path(shutil.copytree(folder, tmp_path / "shop"))
    made = decided(folder)
    for name, decision in (("desks", made["agents"]), ("contacts", made["bot"])):
        last = decision.looked_for[1].astimezone(UTC) - HOUR / 2
        for file in (shop / "history").glob(f"{name}*"):
            head, *rows = file.read_text("utf-8").splitlines()
            kept = [row for row in rows if row < f"{last:%Y-%m-%dT%H:%MZ}"]
            file.write_text("\n".join([head, *kept]) + "\n", "utf-8")
    workspace = open_workspace(shop)
    plan = workspace.plan(CAMPAIGN)
    assert level_told(workspace, plan, made["agents"], ()) is None
    assert question_told(workspace, plan, made["bot"], ()) is None
