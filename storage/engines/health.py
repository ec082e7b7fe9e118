"""Whether a transaction can go on: the same rules on both engines, though only PostgreSQL's server would insist on them."""

from schemas.errors import StoreUnavailableError


class Health:
    """What has gone wrong in one transaction.

    After an error of a statement nothing but the end of the savepoint around it makes the transaction usable again. After an
    error that says the store is unavailable nothing does: the work must not mistake the database's trouble for a fault of its
    input.
    """

    def __init__(self) -> None:
        self._failed = False
        self._doom: StoreUnavailableError | None = None

    def check(self) -> None:
        """Raise when the transaction can't go on. RuntimeError: the work caught what it may not catch."""
        if self._doom is not None:
            raise self._doom
        if self._failed:
            raise RuntimeError("a statement of this transaction has failed: its error can be caught only around a savepoint")

    def fail(self, error: BaseException) -> None:
        """A statement has raised this error."""
        self._failed = True
        if isinstance(error, StoreUnavailableError) and self._doom is None:
            self._doom = error

    def recover(self) -> None:
        """A savepoint was rolled back, so what failed inside it is undone."""
        self._failed = False
