"""Freeze, sign, waive, decide: what each act needs, what it binds to, and what re-opens a gate."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaign.bundle import FrozenBundle, bundle_hash
from campaign.documents import read_json
from campaign.files import sha256, write_json
from campaign.limits import read_limits
from campaign.plan import Plan
from campaign.store.events import Act
from campaign.store.log import open_log
from campaign.traffic import BackTest, Peak, Quantiles, TrafficModel
from playbooks.readiness.binding import Binding, changed, plan_parts
from playbooks.readiness.coverage import mix_distance
from surgeplan.cli import main

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOW = "2026-11-09T12:00+08:00"
LATER = "2026-11-09T13:00+08:00"
SYSTEM = """schema_version: 1
time_zone: Asia/Shanghai
services:
  - {name: shop, capacity_requests_per_second_per_replica: 100, replicas: {today: 100}}
roles: {lin: marketing, wang: sre, zhou: sre, zhao: ops, li: data, chen: commander, hong: "sre, data", wu: support}
"""
PLAN = """id: d11
name: NAME
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T00:00+08:00
moments: [{at: 2026-11-10T20:00:00+08:00, kind: opening}]
offers: [{id: cut, title: TITLE}]
metrics: [orders]
"""
UP_TO_G4 = {
    "G0": ("plan-submitted", "metrics-agreed"),
    "G1": ("quotas-obtained", "third-parties-told", "capacity-measured"),
    "G2": ("switch-table", "load-test-full", "readiness-review"),
    "G3": ("compliance-cleared", "tracking-checked", "newcomer-guidance", "scale-plan"),
    "G4": (
        "load-test-covers",
        "rehearsed",
        "alerts-thresholded",
        "change-freeze",
        "scaled-up",
        "caches-warm",
        "war-room-roster",
    ),
}

SIGNERS = {
    "G0": ("lin", "wang"),
    "G1": ("wang", "zhao"),
    "G2": ("wang", "zhao"),
    "G3": ("lin", "wang"),
    "G4": ("lin", "wang", "zhao", "li"),
}


class Shop:
    """A workspace of tier M and its commands."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        (folder / "campaigns").mkdir()
        (folder / "surgeplan.yaml").write_text(SYSTEM)
        self.plan(PLAN)
        self.forecast(6000)

    def plan(self, text: str) -> None:
        (self.folder / "campaigns" / "d11.yaml").write_text(text)

    def forecast(self, p90: float) -> None:
        """A traffic model of the plan as it is."""
        quantiles = Quantiles(p10=p90 / 4, p50=p90 / 2, p90=p90, p99=p90 * 2)
        peak = Peak(peak_requests_per_second=quantiles, peak_at_utc=START)
        model = TrafficModel(
            campaign="d11", as_of_utc=START - timedelta(days=3), lead_days=3, seed=0, paths=10, knowledge="good",
            inputs={"campaigns/d11.yaml": sha256(self.folder / "campaigns" / "d11.yaml")},
            starts_at_utc=START, ends_at_utc=START + timedelta(hours=28),
            services={"shop": peak}, total=peak, back_test=BackTest(campaigns=0),
        )  # fmt: skip
        write_json(self.folder / "out" / "d11" / "traffic.json", model.model_dump(mode="json"))

    def __call__(self, command: str, *more: str, now: str = NOW) -> tuple[int, str]:
        """Exit code and what was printed or told."""
        words = [*command.split(), *more, "--workspace", str(self.folder), "--lang", "en"]
        clock = [] if words[0] == "state" else ["--now", now]
        code = main([*words, *clock])
        came = self._capsys.readouterr()
        return int(code), came.out + came.err

    def states(self, now: str = NOW) -> dict[str, str]:
        assert main(["checklist", "d11", "--workspace", str(self.folder), "--json", "--now", now]) == 0
        made = json.loads(self._capsys.readouterr().out)
        return {item["id"]: item["state"] for item in made["items"]} | {
            f"{gate['gate']} {s['role']}": s["state"] for gate in made["gates"] for s in gate["signatures"]
        }

    def waive(self, *items: str) -> None:
        """Waivers as the command would write them, without its start-up time."""
        body = {"reason": "known and small", "until": "2026-11-30T00:00:00+00:00"}
        at = datetime.fromisoformat(NOW)
        for item in items:
            act = Act(kind="waive", campaign="d11", subject=item, actor="chen", role="commander", at_utc=at, body=body)
            open_log(self.folder).record(act)

    def ready(self) -> None:
        """Everything up to G4 done but the signatures and the decision."""
        assert self("freeze d11 --as chen")[0] == 0
        self.waive(*(name for names in UP_TO_G4.values() for name in names))

    def sign_all(self) -> None:
        for gate, names in SIGNERS.items():
            for name in names:
                self.sign(gate, name)

    def sign(self, gate: str, name: str) -> None:
        code, told = self(f"sign d11 {gate} --as {name}")
        assert code == 0, told


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.delenv("SURGEPLAN_USER", raising=False)
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    return Shop(tmp_path, capsys)


