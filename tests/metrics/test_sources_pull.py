"""Pulling: resumable, alone, patient; posts, tables that people fill in, and dropped files."""

from __future__ import annotations

import json
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from remotes import HEAD, NOW, FakeFeishu, FakePrometheus, Remote, pulled, workspace

from campaign.errors import ExitCode, UserError
from campaign.language import use_language
from campaign.settings import Settings
from campaign.workspace import open_workspace
from metrics.sources.inbox import SIGNATURE, inbox_server, signature_of
from metrics.sources.kept import Rows, Terms, locked, merged
from metrics.sources.pull import pull
from metrics.sources.records import WebhookSource, sources_of
from metrics.sources.retries import Passing, persistently
from surgeplan.cli import main


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


@pytest.fixture
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    found: Remote = request.param()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


prometheus = pytest.mark.parametrize("remote", [FakePrometheus], indirect=True)
feishu = pytest.mark.parametrize("remote", [FakeFeishu], indirect=True)


def prom(remote: Remote, name: str = "prom") -> str:
    query = "sum by (service) (increase(x[2m])) / 2"
    return f"{{name: {name}, kind: prometheus, url: '{remote.url}', query: '{query}', since: 2026-09-15T00:00Z}}"


def rows_in(folder: Path) -> int:
    files = (folder / "history").glob("*.csv")
    return sum(len(path.read_text().splitlines()) - 1 for path in files)


@prometheus
def test_a_server_in_trouble_is_asked_again_after_growing_pauses(remote: Remote, tmp_path: Path) -> None:
    remote.failures = [(503, {}), (429, {"Retry-After": "7"}), (500, {})]
    sleeps: list[float] = []
    one = pulled(workspace(tmp_path, prom(remote)), sleeps=sleeps)
    assert one.status == "ok"
    assert sleeps[1] == 7.0
    assert 0.5 <= sleeps[0] <= 1.0
    assert 2.0 <= sleeps[2] <= 4.0


