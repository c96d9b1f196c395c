"""A Feishu Bitable link as a sheet: the table's records under their field names, as if they had been exported."""

from __future__ import annotations

import csv
import io
import os
import re
from urllib.parse import parse_qs, urlsplit

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.sources.feishu import Bitable, bitable_records, plain_cell
from metrics.sources.retries import Passing

API = "FEISHU_API"
API_DEFAULT = "https://open.feishu.cn"
RECORDS_MAX = 5000
PATH = re.compile(r"/base/([A-Za-z0-9]+)")


def bitable_of(link: str) -> Bitable:
    """The table that a link from the browser's address bar names; only its ids are taken from it.

    Raises:
        UserError: no such link.
    """
    parts = urlsplit(link)
    app = PATH.search(parts.path)
    table = parse_qs(parts.query).get("table", [""])[0]
    if app is None or not re.fullmatch(r"[A-Za-z0-9]+", table):
        todo = say("copy it from the browser: https://….feishu.cn/base/…?table=…")
        raise UserError(Problem(say("{link} is no link to a Bitable table", link=link[:60]), todo))
    url = os.environ.get(API, API_DEFAULT)
    return Bitable("Bitable", url, app[1], table, "FEISHU_APP_ID", "FEISHU_APP_SECRET")


def exported(table: Bitable) -> bytes:
    """The table as CSV.

    Raises:
        UserError: Feishu refuses or is away, or the table is too large for a plan.
    """
    rows: list[dict[str, object]] = []
    try:
        for fields in bitable_records(table):
            rows.append({name: plain_cell(value) for name, value in fields.items()})
            if len(rows) > RECORDS_MAX:
                raise UserError(Problem(say("has more than {n} records", n=RECORDS_MAX), file=table.name))
    except Passing as error:
        what = say("Feishu does not answer now: {reason}", reason=error.reason)
        raise UserError(Problem(what, say("try again in a minute"), file=table.name)) from error
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
