"""The World Cup workspace: one plan per match that knows only what was known, history to the minute."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from campaign.errors import UserError
from campaign.language import use_language
from campaign.workspace import open_workspace
from surgeplan.cli import main
from surgeplan.examples.worldcup98 import CALENDAR, REQUESTS, Match, make_worldcup98, match_plans, slug

DATA = Path(os.environ.get("SURGEPLAN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "wc98_web_minute"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the World Cup data is not here")
CALENDAR_HEAD = "match_id,stage,group,kickoff_utc,home,away,city\n"


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def match(number: int, stage: str, kick_off: datetime, home: str = "Japan", away: str = "Jamaica") -> Match:
    return Match(number, stage, kick_off, home, away, "Lyon")


def small_data(folder: Path, requests: str, calendar: str) -> Path:
    folder.mkdir()
    (folder / REQUESTS).write_bytes(gzip.compress(requests.encode()))
    (folder / CALENDAR).write_text(calendar, "utf-8")
    return folder


def test_a_plan_knows_what_was_known_before_the_match() -> None:
    saturday = datetime(1998, 6, 27, 14, 30, tzinfo=UTC)
    plans = match_plans(
        [
            match(49, "round of 16", saturday, "Italy", "Norway"),
            match(50, "round of 16", saturday + timedelta(hours=5), "Brazil", "Chile"),
        ]
    )
    assert plans[0].id == "m49-italy-norway"
    assert plans[0].kind == "round-of-16"
    assert plans[0].drivers == {
        "knockout": 1,
        "weekend": 1,
        "big_teams": 1,
        "matches_at_once": 1,
        "matches_that_day": 2,
    }
    minutes = [(moment.kind, (moment.at - saturday).total_seconds() / 60) for moment in plans[0].moments]
    assert minutes == [("kick-off", 0), ("half-time", 45), ("full-time", 110)]
    assert plans[0].observed is None


def test_group_matches_with_one_kick_off_count_each_other() -> None:
    tuesday = datetime(1998, 6, 23, 19, tzinfo=UTC)
    plans = match_plans([match(35, "group stage", tuesday), match(36, "group stage", tuesday, "Brazil", "France")])
    assert [plan.drivers["matches_at_once"] for plan in plans] == [2, 2]
    assert [plan.drivers["knockout"] for plan in plans] == [0, 0]
    assert [plan.drivers["big_teams"] for plan in plans] == [0, 2]


def test_slugs_are_plain() -> None:
    assert slug("Saint-Étienne") == "saint-etienne"
    assert slug("third-place match") == "third-place-match"


@needs_data
def test_the_real_folder_becomes_a_valid_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "wc"
    assert main(["init", str(folder), "--example", "worldcup98", "--data", str(DATA)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: surgeplan run m49-italy-norway --workspace {folder}"
    workspace = open_workspace(folder)
    assert len(workspace.plans) == 64
    assert workspace.settings.service_names == ("web",)
    kinds = [plan.kind for plan in workspace.plans]
    assert kinds.count("group-stage") == 48
    assert kinds.count("round-of-16") == 8
    with gzip.open(folder / "history" / "traffic.csv.gz", "rt") as file:
        lines = file.read().splitlines()
    assert lines[:2] == ["starts_at,service,requests", "1998-04-30T21:30Z,web,2"]
    source = duckdb.sql(f"SELECT count(*), sum(requests) FROM '{DATA / REQUESTS}' WHERE requests > 0").fetchall()
    assert source[0] == (len(lines) - 1, sum(int(line.rpartition(",")[2]) for line in lines[1:]))


@needs_data
def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_worldcup98(tmp_path / name, DATA)
    one, two = ((tmp_path / name / "history" / "traffic.csv.gz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_missing_files_are_named_with_their_originals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "wc"), "--example", "worldcup98", "--data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert f"{tmp_path / CALENDAR}: does not exist" in err
    assert f"{tmp_path / REQUESTS}: does not exist" in err
    assert "github.com/nimamahmoudi/worldcup98-dataset" in err
    assert err.endswith("2 problems; nothing was written\n")
    assert not (tmp_path / "wc").exists()


def test_wrong_columns_and_rows_are_named_with_their_line(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", "time,requests\n", CALENDAR_HEAD + "M-1998-01,final,,soon,A,B,Paris\n")
    with pytest.raises(UserError) as caught:
        make_worldcup98(tmp_path / "wc", data)
    problems = [(Path(p.file).name, p.line, p.what.speak("en")) for p in caught.value.problems]
    assert problems == [
        (CALENDAR, 2, "M-1998-01, final, soon, A, B, Paris is not a match"),
        (REQUESTS, 1, "has no column ts_utc"),
    ]


def test_zero_minutes_are_gaps(tmp_path: Path) -> None:
    requests = "ts_utc,requests\n1998-06-01 00:00:00,5\n1998-06-01 00:01:00,0\n1998-06-01 00:02:00,7\n"
    calendar = CALENDAR_HEAD + "M-1998-01,group stage,Group A,1998-06-10 15:30:00,Brazil,Scotland,Saint-Denis\n"
    make_worldcup98(tmp_path / "wc", small_data(tmp_path / "data", requests, calendar))
    text = gzip.decompress((tmp_path / "wc" / "history" / "traffic.csv.gz").read_bytes()).decode()
    assert text == "starts_at,service,requests\n1998-06-01T00:00Z,web,5\n1998-06-01T00:02Z,web,7\n"


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", "ts_utc,requests\n1998-06-01 00:00:00,5\n", CALENDAR_HEAD)
    (data / REQUESTS).write_bytes((data / REQUESTS).read_bytes()[:-12])
    with pytest.raises(UserError, match="cannot be read"):
        make_worldcup98(tmp_path / "wc", data)
