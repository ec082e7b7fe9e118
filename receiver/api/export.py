"""`/api/v1/export/pairings`: everything, page by page, so that it takes no more memory than one page."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from handlers.queries.lists import PageAsked
from handlers.queries.pairing_filter import PairingFilter
from handlers.queries.pairings import list_pairings
from receiver.api.operation import Call, Operation
from receiver.pairing_table import HEADER, csv_row, csv_rows
from schemas.answers import Pairing
from schemas.pages import Page
from schemas.wire import to_json

_ROWS_AT_ONCE = 500
_MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8; header=present"}


class ExportFilter(PairingFilter, frozen=True, kw_only=True):
    """Parameters of the export: those of the list, and the format."""

    format: Annotated[Literal["ndjson", "csv"], Meta(description="One JSON object a line, or a table with a header row.")] = (
        "ndjson"
    )


async def export_pairings(call: Call, asked: ExportFilter) -> Response:
    """The first page is read before the answer begins, so that what is wrong can still be said; later the connection is cut."""
    page = await _read(call, asked, None)
    headers = {"Content-Disposition": f'attachment; filename="pairings.{asked.format}"'}
    if call.request.method == "HEAD":
        return Response(media_type=_MEDIA_TYPES[asked.format], headers=headers)
    return StreamingResponse(_lines(call, asked, page), media_type=_MEDIA_TYPES[asked.format], headers=headers)


async def _lines(call: Call, asked: ExportFilter, page: Page[Pairing]) -> AsyncIterator[bytes]:
    if asked.format == "csv":
        yield csv_row(HEADER)
    while True:
        if page.items:
            yield csv_rows(page.items) if asked.format == "csv" else b"".join(to_json(item) + b"\n" for item in page.items)
        if page.next_cursor is None:
            return
        page = await _read(call, asked, page.next_cursor)


async def _read(call: Call, asked: ExportFilter, cursor: str | None) -> Page[Pairing]:
    page = PageAsked(_ROWS_AT_ONCE, cursor)
    return await call.read(lambda tx: list_pairings(tx, call.viewer, asked, page))


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/export/pairings",
        export_pairings,
        "All pairings, streamed",
        query=ExportFilter,
        answers={
            "application/x-ndjson": "One pairing a line, as in the list.",
            "text/csv": "A header row, then one pairing a row; text that a spreadsheet could take for a formula begins with `'`.",
        },
    ),
)
