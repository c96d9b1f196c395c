"""Everything on the pages, as JSON; thrown at by schemathesis."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from tests.warroom.conftest import NOW, PLAN
from warroom.service.access import PROXY_HEADER, Door
from warroom.service.run import site_app
from warroom.service.site import Site


def program(folder: Path) -> TestClient:
    site = Site(folder, Door("proxy", "secret", {"lin": "marketing", "wang": "sre"}), lambda: NOW)
    return TestClient(site_app(site), headers={PROXY_HEADER: "lin"})


def test_a_plan_is_read_changed_and_refused_when_it_is_no_longer_the_one_opened(folder: Path) -> None:
    with program(folder) as client:
        opened = client.get("/api/campaigns/d11").json()
        content = opened["content"] | {"name": "first night"}
        saved = client.put("/api/campaigns/d11", json={"content": content, "opened": opened["version"]})
        assert saved.status_code == 200
        assert saved.json()["changes"] == ["Name: now first night"]
        late = client.put("/api/campaigns/d11", json={"content": content | {"name": "x"}, "opened": opened["version"]})
        assert late.status_code == 409
        assert [told["author"] for told in client.get("/api/campaigns/d11/revisions").json()] == ["lin"]
    assert "name: first night" in (folder / "campaigns" / "d11.yaml").read_text("utf-8")


def test_a_wrong_plan_is_refused_with_every_problem_and_nothing_is_written(folder: Path) -> None:
    with program(folder) as client:
        opened = client.get("/api/campaigns/d11").json()
        content = opened["content"] | {"ends_at": "2026-11-01T00:00+08:00", "nmae": "x"}
        answer = client.put("/api/campaigns/d11", json={"content": content, "opened": opened["version"]})
        assert answer.status_code == 422
        assert "did you mean name?" in answer.json()["detail"]
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN


def test_changes_come_as_json_only_so_that_no_form_elsewhere_can_send_them(folder: Path) -> None:
    with program(folder) as client:
        answer = client.put("/api/campaigns/d11", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code in (403, 422)


def test_an_item_is_signed_by_a_program(folder: Path) -> None:
    with program(folder) as client:
        given = {"action": "sign", "note": "told the payment provider"}
        answer = client.post(
            "/api/campaigns/d11/checklist/third-parties-told", json=given, headers={PROXY_HEADER: "wang"}
        )
        assert answer.status_code == 200
        states = {item["id"]: item["state"] for item in answer.json()["items"]}
    assert states["third-parties-told"] == "pass"


FILE = {"content-type": "application/octet-stream"}


def test_an_attachment_is_sent_first_and_named_by_the_signature(folder: Path) -> None:
    item, sre = "/api/campaigns/d11/checklist/third-parties-told", {PROXY_HEADER: "wang"}
    with program(folder) as client:
        kept = client.post("/api/campaigns/d11/attachments?name=told.txt", content=b"yes", headers=FILE | sre).json()
        signed = client.post(item, json={"action": "sign", "attachments": [kept["path"]]}, headers=sre)
        assert signed.status_code == 200, signed.text
        unknown = client.post(item, json={"action": "sign", "attachments": ["state/warroom.secret"]}, headers=sre)
        assert "send the file first" in unknown.json()["detail"]
        refused = client.post("/api/campaigns/d11/attachments?name=told.txt", content=b"yes", headers=sre)
        assert refused.status_code == 403, "no type that a form of another site can send"
    assert (folder / kept["path"]).read_bytes() == b"yes"


def test_a_sheet_makes_a_plan_that_is_saved_only_when_it_is_sent(folder: Path) -> None:
    sheet = "channel,send time,reach\napp-push,2026-11-10 19:55,90万\n".encode()
    with program(folder) as client:
        read = client.post("/api/campaigns/d11/sheet?name=plan.csv", content=sheet, headers=FILE).json()
        assert read["changes"] == ["app-push 11-10 19:55, People reached: 1.8 M → 900,000"]
        assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN
        saved = client.put("/api/campaigns/d11", json={name: read[name] for name in ("content", "opened")}).json()
        assert saved["changes"] == read["changes"]
        assert client.get("/api/campaigns/d11/revisions").json()[0]["author"] == "lin"
        assert client.get("/api/campaigns/d11/sheet.xlsx").content.startswith(b"PK")
        copy = client.get("/api/campaigns/d11/copy?id=d12&starts_at=2026-12-11T20:00%2B08:00").json()["content"]
    assert copy["channels"][0]["sends"][0]["at"] == "2026-12-11T19:55:00+08:00"


def test_a_push_is_put_into_the_plan_by_a_program(folder: Path) -> None:
    with program(folder) as client:
        push = {"reach": 5000, "at": "2026-11-10T21:00+08:00"}
        told = client.post("/api/campaigns/d11/push", json=push).json()["changes"]
        sends = client.get("/api/campaigns/d11").json()["content"]["channels"][0]["sends"]
    assert "is new" in told[0]
    assert sends[-1] == {"at": "2026-11-10T21:00:00+08:00", "reach": 5000, "open_ratio": 0.04}


def test_a_bots_replay_is_handed_in_by_a_program(folder: Path) -> None:
    results = b"offer,question,passed\ncut,when?,yes\ncut,how much?,no\n"
    with program(folder) as client:
        told = client.post("/api/campaigns/d11/support/bot-replay?name=r.csv", content=results, headers=FILE).json()
    assert told["sentences"] == ["bot, cut: 1 of 2 questions answered rightly (50 %), 0 not tried yet"]


def test_prometheus_reads_the_service(folder: Path) -> None:
    with program(folder) as client:
        client.get("/")
        text = client.get("/metrics").text
    assert 'surgeplan_http_requests_total{method="GET",status="200"} 1.0' in text


def test_no_input_makes_the_api_answer_what_it_does_not_document(folder: Path) -> None:
    site = Site(folder, Door("proxy", "secret", {"lin": "marketing"}), lambda: NOW)
    app = site_app(site)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)

    for operation in schema.get_all_operations():
        run_operation(operation.ok())


def run_operation(operation: object) -> None:
    """A few dozen generated requests to one operation: never an error of ours."""

    @settings(max_examples=15, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())  # type: ignore[attr-defined]
    def holds(case: schemathesis.Case) -> None:
        answer = case.call(headers={PROXY_HEADER: "lin"})
        assert answer.status_code < 500, answer.text

    holds()
