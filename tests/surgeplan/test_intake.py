"""`surgeplan init --from`: a folder of exports becomes a workspace that the forecast accepts."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))

import exports

from campaign.errors import UserError
from campaign.language import Text, use_language
from campaign.workspace import open_workspace
from forecast.history import open_history, read_contacts
from metrics.intake.records import Answers, Place, Question
from surgeplan.cli import main
from surgeplan.intake.answers import answered, given_answers

SURGE = datetime(2026, 10, 12, 20, tzinfo=exports.SHANGHAI)


@pytest.fixture(autouse=True)
def english() -> None:
    use_language("en")


def company(folder: Path) -> Path:
    """Hours for three weeks with a surge that no plan names, minutes for the last day, and what else there is."""
    rows = [["Time", "gateway", "checkout"]]
    for t in exports.times(24 * 21, 60):
        factor = 4 if SURGE <= t < SURGE + timedelta(hours=3) else 1
        rows.append(
            [f"{t:%Y-%m-%d %H:%M:%S}", f"{exports.level(t) * factor} req/s", f"{exports.level(t) * factor / 4} req/s"]
        )
    exports.text_file(folder / "grafana-hours.csv", exports.csv_text(rows, quote=True))
    last_day = exports.START + timedelta(days=20)
    minutes = [["Time", "gateway"]]
    minutes += [[f"{t:%Y-%m-%d %H:%M:%S}", f"{exports.level(t)} req/s"] for t in exports.times(600, 1, last_day)]
    exports.text_file(folder / "grafana-minutes.csv", exports.csv_text(minutes, quote=True))
    exports.kubectl_yaml(folder / "cluster.yaml")
    orders = [["日期", "小时", "支付订单数"]]
    orders += [[f"{t:%Y-%m-%d}", t.hour, exports.level(t)] for t in exports.times(24 * 21, 60)]
    exports.sheet_file(folder / "订单.xlsx", {"Sheet1": orders})
    contacts = [["日期", "小时", "技能组", "会话量"]]
    contacts += [[f"{t:%Y-%m-%d}", t.hour, "在线", 12] for t in exports.times(24 * 21, 60)]
    exports.text_file(folder / "会话报表.csv", exports.csv_text(contacts), "gbk")
    schedule = [["活动名称", "活动类型", "开始时间", "结束时间", "渠道", "触达人数"]]
    schedule.append(["双11 开门红", "大促", "2026-11-10 20:00", "2026-11-11 23:59", "app-push", "180万"])
    exports.sheet_file(folder / "排期.xlsx", {"排期": schedule})
    exports.text_file(folder / "复盘.pptx", "a slide")
    return folder


def test_a_folder_of_exports_becomes_a_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, folder = company(tmp_path / "exports"), tmp_path / "shop"
    arguments = ["init", str(folder), "--from", str(source), "--time-zone", "Asia/Shanghai", "--lang", "en"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "grafana-hours.csv: a Grafana panel\n" in out
    assert "  gateway: requests per second of gateway\n" in out
    assert "复盘.pptx: not recognised, not used\n" in out
    assert "gateway: buckets of 1 min, 60 min\n" in out
    assert "busiest hours: 15:00" in out
    assert "surges without a plan, to be named by a person: unnamed-2026-10-12\n" in out
    assert "grafana-hours.csv: 10 coarser buckets give way to finer ones" in out
    workspace = open_workspace(folder)
    assert workspace.settings.service_names == ("checkout", "gateway")
    checkout = workspace.settings.service("checkout")
    assert (checkout.replicas.today, checkout.replicas.max, checkout.cpu_cores) == (8, 60, 2.0)
    assert workspace.plan("unnamed-2026-10-12").kind == "unnamed"
    assert workspace.plan("double11-2026-11-10").name == "双11 开门红"
    history = open_history(workspace)
    hourly = history.hourly()["gateway"]
    assert hourly.iloc[0] == exports.level(exports.START)
    assert history.finest_seconds("gateway", exports.START, exports.START + timedelta(days=1)) == 3600


def test_what_was_read_is_kept_as_sources(tmp_path: Path) -> None:
    source, folder = company(tmp_path / "exports"), tmp_path / "shop"
    assert main(["init", str(folder), "--from", str(source), "--time-zone", "Asia/Shanghai"]) == 0
    sources = {str(s["file"]): s for s in open_workspace(folder).settings.sources if "file" in s}
    assert sources["grafana-hours.csv"] == {"file": "grafana-hours.csv", "reader": "grafana", "values": "rates"}
    assert sources["订单.xlsx"]["sheet"] == "Sheet1"


def test_later_exports_are_one_command(tmp_path: Path) -> None:
    source, folder = company(tmp_path / "exports"), tmp_path / "shop"
    assert main(["init", str(folder), "--from", str(source), "--time-zone", "Asia/Shanghai"]) == 0
    later = exports.START + timedelta(days=20)
    rows = [["Time", "gateway", "checkout"]]
    for t in exports.times(24 * 3, 60, later):
        rows.append([f"{t:%Y-%m-%d %H:%M:%S}", f"{exports.level(t)} req/s", f"{exports.level(t) / 4} req/s"])
    exports.text_file(folder / "exports" / "grafana-later.csv", exports.csv_text(rows, quote=True))
    now = (later + timedelta(days=3)).isoformat()
    assert main(["history", "pull", "--workspace", str(folder), "--source", "exports-traffic", "--now", now]) == 0
    hourly = open_history(open_workspace(folder)).hourly()
    assert hourly.index[-1] == (later + timedelta(hours=71)).astimezone(UTC).replace(tzinfo=None)
    assert hourly["checkout"].notna().all()


def test_orders_and_contacts_come_along(tmp_path: Path) -> None:
    source, folder = company(tmp_path / "exports"), tmp_path / "shop"
    assert main(["init", str(folder), "--from", str(source), "--time-zone", "Asia/Shanghai"]) == 0
    with open(folder / "history" / "orders.csv", encoding="utf-8") as file:
        orders = list(csv.DictReader(file))
    assert orders[0] == {"starts_at": "2026-10-04T16:00Z", "orders": str(exports.level(exports.START))}
    with open(folder / "history" / "contacts.csv", encoding="utf-8") as file:
        contacts = list(csv.DictReader(file))
    assert contacts[0] == {"starts_at": "2026-10-04T16:00Z", "desk": "chat", "contacts": "12"}


def test_contacts_keep_their_intents_and_a_desks_sum_beside_them_counts_once(tmp_path: Path) -> None:
    exports.grafana_wide(tmp_path / "exports" / "panel.csv")
    about = [["日期", "小时", "技能组", "问题分类", "会话量", "机器人接待量"]]
    about += [[f"{t:%Y-%m-%d}", t.hour, "在线", name, 6, 4] for t in exports.times(3, 60) for name in ("退款", "物流")]
    exports.text_file(tmp_path / "exports" / "about.csv", exports.csv_text(about))
    whole = [["日期", "小时", "技能组", "会话量"]]
    whole += [[f"{t:%Y-%m-%d}", t.hour, "在线", 12] for t in exports.times(5, 60)]
    exports.text_file(tmp_path / "exports" / "whole.csv", exports.csv_text(whole))
    source = str(tmp_path / "exports")
    assert main(["init", str(tmp_path / "shop"), "--from", source, "--time-zone", "Asia/Shanghai"]) == 0
    contacts = read_contacts(open_workspace(tmp_path / "shop"))
    assert contacts is not None
    assert contacts.groupby("intent")["contacts"].sum().to_dict() == {"退款": 18, "物流": 18, "": 24}
    assert contacts["bot_handled"].sum() == 24


def test_the_same_exports_give_the_same_bytes(tmp_path: Path) -> None:
    source = company(tmp_path / "exports")
    for name in ("one", "two"):
        assert main(["init", str(tmp_path / name), "--from", str(source), "--time-zone", "Asia/Shanghai"]) == 0
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_missing_answer_names_its_option_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = company(tmp_path / "exports")
    assert main(["init", str(tmp_path / "shop"), "--from", str(source)]) == 2
    err = capsys.readouterr().err
    assert "grafana-hours.csv: its times have no offset (first: 2026-10-05 00:00)\n  answer with --time-zone" in err
    assert "Traceback" not in err
    assert not (tmp_path / "shop").exists()


def test_visitors_alone_need_requests_per_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exports.text_file(tmp_path / "exports" / "visits.csv", exports.csv_text(exports.hourly_report(24 * 20)))
    arguments = ["init", str(tmp_path / "shop"), "--from", str(tmp_path / "exports"), "--time-zone", "Asia/Shanghai"]
    assert main([*arguments, "--service", "web"]) == 2
    assert "answer with --requests-per-session" in capsys.readouterr().err
    assert main([*arguments, "--service", "web", "--requests-per-session", "12", "--lang", "en"]) == 0
    assert "visits; each makes 12 requests of web" in capsys.readouterr().out
    with gzip.open(tmp_path / "shop" / "history" / "traffic.csv.gz", "rt") as file:
        assert file.read().splitlines()[1].startswith("2026-10-04T16:00Z,web,")


def test_two_files_that_disagree_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, factor in (("a.csv", 1), ("b.csv", 2)):
        rows = [["Time", "web"]] + [
            [t.isoformat(), f"{exports.level(t) * factor} req/s"] for t in exports.times(48, 60)
        ]
        exports.text_file(tmp_path / "exports" / name, exports.csv_text(rows))
    arguments = ["init", str(tmp_path / "shop"), "--from", str(tmp_path / "exports"), "--time-zone", "Asia/Shanghai"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "b.csv: gives other figures than a.csv for 48 of the same times" in err


def test_json_says_what_every_column_was_taken_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = company(tmp_path / "exports")
    arguments = ["init", str(tmp_path / "shop"), "--from", str(source), "--time-zone", "Asia/Shanghai", "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    columns = {file["file"]: file["columns"] for file in document["files"]}
    assert columns["grafana-minutes.csv"]["gateway"] == "requests per second of gateway"
    assert document["bucket_seconds"] == {"checkout": [3600], "gateway": [60, 3600]}
    assert document["stubs"] == ["unnamed-2026-10-12"]


def test_traffic_must_be_among_the_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exports.kubectl_yaml(tmp_path / "exports" / "cluster.yaml")
    arguments = ["init", str(tmp_path / "shop"), "--from", str(tmp_path / "exports"), "--time-zone", "Asia/Shanghai"]
    assert main(arguments) == 2
    assert "no file holds traffic" in capsys.readouterr().err
    exports.text_file(tmp_path / "exports" / "odd.csv", "a,b\n1,2\n")
    assert main(arguments) == 2
    assert "odd.csv: not recognised" in capsys.readouterr().err


def latency_panel(path: Path) -> None:
    rows = [["Time", "p99 checkout"], *([f"{t:%Y-%m-%d %H:%M:%S}", "120 ms"] for t in exports.times(10, 1))]
    exports.text_file(path, exports.csv_text(rows))


def test_a_folder_of_latencies_alone_is_one_refusal_and_no_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency_panel(tmp_path / "exports" / "latency.csv")
    assert main(["init", str(tmp_path / "shop"), "--from", str(tmp_path / "exports"), "--lang", "en"]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/exports: no file holds traffic: requests, visits or an access log\n"
        "  export a Grafana panel or an hourly report of visits\n"
        "latency.csv: its unit is ms, not requests: not used\n"
        "2 problems; nothing was written\n"
    )


def test_wrong_options_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["init", str(tmp_path / "shop"), "--from", str(tmp_path)]
    assert main([*base, "--example", "double11"]) == 2
    assert "--example: --example does not go with --from" in capsys.readouterr().err
    assert main([*base, "--time-zone", "Asia/Shangai"]) == 2
    assert "--time-zone: Asia/Shangai is not a time zone" in capsys.readouterr().err
    assert main([*base, "--service", "我的服务"]) == 2
    assert "is no name for a service" in capsys.readouterr().err
    assert main(["init", str(tmp_path / "shop"), "--from", str(tmp_path / "missing")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_replies_at_the_terminal_are_answers() -> None:
    place, text = Place("x.csv"), exports_question()
    answers = Answers()
    answers = answered(answers, Question("--time-zone", text, place), " Asia/Shanghai ")
    answers = answered(answers, Question("--rates|--counts", text, place), "counts")
    answers = answered(answers, Question("--requests-per-session", text, place), "12")
    answers = answered(answers, Question("--service", text, place), "web")
    answers = answered(answers, Question("--day-first|--month-first", text, place), "month-first")
    assert answers == given_answers("Asia/Shanghai", False, 12.0, "web", False)
    with pytest.raises(UserError, match="does not answer it"):
        answered(answers, Question("--rates|--counts", text, place), "perhaps")


def exports_question() -> Text:

    return Text("a question")


def test_marked_load_tests_reach_history(tmp_path: Path) -> None:
    rows = [["Time", "gateway", "压测"]]
    for i, t in enumerate(exports.times(600, 1)):
        rows.append([f"{t:%Y-%m-%d %H:%M}", f"{exports.level(t)} req/s", "是" if 100 <= i < 130 else "否"])
    exports.text_file(tmp_path / "exports" / "panel.csv", exports.csv_text(rows))
    source = str(tmp_path / "exports")
    assert main(["init", str(tmp_path / "shop"), "--from", source, "--time-zone", "Asia/Shanghai"]) == 0
    (test,) = [f for f in open_history(open_workspace(tmp_path / "shop")).findings if f.kind == "test-window"]
    assert test.starts_at_utc == exports.START + timedelta(minutes=100)
    assert test.ends_at_utc == exports.START + timedelta(minutes=130)


def orders_of(folder: Path, hourly: int) -> int:
    exports.grafana_wide(folder / "exports" / "panel.csv")
    hours = [["时间", "支付订单数"], *([f"{t:%Y-%m-%d %H:%M}", hourly] for t in exports.times(3, 60))]
    exports.text_file(folder / "exports" / "a.csv", exports.csv_text(hours))
    again = [["时间", "支付订单数"], *([f"{t:%Y-%m-%d %H:%M}", 30] for t in exports.times(3, 60))]
    exports.text_file(folder / "exports" / "b.csv", exports.csv_text(again))
    minutes = [["时间", "支付订单数"], *([f"{t:%Y-%m-%d %H:%M}", 1] for t in exports.times(60, 1))]
    exports.text_file(folder / "exports" / "minutes.csv", exports.csv_text(minutes))
    source = str(folder / "exports")
    return main(["init", str(folder / "shop"), "--from", source, "--time-zone", "Asia/Shanghai", "--lang", "en"])


def test_orders_by_minute_and_by_hour_are_not_counted_twice(tmp_path: Path) -> None:
    assert orders_of(tmp_path, 30) == 0
    rows = (tmp_path / "shop" / "history" / "orders.csv").read_text().splitlines()[1:]
    assert sum(float(row.partition(",")[2]) for row in rows) == 60 + 30 + 30


def test_two_files_that_disagree_about_orders_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert orders_of(tmp_path, 31) == 2
    assert "b.csv: gives other figures than a.csv for " in capsys.readouterr().err
    assert not (tmp_path / "shop").exists()
