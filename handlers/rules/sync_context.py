"""What is known of a sync beside its entries: when it came and what the settings say; and what an entry is warned of."""

from collections.abc import Iterable

from msgspec import Struct

from handlers.rules.meter_units import MissingUnit


class Warnings:
    """Texts, each once, in the order in which they first came up."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = dict.fromkeys(texts)

    def add(self, text: str) -> None:
        """Something was left out, refused or looks wrong."""
        self._texts[text] = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._texts)


class SyncContext(Struct, frozen=True):
    """The sync that an entry came in.

    `seq` and `at_us` are the journal sequence and the time of its first receipt, which a retry shares; `now_us` is the time of
    this receipt. Without `counting` nothing is seen or missed by it: it is no sync of a meter's readings.
    """

    seq: int
    at_us: int
    now_us: int
    missing_unit: MissingUnit = "reject"
    counting: bool = True
