"""One row for a time, whichever file of orders or contacts it stands in: figures are never added up twice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from campaign.errors import UserError
from campaign.language import use_language
from campaign.workspace import open_workspace
from forecast.history import check_history, read_contacts, read_orders

SETTINGS = """schema_version: 1
time_zone: Asia/Shanghai
services: [{name: shop}]
desks: [{name: chat, channel: chat, handle_seconds: 480, service_level: {ratio: 0.8, seconds: 60}},
        {name: phone, channel: phone, handle_seconds: 480, service_level: {ratio: 0.8, seconds: 60}}]
sources:
  - {name: wh, kind: webhook, measure: orders, secret_env: WH}
  - {name: bi, kind: webhook, measure: orders, secret_env: BI}
  - {name: desk, kind: webhook, measure: contacts, secret_env: HOOK}
"""


def shop(folder: Path, **files: str) -> Path:
    """A workspace with these files of history; `orders_wh` is what pulls of the source `wh` wrote in January."""
    (folder / "history").mkdir()
    (folder / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    pulled = {f"{measure}_{source}": f"{measure}-{source}-2026-01"
              for measure, source in (("orders", "wh"), ("orders", "bi"), ("contacts", "desk"))}  # fmt: skip
    for name, rows in files.items():
        head = "starts_at,desk,contacts" if name.startswith("contacts") else "starts_at,orders"
        (folder / "history" / f"{pulled.get(name, name)}.csv").write_text(f"{head}\n{rows}")
    return folder


def rows(*figures: tuple[str, object]) -> str:
    return "".join(f"2026-01-01T{at}+08:00,{figure}\n" for at, figure in figures)


def orders(folder: Path) -> list[float]:
    found = read_orders(open_workspace(folder))
    assert found is not None
    values: list[float] = found["orders"].tolist()
    return values


def test_what_was_written_by_hand_counts_and_is_not_added_to_what_a_source_tells(tmp_path: Path) -> None:
    folder = shop(tmp_path, orders=rows(("10:00", 5), ("11:00", 6)), orders_wh=rows(("11:00", 60), ("12:00", 7)))
    assert orders(folder) == [5, 6, 7]
    use_language("en")
    assert [str(note) for note in check_history(open_workspace(folder))] == [
        "orders: 1 hours of wh are told by a file that counts before it"
    ]


def test_an_hour_by_hand_stands_for_all_its_five_minutes(tmp_path: Path) -> None:
    fives = [(f"{hour}:{minute:02d}", 1) for hour in (10, 11) for minute in range(0, 60, 5)]
    folder = shop(tmp_path, orders=rows(("10:00", 20)), orders_wh=rows(*fives))
    found = read_orders(open_workspace(folder))
    assert found is not None
    assert found.groupby(found["starts_at_utc"].dt.floor("h"))["orders"].sum().tolist() == [20, 12]


def test_of_two_sources_the_one_named_first_counts(tmp_path: Path) -> None:
    assert orders(shop(tmp_path, orders_bi=rows(("10:00", 1), ("11:00", 2)), orders_wh=rows(("11:00", 9)))) == [1, 9]


def test_a_desk_that_nobody_wrote_by_hand_comes_from_its_source(tmp_path: Path) -> None:
    folder = shop(
        tmp_path, contacts=rows(("10:00", "chat,5")), contacts_desk=rows(("10:00", "chat,50"), ("10:00", "phone,7"))
    )
    found = read_contacts(open_workspace(folder))
    assert found is not None
    assert found[["desk", "contacts"]].to_numpy().tolist() == [["chat", 5.0], ["phone", 7.0]]


def test_two_files_by_hand_that_tell_one_time_are_refused_with_both_names(tmp_path: Path) -> None:
    folder = shop(tmp_path, orders=rows(("10:00", 5), ("11:00", 6)), orders_app=rows(("11:00", 6), ("12:00", 7)))
    use_language("en")
    with pytest.raises(UserError) as refused:
        check_history(open_workspace(folder))
    assert str(refused.value) == (
        "history/orders_app.csv:2 starts_at: history/orders.csv has a row for this time already\n"
        "  keep one of the rows; parts of one figure are added up in one file"
    )


def test_files_that_follow_each_other_are_one_history(tmp_path: Path) -> None:
    folder = shop(tmp_path, orders=rows(("10:00", 5)), orders_later=rows(("11:00", 6)), orders_wh=rows(("12:00", 7)))
    assert orders(folder) == [5, 6, 7]
    assert check_history(open_workspace(folder)) == ()
    before = read_orders(open_workspace(folder), before=pd.Timestamp("2026-01-01T11:30+08:00").to_pydatetime())
    assert before is not None
    assert before["orders"].tolist() == [5, 6]
