"""Cases read page by page, for a list as long as asked and for an export of all of them."""

from typing import BinaryIO

from handlers.ports import Store
from handlers.queries.cases import CaseFilter, list_cases
from handlers.queries.lists import PageAsked, Viewer
from receiver.case_table import HEADER, csv_cases
from receiver.cli.common import opened_store
from receiver.cli.parts import every_part, one_page
from receiver.cli.summary import progress
from receiver.pairing_table import csv_row
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.answers import Case
from schemas.pages import Page


async def list_page(settings: Settings, viewer: Viewer, asked: CaseFilter, page: PageAsked) -> Page[Case]:
    """A page as long as asked."""
    async with opened_store(settings) as store:
        return await one_page(page, lambda part: _read(store, viewer, asked, part, settings.limits.candidates_max))


async def export_cases(settings: Settings, viewer: Viewer, asked: CaseFilter, out: BinaryIO) -> int:
    """Write part by part, so that it takes no more memory than one; how many there were."""
    number, most = 0, settings.limits.candidates_max
    async with opened_store(settings) as store:
        out.write(csv_row(HEADER))
        with progress("cases") as report:
            async for items in every_part(lambda part: _read(store, viewer, asked, part, most)):
                out.write(csv_cases(items))
                number += len(items)
                report(number)
    return number


async def _read(store: Store, viewer: Viewer, asked: CaseFilter, page: PageAsked, most: int) -> Page[Case]:
    return await store.read(lambda tx: list_cases(tx, viewer, asked, page, now_us(), most))
