"""A first draft of journeys from what a browser recorded."""

import ast
import json
import subprocess
import sys

import pytest

from surgeplan.cli import main


def _entry(method: str, url: str, posted: str | None = None, **headers: str) -> dict:
    request = {"method": method, "url": url, "headers": [{"name": k, "value": v} for k, v in headers.items()]}
    return {"request": request | ({"postData": {"mimeType": "application/json", "text": posted}} if posted else {})}


VISIT = [
    _entry("GET", "http://shop.example/"),
    _entry("GET", "http://shop.example/app.js"),
    _entry("GET", "http://cdn.example/logo.png"),
    _entry("GET", "http://shop.example/p/4711?from=home", Accept="text/html", Cookie="sid=abc"),
    _entry("GET", "http://shop.example/api/stock/4711?token=s3cret", Accept="application/json"),
    _entry("GET", "http://ads.example/p/1"),
    _entry(
        "POST",
        "http://shop.example/checkout",
        '{"sku": 4711, "password": "hunter2", "to": [{"card": "42"}]}',
        Authorization="Bearer abc",
    ),
]


def _har(workspace, entries) -> str:
    file = workspace / "visit.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}), "utf-8")
    return str(file)


def _build(workspace, *more: str) -> int:
    return main(["loadtest", "build", "opening", "--seconds", "2", "--workspace", str(workspace), *more])


def test_a_recorded_visit_becomes_one_method_for_each_stage(workspace):
    assert _build(workspace, "--har", _har(workspace, VISIT)) == 0
    text = (workspace / "out/opening/loadtest/locustfile.py").read_text("utf-8")

    product, checkout = text.split('@stage("checkout")')
    calls = [line.strip() for line in product.splitlines() if "visit." in line and "self" not in line]
    assert calls == [
        'visit.get("/", name="/")',
        """visit.get("/p/4711?from=home", name="/p/{n}", headers={'accept': 'text/html'})""",
        """visit.get("/api/stock/4711?token=REPLACE", name="/api/stock/{n}", headers={'accept': 'application/json'})""",
    ]
    body = "json={'sku': 4711, 'password': 'REPLACE', 'to': [{'card': 'REPLACE'}]}"
    assert f'visit.post("/checkout", name="/checkout", {body})' in checkout
    assert not {"hunter2", "s3cret", "abc", "cdn", "app.js"} & set(text.replace('"', " ").split())
    ast.parse(text)


@pytest.mark.slow
def test_the_draft_runs_and_builds_keep_it(workspace):
    _build(workspace, "--har", _har(workspace, VISIT))
    locustfile = workspace / "out/opening/loadtest/locustfile.py"
    drafted = locustfile.read_text("utf-8")
    _build(workspace)
    assert locustfile.read_text("utf-8") == drafted

    main(["loadtest", "run", "opening", "--practice", "--workspace", str(workspace)])
    results = json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))
    product = results["endpoints"][0]
    assert product["sent"] == 3 * results["generator"]["arrived"]
    assert product["failed"] == 0


def test_a_draft_never_replaces_a_locustfile(workspace, capsys):
    _build(workspace)

    assert _build(workspace, "--har", _har(workspace, VISIT)) == 2
    shown = capsys.readouterr().err
    assert "out/opening/loadtest/locustfile.py --har: there is a locustfile already" in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "visit.har --har: is no HAR file"),
        ("not json", "visit.har --har: is no HAR file"),
        ('{"log": {"entries": []}}', "visit.har --har: holds no request"),
        (json.dumps({"log": {"entries": VISIT[1:3]}}), "visit.har --har: no request of the recording fits a stage"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused(workspace, capsys, text, message):
    (workspace / "visit.har").write_text(text, "utf-8")
    assert _build(workspace, "--har", str(workspace / "visit.har")) == 2
    assert message in capsys.readouterr().err
    assert not (workspace / "out/opening/loadtest/locustfile.py").exists()


def test_a_new_locustfile_is_about_twenty_lines(workspace):
    _build(workspace)
    locustfile = workspace / "out/opening/loadtest/locustfile.py"
    lines = [line for line in locustfile.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 20
    checked = subprocess.run([sys.executable, "-m", "py_compile", str(locustfile)], capture_output=True, check=False)
    assert checked.returncode == 0
