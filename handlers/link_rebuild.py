"""Compute links from Datahub's assets afresh from what is recorded, and their part of the digest."""

from collections.abc import Callable

from handlers.links import look_again
from handlers.ports import Store, Transaction
from handlers.registry_digest import Hash
from schemas.wire import to_json

LINKS_AT_A_TIME = 500


async def rebuild_links(store: Store, clock: Callable[[], int]) -> int:
    """How many Datahub assets were linked wrongly, or not at all. VINs of assets must be right already."""
    mended, after = 0, ""
    while True:

        async def work(tx: Transaction, after: str = after) -> tuple[list[str], int]:
            page = await tx.links.all_ids(after, LINKS_AT_A_TIME)
            return page, await look_again(tx, await tx.links.everywhere(page), clock()) if page else 0

        page, wrong = await store.write(work)
        if not page:
            return mended
        mended, after = mended + wrong, page[-1]


async def add_links(tx: Transaction, hashed: Hash) -> None:
    """Take all links into a digest, in an order that both engines share."""
    after = ("", "")
    while rows := await tx.links.all_links(after, LINKS_AT_A_TIME):
        hashed.update(to_json(rows))
        after = rows[-1][:2]