def test_a_signed_note_passes_an_item_and_is_said(shop: Shop) -> None:
    code, told = shop("sign d11 third-parties-told --as zhao --note", "pay and sms confirmed")
    assert (code, told.startswith("zhao (ops) signed third-parties-told at 2026-11-09 12:00; log head ")) == (0, True)
    assert shop.states()["third-parties-told"] == "pass"
    assert "passed · zhao: pay and sms confirmed" in shop("checklist d11")[1]


def test_a_note_that_it_failed_fails_the_item(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --fail --note", "sms refuses")[0] == 0
    assert shop.states()["third-parties-told"] == "fail"


def test_gate_says_yes_or_no_with_its_exit_code(shop: Shop) -> None:
    code, told = shop("gate d11 G1")
    assert code == 1
    assert "G1 Resources and first load test · 10-27 20:00 · 3 of 4 items missing" in told
    shop.waive("quotas-obtained", "capacity-measured")
    assert shop("sign d11 third-parties-told --as chen --note ok")[0] == 0
    assert "signatures missing" in shop("gate d11 G1")[1]
    shop.sign("G1", "wang")
    shop.sign("G1", "zhao")
    code, told = shop("gate d11 G1")
    assert (code, "gate open" in told) == (0, True)
    assert "chen, until 2026-11-30 00:00 UTC: known and small" in told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("gate d11 G9", "this checklist has no gate G9\n  known: G0, G1, G2"),
        ("sign d11 smoke-jurney --as wang", "no item or gate smoke-jurney in this checklist\n  did you mean smoke-"),
        ("sign d11 smoke-journey", "nobody is named as the one who acts\n  add --as NAME, or set SURGEPLAN_USER"),
        ("sign d11 smoke-journey --as wnag", "wnag has no role in this workspace\n  did you mean wang?"),
        ("sign d11 smoke-journey --as lin", "smoke-journey is sre's, and lin is not\n  let sre or the commander do it"),
        ("sign d11 load-test-full --as wang", "load-test-full is decided by its evidence, not by a signature"),
        ("sign d11 G5 --as lin", "G5 does not ask lin for a signature\n  it asks for: -"),
        ("sign d11 G3 --as li", "G3 does not ask li for a signature\n  it asks for: marketing, sre"),
        ("sign d11 G4 --as hong", "hong could sign as sre, data\n  add --role"),
        ("sign d11 G4 --as hong --role boss", "there is no role boss"),
        ("sign d11 G3 --as lin", "marketing still owes compliance-cleared, plan-frozen\n  finish or waive them first"),
        ("waive d11 smoke-journey --as wang --reason x", "a waiver needs an end\n  add --until 2026-11-10T20:00+08:00"),
        ("waive d11 smoke-journey --as wang --until 2026-11-30T00:00Z", "a waiver needs a reason"),
        ("waive d11 smoke-journey --as wang --reason x --until 2026-11-01T00:00Z", "would have ended already"),
        ("waive d11 smoke-journey --as wang --reason x --until 2026-11-30T00:00", "has no offset"),
        ("waive d11 go-no-go --as chen --reason x --until 2026-11-30T00:00Z", "a decision cannot be waived"),
        ("decide d11 go --as wang", "the commander decides; wang is not"),
        ("decide d11 maybe --as chen", "maybe is not a decision"),
        ("decide d11 go-with-limits --as chen", "go-with-limits comes with its limits, the others without"),
        ("decide d11 go --as chen --max-spend 5", "go-with-limits comes with its limits, the others without"),
        ("decide d11 go-with-limits --as chen --max-spend 0", "--max-spend: 0 is no cap"),
        ("decide d11 go-with-limits --as chen --max-push-per-second inf", "--max-push-per-second: inf is no cap"),
        ("decide d11 go --as chen", "G4: marketing has not signed\n  on the gate's page, or surgeplan sign d11 G4"),
        ("sign d11 smoke-journey --as wang --attach ../secret.txt", "../secret.txt: lies outside the workspace"),
        ("sign d11 smoke-journey --as wang --attach evidence/none.txt", "evidence/none.txt: does not exist"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why_and_writes_nothing(shop: Shop, command: str, told: str) -> None:
    code, said = shop(command)
    assert code == 2
    assert told in said
    assert not (shop.folder / "state" / "surgeplan.db").exists() or "0 acts" in shop("state verify")[1]


def test_a_link_out_of_the_workspace_is_outside(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.txt"
    outside.write_text("x")
    (shop.folder / "link.txt").symlink_to(outside)
    assert "link.txt: lies outside the workspace" in shop("sign d11 smoke-journey --as wang --attach link.txt")[1]


def test_evidence_that_links_out_of_the_workspace_is_refused(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "bot_replay.csv"
    outside.write_text("offer,question,passed\n")
    folder = shop.folder / "evidence" / "d11"
    folder.mkdir(parents=True)
    (folder / "bot_replay.csv").symlink_to(outside)
    code, told = shop("checklist d11")
    assert (code, "evidence/d11/bot_replay.csv: lies outside the workspace" in told) == (2, True)


def test_an_unknown_role_in_the_settings_is_refused(shop: Shop) -> None:
    (shop.folder / "surgeplan.yaml").write_text(SYSTEM.replace("wang: sre", "wang: srr"))
    assert "roles.wang: there is no role srr\n  did you mean sre?" in shop("sign d11 smoke-journey --as wang")[1]


def test_an_attachment_that_changes_makes_the_note_stale(shop: Shop) -> None:
    (shop.folder / "evidence").mkdir()
    (shop.folder / "evidence" / "order.txt").write_text("order 17")
    at = "2026-11-10T19:00+08:00"
    assert shop("sign d11 smoke-journey --as wang --note ok --attach evidence/order.txt", now=at)[0] == 0
    assert shop.states(at)["smoke-journey"] == "pass"
    (shop.folder / "evidence" / "order.txt").write_text("order 18")
    assert shop.states(at)["smoke-journey"] == "stale"
    (shop.folder / "evidence" / "order.txt").unlink()
    assert "evidence/order.txt is not what wang signed" in shop("gate d11 G5", now=at)[1]


def test_a_note_grows_old(shop: Shop) -> None:
    assert shop("sign d11 smoke-journey --as wang --note ok", now="2026-11-10T17:00+08:00")[0] == 0
    assert shop.states("2026-11-10T19:00+08:00")["smoke-journey"] == "pass"
    assert shop.states("2026-11-10T19:01+08:00")["smoke-journey"] == "stale"


def test_a_waiver_ends(shop: Shop) -> None:
    assert shop("waive d11 smoke-journey --as wang --reason x --until 2026-11-09T14:00+08:00")[0] == 0
    assert shop.states("2026-11-09T14:00+08:00")["smoke-journey"] == "waived"
    assert shop.states("2026-11-09T14:01+08:00")["smoke-journey"] == "pending"
    assert "the waiver ended 2026-11-09 06:00 UTC (wang: x)" in shop("gate d11 G5", now="2026-11-09T14:01+08:00")[1]


def test_freeze_makes_an_immutable_bundle_named_by_its_content(shop: Shop) -> None:
    code, told = shop("freeze d11 --as lin")
    assert code == 0
    (folder,) = (shop.folder / "out" / "d11" / "frozen").iterdir()
    assert f"frozen as {folder.name} in out/d11/frozen/{folder.name}/" in told
    assert "not in it, because it is not there yet: out/d11/traffic.csv" in told
    bundle = read_json(folder / "bundle.json", "bundle.json", FrozenBundle)
    assert bundle.hash == folder.name == bundle_hash(bundle.files)
    assert {name: sha256(folder / name) for name in bundle.files} == bundle.files
    assert set(json.loads((folder / "dictionary.json").read_text())["metrics"]) == {"orders"}
    assert not (folder / "campaigns" / "d11.yaml").stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    assert shop.states()["plan-frozen"] == "pass"


def test_freezing_the_same_again_is_refused_and_something_else_is_another_bundle(shop: Shop) -> None:
    assert shop("freeze d11 --as lin")[0] == 0
    assert "is frozen already\n  nothing in it has changed since" in shop("freeze d11 --as lin", now=LATER)[1]
    shop.forecast(6100)
    assert shop.states()["plan-frozen"] == "stale"
    assert shop("freeze d11 --as lin")[0] == 0
    assert len(list((shop.folder / "out" / "d11" / "frozen").iterdir())) == 2
    assert shop.states()["plan-frozen"] == "pass"


def test_freeze_refuses_a_model_older_than_the_plan(shop: Shop) -> None:
    shop.plan(PLAN.replace("T20:00:00", "T21:00:00"))
    code, told = shop("freeze d11 --as lin")
    assert code == 2
    assert "the plan changed after traffic.json was made\n  run `surgeplan run d11`, then freeze again" in told
    assert not (shop.folder / "out" / "d11" / "frozen").exists()


def test_a_bundle_that_was_tampered_with_fails_and_can_be_frozen_again(shop: Shop) -> None:
    assert shop("freeze d11 --as lin")[0] == 0
    (folder,) = (shop.folder / "out" / "d11" / "frozen").iterdir()
    plan = folder / "campaigns" / "d11.yaml"
    plan.chmod(0o644)
    plan.write_text("id: d12\n")
    assert shop.states()["plan-frozen"] == "fail"
    assert "is not as it was frozen: campaigns/d11.yaml" in shop("gate d11 G3")[1]
    assert shop("freeze d11 --as lin")[0] == 0
    assert shop.states()["plan-frozen"] == "pass"


def test_four_eyes_an_author_cannot_sign_the_gate(shop: Shop) -> None:
    shop.waive("tracking-checked", "newcomer-guidance", "scale-plan")
    assert shop("sign d11 compliance-cleared --as lin --note ok")[0] == 0
    assert shop("freeze d11 --as chen")[0] == 0
    code, told = shop("sign d11 G3 --as lin")
    assert (
        code,
        "four eyes: lin did compliance-cleared of this gate\n  let somebody else of marketing sign it" in told,
    ) == (2, True)
    assert shop("sign d11 G3 --as wang")[0] == 0
    assert shop.states()["G3 sre"] == "pass"
    assert shop("gate d11 G3")[0] == 1  # marketing has not signed


def go(shop: Shop) -> None:
    shop.ready()
    shop.sign_all()
    code, told = shop("decide d11 go --as chen", now=LATER)
    assert code == 0, told
    assert shop("gate d11 G4", now=LATER)[0] == 0


def test_go_needs_every_signature_and_opens_the_gate(shop: Shop) -> None:
    shop.ready()
    assert "G3: marketing has not signed" in shop("decide d11 go --as chen")[1]
    shop.sign_all()
    assert shop("gate d11 G4")[0] == 1
    assert shop("decide d11 go --as chen")[0] == 0
    code, told = shop("gate d11 G4")
    assert code == 0
    assert "signed by lin" in told


def test_no_go_is_always_allowed_and_shuts_the_gate(shop: Shop) -> None:
    assert shop("decide d11 no-go --as chen")[0] == 0
    assert shop.states()["go-no-go"] == "fail"
    assert "NO-GO by chen" in shop("gate d11 G4")[1]


def test_go_with_limits_keeps_its_caps(shop: Shop) -> None:
    shop.ready()
    shop.sign_all()
    assert shop("decide d11 go-with-limits --as chen --max-push-per-second 5000 --max-spend 200000")[0] == 0
    assert shop.states()["go-no-go"] == "pass"
    page = shop("checklist d11")[1]
    assert "GO-WITH-LIMITS by chen: push_per_second ≤ 5000, spend ≤ 200000" in page
    out = shop.folder / "out" / "d11"
    limits = read_limits(out)
    assert limits is not None
    assert (limits.cap("push_per_second"), limits.cap("spend"), limits.decided_by) == (5000, 200000, "chen")
    assert shop("decide d11 no-go --as chen")[0] == 0
    assert read_limits(out) is None


def test_freeze_writes_the_message_to_post_and_the_calendar(shop: Shop) -> None:
    code, told = shop("freeze d11 --as lin")
    out = shop.folder / "out" / "d11"
    (folder,) = (out / "frozen").iterdir()
    english, chinese = ((out / f"handover.{lang}.txt").read_text("utf-8") for lang in ("en", "zh"))
    assert code == 0
    assert english in told
    head = open_log(shop.folder).events()[-1].hash
    for text in (english, chinese):
        assert folder.name in text
        assert head[:12] in text
        assert "6,000" in text
    assert english.startswith("[D-3 hand-over] NAME\n2026-11-10 20:00 – 11-12 00:00 (Asia/Shanghai)\n")
    assert chinese.startswith("【D-3 交接】NAME")
    assert folder.name in (out / "playbook" / "warroom.ics").read_text("utf-8")


def test_owners_are_told_what_an_edit_reopened_until_it_is_done_again(shop: Shop) -> None:
    from campaign.workspace import open_workspace
    from playbooks.readiness.publish import publish_checklist

    def published() -> list[tuple[str, str]]:
        made = publish_checklist(open_workspace(shop.folder), "d11", datetime.fromisoformat(NOW))
        return [(one.subject, one.owner) for one in made.reopened]

    assert shop("sign d11 compliance-cleared --as lin --note ok")[0] == 0
    assert published() == []
    shop.plan(PLAN.replace("TITLE", "another title"))
    told = [("compliance-cleared", "marketing")]
    assert published() == told
    assert published() == told
    page = (shop.folder / "out/d11/playbook/checklist.html").read_text("utf-8")
    assert "marketing: Push, landing-page and SMS content cleared by compliance is stale again" in page
    assert shop("sign d11 compliance-cleared --as lin --note again")[0] == 0
    assert published() == []


def test_wording_reopens_nothing_but_what_speaks_it(shop: Shop) -> None:
    shop.ready()
    assert shop("sign d11 compliance-cleared --as lin --note ok")[0] == 0
    assert shop("sign d11 G3 --as wang")[0] == 0
    before = shop.states()
    shop.plan(PLAN.replace("TITLE", "another title"))
    after = shop.states()
    # the waiver still carries the item; without it the note alone would be stale
    assert {name for name in after if after[name] != before[name]} == {"compliance-cleared"}
    assert after["compliance-cleared"] == "waived"
    assert "the plan's wording changed since" in shop("checklist d11")[1]


def test_wording_does_not_reopen_the_forecast_before_the_freeze(shop: Shop) -> None:
    from campaign.workspace import open_workspace
    from playbooks.readiness.publish import publish_checklist

    publish_checklist(open_workspace(shop.folder), "d11", datetime.fromisoformat(NOW))
    for title in ("one title", "another title"):
        shop.plan(PLAN.replace("TITLE", title))
        assert shop.states()["traffic-draft"] == "pass"
        publish_checklist(open_workspace(shop.folder), "d11", datetime.fromisoformat(NOW))
    shop.plan(PLAN.replace("T20:00:00", "T21:00:00"))
    assert shop.states()["traffic-draft"] == "stale"


def test_reach_or_moments_reopen_the_gates_that_depend_on_them(shop: Shop) -> None:
    go(shop)
    before = shop.states(LATER)
    shop.plan(PLAN.replace("T20:00:00", "T21:00:00"))
    reopened = {name for name, state in shop.states(LATER).items() if state != before[name]}
    assert reopened == {
        *("traffic-draft", "plan-frozen", "go-no-go", "G3 marketing", "G3 sre"),
        *("G4 marketing", "G4 sre", "G4 ops", "G4 data"),
    }
    code, told = shop("gate d11 G4", now=LATER)
    assert (code, "the plan's times, reach or moments changed since lin signed" in told) == (1, True)


def test_a_draft_signature_holds_until_the_peak_grows_beyond_it(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    shop.forecast(5000)
    assert shop.states()["third-parties-told"] == "pass"
    shop.forecast(6001)
    assert shop.states()["third-parties-told"] == "stale"
    assert "the p90 peak of shop grew since zhao signed" in shop("gate d11 G1")[1]


def test_signatures_on_a_draft_hold_up_to_what_was_signed_or_tested(shop: Shop) -> None:
    shop.waive(*UP_TO_G4["G0"], "traffic-draft", *UP_TO_G4["G1"], *UP_TO_G4["G2"])
    shop.sign("G2", "wang")
    shop.plan(PLAN.replace("T20:00:00", "T21:00:00"))
    shop.forecast(6000)
    assert shop.states()["G2 sre"] == "pass"
    shop.forecast(6500)
    assert shop.states()["G2 sre"] == "stale"
    tested = {
        "outcome": "GO",
        "counts_for_campaign": True,
        "services": {"shop": {"requests_per_second": 7000}},
        "steepest_ten_seconds": 0,
    }
    write_json(shop.folder / "out" / "d11" / "loadtest" / "results.json", tested)
    assert shop.states()["G2 sre"] == "pass"
    shop.forecast(7001)
    assert shop.states()["G2 sre"] == "stale"


def test_a_clock_set_back_is_refused(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    code, told = shop("sign d11 smoke-journey --as wang --note ok", now="2026-11-01T00:00Z")
    assert (code, "state/surgeplan.db: this act is dated 2026-11-01T00:00:00+00:00, before the newest one" in told) == (
        2,
        True,
    )


def test_an_edited_log_stops_every_command(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    with closing(sqlite3.connect(shop.folder / "state" / "surgeplan.db")) as connection:
        connection.execute("UPDATE event SET actor = 'eve'")
        connection.commit()
    for command in ("gate d11 G1", "checklist d11", "sign d11 smoke-journey --as wang", "state verify"):
        code, told = shop(command)
        assert (code, "state/surgeplan.db: event 1 is not as it was written" in told) == (2, True)


def test_a_plan_deleted_after_sign_off_is_asked_back(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    (shop.folder / "campaigns" / "d11.yaml").unlink()
    code, told = shop("gate d11 G1")
    assert code == 2
    assert "campaigns/d11.yaml: the plan is gone, but 1 acts were signed on it\n  bring the file back from git" in told


def test_a_bundle_that_is_gone_is_named(shop: Shop) -> None:
    assert shop("freeze d11 --as lin")[0] == 0
    (folder,) = (shop.folder / "out" / "d11" / "frozen").iterdir()
    folder.rename(shop.folder / "elsewhere")
    code, told = shop("gate d11 G3")
    assert (code, f"out/d11/frozen/{folder.name}/bundle.json: does not exist" in told) == (2, True)


def test_the_log_is_carried_by_export_and_backup(shop: Shop) -> None:
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    log, copy = shop.folder / "log.jsonl", shop.folder / "copy.db"
    assert shop(f"state export {log}")[0] == 0
    assert shop(f"state backup {copy}")[0] == 0
    head = shop("state verify")[1]
    assert head.startswith("1 acts, as they were written; log head ")
    for way, file in (("import", log), ("restore", copy)):
        (shop.folder / "state" / "surgeplan.db").unlink()
        assert shop(f"state {way} {file}")[0] == 0
        assert shop("state verify")[1] == head
        assert shop.states()["third-parties-told"] == "pass"
        assert "has events already" in shop(f"state {way} {file}")[1]


def test_two_people_who_sign_at_once_both_count(shop: Shop) -> None:
    command = [
        sys.executable,
        "-m",
        "surgeplan",
        "sign",
        "d11",
        "--workspace",
        str(shop.folder),
        "--now",
        NOW,
        "--note",
        "ok",
    ]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen([*command, item, "--as", name], env=env, stdout=subprocess.DEVNULL)
        for item, name in (("third-parties-told", "zhao"), ("smoke-journey", "wang"))
    ]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    states = shop.states()
    assert (states["third-parties-told"], states["smoke-journey"]) == ("pass", "pass")
    assert shop("state verify")[1].startswith("2 acts")


def test_waves_share_a_note_on_what_is_done_once(shop: Shop) -> None:
    shop.plan(PLAN + "part_of: eleven\n")
    second = PLAN.replace("id: d11", "id: d12").replace("2026-11-1", "2026-11-2") + "part_of: eleven\n"
    (shop.folder / "campaigns" / "d12.yaml").write_text(second)
    assert shop("sign d12 third-parties-told --as zhao --note ok")[0] == 0
    assert shop.states()["third-parties-told"] == "stale"  # d12 was signed before it had a forecast, with other times
    assert shop("sign d11 third-parties-told --as zhao --note ok")[0] == 0
    assert shop.states()["third-parties-told"] == "pass"


def test_a_small_campaign_is_one_persons_work_and_says_when_four_eyes_is_off(shop: Shop) -> None:
    shop.forecast(3000)
    (shop.folder / "checklist.yaml").write_text("schema_version: 1\nfour_eyes: [M, L]\n")
    assert "four eyes is switched off for tier S" in shop("checklist d11")[1]
    shop.waive("plan-submitted", "capacity-measured", "compliance-cleared", "scale-plan", "load-test-covers")
    assert shop("freeze d11 --as wang")[0] == 0
    assert shop("decide d11 go --as wang")[0] == 0
    assert shop("gate d11 G4")[0] == 0


def test_only_the_smallest_tier_may_do_without_four_eyes(shop: Shop) -> None:
    (shop.folder / "checklist.yaml").write_text("schema_version: 1\nfour_eyes: [S, L]\n")
    code, told = shop("checklist d11")
    assert (
        code,
        "checklist.yaml:2 four_eyes: tier M cannot do without four eyes\n  only tier S may: [M, L]" in told,
    ) == (2, True)


def test_the_calendar_carries_the_bundles_hash(shop: Shop) -> None:
    from campaign.workspace import open_workspace
    from playbooks.readiness.publish import publish_checklist

    assert shop("freeze d11 --as lin")[0] == 0
    (folder,) = (shop.folder / "out" / "d11" / "frozen").iterdir()
    publish_checklist(open_workspace(shop.folder), "d11", START)
    text = (shop.folder / "out" / "d11" / "playbook" / "warroom.ics").read_text()
    assert folder.name in text


def plan(**given: Any) -> Plan:
    base = {"id": "d11", "kind": "k", "starts_at": START, "ends_at": START + timedelta(hours=9)}
    return Plan.model_validate(base | given)


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        ({"name": "x"}, {"wording"}),
        ({"offers": [{"id": "a"}]}, {"wording"}),
        ({"observed": {"orders": 3}}, set()),
        ({"drivers": {"audience": 4}}, {"demand"}),
        ({"channels": [{"name": "push", "spend": 3}]}, {"demand"}),
        ({"ends_at": START + timedelta(hours=10)}, {"times", "demand"}),
        ({"metrics": ["orders"]}, set()),
    ],
)
def test_an_edit_touches_only_its_own_parts(edit: dict[str, Any], parts: set[str]) -> None:
    before, after = plan_parts(plan()), plan_parts(plan(**edit))
    assert {name for name in before if before[name] != after[name]} == parts


def test_a_binding_holds_while_nothing_it_names_changes() -> None:
    signed, now = (
        Binding({"model": "a", "wording": "b"}, {"shop": 5.0}),
        Binding({"model": "a", "wording": "c"}, {"shop": 5.0}),
    )
    assert changed(signed, now, ("model", "peak")) == []
    assert [str(text) for text in changed(signed, now, ("wording",))] == ["the plan's wording changed"]
    assert changed(signed, Binding({}, {"shop": 4.0, "new": 9.0}), ("peak",)) == []


def test_mix_distance_is_the_share_that_would_have_to_move() -> None:
    assert mix_distance({"a": 1, "b": 1}, {"a": 10, "b": 10}) == 0
    assert mix_distance({"a": 1}, {"b": 1}) == 1
    assert mix_distance({"a": 3, "b": 1}, {"a": 1, "b": 1}) == pytest.approx(0.25)
    assert mix_distance({}, {"a": 1}) == 1
