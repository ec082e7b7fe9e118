"""Cases read page by page, for a list as long as asked and for an export of all of them."""

from typing import BinaryIO

from handlers.ports import Store
from handlers.queries.cases import CaseFilter, list_cases
from handlers.queries.lists import PageAsked, Viewer
from receiver.case_table import HEADER, csv_cases
from receiver.cli.common import opened_store
from receiver.cli.summary import progress
from receiver.pairing_table import csv_row
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.answers import Case
from schemas.pages import Page

ROWS_AT_ONCE = 500


async def list_page(settings: Settings, viewer: Viewer, asked: CaseFilter, page: PageAsked) -> Page[Case]:
    """A page as large as asked, read in parts of ROWS_AT_ONCE."""
    async with opened_store(settings) as store:
        found: list[Case] = []
        cursor = page.cursor
        while True:
            wanted = PageAsked(min(ROWS_AT_ONCE, page.limit - len(found)), cursor)
            part = await _read(store, viewer, asked, wanted, settings.limits.candidates_max)
            found += part.items
            cursor = part.next_cursor
            if cursor is None or len(found) == page.limit:
                return Page(tuple(found), cursor)


async def export_cases(settings: Settings, viewer: Viewer, asked: CaseFilter, out: BinaryIO) -> int:
    """Write page by page, so that it takes no more memory than one; how many there were."""
    number, most = 0, settings.limits.candidates_max
    async with opened_store(settings) as store:
        page = await _read(store, viewer, asked, PageAsked(ROWS_AT_ONCE, None), most)
        out.write(csv_row(HEADER))
        with progress("cases") as report:
            while True:
                out.write(csv_cases(page.items))
                number += len(page.items)
                report(number)
                if page.next_cursor is None:
                    return number
                page = await _read(store, viewer, asked, PageAsked(ROWS_AT_ONCE, page.next_cursor), most)


async def _read(store: Store, viewer: Viewer, asked: CaseFilter, page: PageAsked, most: int) -> Page[Case]:
    return await store.read(lambda tx: list_cases(tx, viewer, asked, page, now_us(), most))
