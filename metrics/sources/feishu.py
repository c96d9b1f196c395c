"""Feishu Bitable: a table that people fill in, at most 500 records a page (bitable-v1 records/search)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.sources.records import Batch, FeishuSource, batch_of
from metrics.sources.retries import Passing
from metrics.sources.web import ask_json, secret

PAGE_RECORDS = 500
BUSY_CODES = (99991400, 1254290, 1254607, 1255040)
"""Too many requests, and data that is being written."""


def fetch_feishu(source: FeishuSource, since: datetime, until: datetime) -> Batch:
    """Records whose starts_at lies in [since, until).

    Raises:
        Passing: Feishu is away, busy, or asks for patience.
        UserError: it refuses, or the table lacks a field.
    """
    columns = [column for column in source.columns if column != "starts_at"]
    if "starts_at" not in source.columns:
        todo = say("add starts_at: and the name of the field")
        raise _refusal(_bitable(source), todo, say("columns names no field for starts_at"))
    rows = []
    for fields in bitable_records(_bitable(source), tuple(source.columns.values())):
        at = fields.get(source.columns["starts_at"])
        if isinstance(at, int | float) and since.timestamp() <= at / 1000 < until.timestamp():
            rows.append((int(at // 1000), [plain_cell(fields.get(source.columns[c])) for c in columns]))
    return batch_of(source, columns, rows, "surgeplan.yaml")


@dataclass(frozen=True)
class Bitable:
    """One table behind one app's key; `name`: what problems call it; the environment holds the key."""

    name: str
    url: str
    app_token: str
    table_id: str
    app_id_env: str
    app_secret_env: str


def _bitable(source: FeishuSource) -> Bitable:
    return Bitable(
        f"sources.{source.name}",
        source.url,
        source.app_token,
        source.table_id,
        source.app_id_env,
        source.app_secret_env,
    )


def bitable_records(source: Bitable, names: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
    """The fields of every record, page by page; all fields where `names` are none.

    Raises:
        Passing: Feishu is away, busy, or asks for patience.
        UserError: it refuses.
    """
    key = {"app_id": secret(source.app_id_env), "app_secret": secret(source.app_secret_env)}
    token = str(_answer(source, "/open-apis/auth/v3/tenant_access_token/internal", key)["tenant_access_token"])
    path = f"/open-apis/bitable/v1/apps/{source.app_token}/tables/{source.table_id}/records/search"
    body: dict[str, object] = {"automatic_fields": False} | ({"field_names": list(names)} if names else {})
    page = ""
    while True:
        more = f"&page_token={page}" if page else ""
        data = _answer(source, f"{path}?page_size={PAGE_RECORDS}{more}", body, token)["data"]
        for item in data.get("items") or ():
            yield item["fields"]
        if not data.get("has_more"):
            return
        page = str(data["page_token"])


def _answer(source: Bitable, path: str, body: object, token: str | None = None) -> dict[str, Any]:
    answer = ask_json(source.url.rstrip("/") + path, document=body, token=token)
    code = answer.get("code")
    if code in BUSY_CODES:
        raise Passing(f"{source.name.removeprefix('sources.')}: {answer.get('msg')}")
    if code != 0:
        reason = say("Feishu refuses: {reason}", reason=f"{code} {answer.get('msg')}")
        raise _refusal(source, say("check the app's permissions and the table's id"), reason)
    return answer


def _refusal(source: Bitable, todo: Text, what: Text) -> UserError:
    return UserError(Problem(what, todo, file="surgeplan.yaml", key=source.name))


def plain_cell(cell: object) -> object:
    """Text cells come as lists of pieces, selections as lists of names."""
    if isinstance(cell, list):
        return "".join(str(piece.get("text", "")) if isinstance(piece, dict) else str(piece) for piece in cell)
    return cell