@prometheus
def test_a_pull_that_broke_off_goes_on_where_it_was(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace(tmp_path, prom(remote))
    whole = remote.answer

    def dies_after_this(path: str, given: dict[str, Any]) -> dict[str, Any]:
        remote.failures = [(503, {})] * 5
        return whole(path, given)

    with monkeypatch.context() as broken:
        broken.setattr(remote, "answer", dies_after_this)
        one = pulled(folder)
    assert one.status == "dead"
    assert "HTTP 503" in str(one.problems[0])
    assert 0 < rows_in(folder) < 16.5 * 1440
    remote.failures, before = [], len(remote.asked)
    assert pulled(folder).status == "ok"
    assert rows_in(folder) == 16.5 * 1440
    assert int(remote.asked[before][1]["start"]) > datetime(2026, 9, 21, tzinfo=UTC).timestamp()


@prometheus
def test_a_partial_answer_is_said_and_not_final(remote: Remote, tmp_path: Path) -> None:
    folder = workspace(tmp_path, prom(remote))
    remote.warnings = ("no StoreAPIs matched",)  # type: ignore[attr-defined]
    one = pulled(folder)
    assert [str(n) for n in one.notes] == ["prom: the answer is partial, nothing of it is final: no StoreAPIs matched"]
    assert one.status == "partial"
    assert one.state is not None
    assert one.state.final_until_utc is None
    remote.warnings = ()  # type: ignore[attr-defined]
    assert pulled(folder).state.final_until_utc == NOW - timedelta(seconds=180)  # type: ignore[union-attr]


@prometheus
def test_a_dead_source_does_not_stop_the_others(
    remote: Remote, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    dead = prom(remote, "gone").replace(remote.url, "http://127.0.0.1:1")
    folder = workspace(tmp_path, dead, prom(remote))
    code = main(["history", "pull", "--workspace", str(folder), "--now", NOW.isoformat(), "--lang", "en"])
    out = capsys.readouterr().out
    assert code == ExitCode.NO
    assert out.splitlines()[1].split()[:3] == ["gone", "prometheus", "does"]
    assert "prom    prometheus  up to date         23,760" in out
    assert "sources.gone: does not answer: http://127.0.0.1:1/api/v1/query_range" in out


@prometheus
def test_history_show_says_which_source_has_stopped(
    remote: Remote, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    folder = workspace(tmp_path, prom(remote), "{name: hook, kind: webhook, measure: orders, secret_env: HOOK_SECRET}")
    main(["history", "pull", "--workspace", str(folder), "--now", NOW.isoformat()])
    remote.failures = [(503, {})] * 100
    later = (NOW + timedelta(days=2)).isoformat()
    assert main(["history", "pull", "--workspace", str(folder), "--now", later]) == ExitCode.NO
    capsys.readouterr()
    assert main(["history", "show", "--workspace", str(folder), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "- prom: no final rows after 2026-10-01 19:57 (traffic)\n" in out
    assert "- hook: no rows ever came (orders)\n" in out


@prometheus
def test_two_at_once_do_not_meet(remote: Remote, tmp_path: Path) -> None:
    folder = workspace(tmp_path, prom(remote))
    with locked(folder / "state"), pytest.raises(UserError, match="another pull is writing here"):
        pulled(folder)
    assert pulled(folder).changes.added == 23_760


@prometheus
def test_the_first_pull_begins_where_other_history_ends(remote: Remote, tmp_path: Path) -> None:
    folder = workspace(tmp_path, prom(remote))
    (folder / "history").mkdir()
    rows = "".join(f"2026-10-01T{h:02d}:00Z,shop,3600\n" for h in range(10))
    (folder / "history" / "traffic.csv").write_text("starts_at,service,requests\n" + rows)
    assert pulled(folder).changes.added == 120


@feishu
def test_a_table_of_many_pages_is_read_whole(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEISHU_APP_ID", "cli_a")
    monkeypatch.setenv("FEISHU_APP_SECRET", "s3cret")
    source = (
        f"{{name: table, kind: feishu, measure: orders, url: '{remote.url}', app_token: app1, table_id: tbl1,"
        " columns: {starts_at: 时间, orders: 订单}, since: 2026-01-01T00:00Z}"
    )
    folder = workspace(tmp_path, source)
    one = pulled(folder, NOW + timedelta(hours=1))
    assert (one.status, one.changes.added) == ("ok", 1200)
    assert len([path for path, _, token in remote.asked if token == "Bearer t-1"]) == 3
    monkeypatch.setenv("FEISHU_APP_SECRET", "wrong")
    refused = pulled(folder, NOW + timedelta(hours=1))
    assert str(refused.problems[0]).startswith("surgeplan.yaml sources.table: Feishu refuses: 10003 invalid param")


@feishu
def test_a_record_corrected_long_after_is_noticed(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEISHU_APP_ID", "cli_a")
    monkeypatch.setenv("FEISHU_APP_SECRET", "s3cret")
    source = (
        f"{{name: table, kind: feishu, measure: orders, url: '{remote.url}', app_token: app1, table_id: tbl1,"
        " columns: {starts_at: 时间, orders: 订单}, since: 2026-01-01T00:00Z}"
    )
    folder = workspace(tmp_path, source)
    pulled(folder, NOW + timedelta(hours=1))
    records = FakeFeishu.record
    oldest = records(1199)["fields"] | {"订单": 5}
    monkeypatch.setattr(remote, "record", lambda n: {"fields": oldest} if n == 1199 else records(n))
    (note,) = map(str, pulled(folder, NOW + timedelta(hours=1)).notes)
    assert note.startswith("table: 1 final rows are told otherwise now and kept as they were (--accept-changes): 2026-")
    assert note.endswith(" → 5")
    arguments = ["history", "pull", "--workspace", str(folder), "--now", NOW.isoformat(), "--accept-changes"]
    assert main([*arguments, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["sources"]
    assert [row["told"] for row in told["final_rows_changed"]] == [[5]]


@pytest.mark.parametrize("given", ["soon", "-3", "0", "nan", ""])
def test_a_recheck_is_of_days_or_of_all(tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, "{name: hook, kind: webhook, secret_env: HOOK_SECRET}")
    code = main(["history", "pull", "--workspace", str(folder), "--recheck", given, "--lang", "en"])
    assert code == ExitCode.WRONG_INPUT
    assert "--recheck: " + given + " is neither a number of days nor all" in capsys.readouterr().err


def test_posts_are_kept_once_when_signed_and_refused_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "k")
    folder = workspace(tmp_path, "{name: hook, kind: webhook, secret_env: HOOK_SECRET}")
    (source,) = sources_of(open_workspace(folder).settings)
    assert isinstance(source, WebhookSource)
    server = inbox_server(folder, {"hook": source}, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        rows = [{"starts_at": f"2026-10-01T11:{m:02d}Z", "service": "shop", "requests": 60} for m in range(30)]
        again = [rows[0] | {"requests": 90}]

        def post(body: object, key: str = "k", path: str = "hook") -> int:
            data = json.dumps(body).encode()
            headers = {SIGNATURE: signature_of(data, key)}
            url = f"http://127.0.0.1:{server.server_port}/sources/{path}"
            try:
                with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert [post(rows), post(rows), post(again)] == [HTTPStatus.ACCEPTED] * 3
        assert post(rows, key="other") == HTTPStatus.UNAUTHORIZED
        assert post([{"starts_at": "2026-10-01T11:00", "service": "shop", "requests": 1}]) == 422
        assert post({"no": "list"}) == 422
        assert post(rows, path="unknown") == HTTPStatus.NOT_FOUND
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(list((folder / "state" / "inbox" / "hook").glob("*.json"))) == 2
    assert pulled(folder).changes.added == 30
    first = (folder / "history" / "traffic-hook-2026-10.csv").read_text().splitlines()[1]
    assert first == "2026-10-01T11:00Z,shop,90"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "p", "kind": "promethus"}, "sources[0].kind: 'promethus' is not a kind of source"),
        (
            {"name": "p", "kind": "prometheus", "url": "http://x", "query": "http_requests_total"},
            "sources[0].query: this query does not say whether it gives counts or rates",
        ),
        ({"name": "p", "kind": "sql", "url_env": "X", "query": "SELECT 1"}, "the query does not use :since, :until"),
        ({"name": "p", "kind": "sql", "url": "postgresql://me:pw@db/x"}, "sources[0].url: unknown key"),
        ({"name": "p", "kind": "drop", "foldr": "x"}, "did you mean folder?"),
    ],
)
def test_sources_that_are_written_wrongly_are_refused(entry: dict[str, Any], words: str) -> None:
    settings = Settings(time_zone="Asia/Shanghai", services=({"name": "shop"},), sources=(entry,))  # type: ignore[arg-type]
    with pytest.raises(UserError) as refused:
        sources_of(settings)
    assert words in str(refused.value)


def test_no_source_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "surgeplan.yaml").write_text(HEAD)
    with pytest.raises(UserError, match="no source to pull from"):
        pull(open_workspace(tmp_path), NOW, lambda _: None)


def test_patience_ends() -> None:
    tries: list[int] = []

    def ask() -> None:
        tries.append(1)
        raise Passing("away")

    with pytest.raises(Passing):
        persistently(ask, lambda _: None, random.Random(0), attempts=3)
    assert len(tries) == 3


keys = st.tuples(st.integers(0, 5).map(lambda n: n * 60), st.sampled_from(["a", "b"]))
some_rows = st.dictionaries(keys, st.tuples(st.floats(0, 1000)), max_size=10)


@given(some_rows, some_rows, st.integers(0, 300), st.booleans())
def test_merging_twice_is_merging_once(kept: Rows, batch: Rows, final: int, accept: bool) -> None:
    once, changes = merged(kept, batch, Terms(final, accept=accept))
    twice, again = merged(once, batch, Terms(final, accept=accept))
    assert once == twice
    assert (again.added, again.revised) == (0, 0)
    if not accept:
        assert all(once[key] == figures for key, figures in kept.items() if key[0] < final)
    assert len(changes.refused) == len(again.refused)


def test_the_sources_in_the_documentation_are_right(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sre" / "history.md").read_text("utf-8")
    blocks = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    (tmp_path / "surgeplan.yaml").write_text(
        HEAD.replace("pay}", "pay}, {name: checkout}, {name: coupon}")
        + next(block for block in blocks if block.startswith("history:"))
        + next(block for block in blocks if block.startswith("sources:"))
    )
    settings = open_workspace(tmp_path).settings
    assert [source.kind for source in sources_of(settings)] == ["prometheus", "sql", "feishu", "drop", "webhook"]
    assert len(settings.history.outages) == 1
