"""INSERTs of one row turned into INSERTs of many: on PostgreSQL one round trip for all rows instead of one message each."""

import re
from collections.abc import Sequence

_INSERT = re.compile(r"(INSERT\s+INTO\s+\w+\s*\([^()]*\))\s*VALUES\s*\((.*?)\)\s*(ON\s+CONFLICT\b.*)?", re.IGNORECASE | re.DOTALL)
_PLACEHOLDER = re.compile(r"\$(\d+)")


def can_batch(sql: str) -> bool:
    """Whether a statement is an INSERT of one row whose parameters stand in its VALUES alone."""
    insert = _INSERT.fullmatch(sql)
    return insert is not None and not _PLACEHOLDER.search(insert[3] or "")


def as_batch(sql: str, types: Sequence[str]) -> str | None:
    """The statement with its parameters, of these types, taken as arrays. None: a parameter is an array itself.

    `INSERT INTO t (a, b) VALUES ($1, 0)` becomes `INSERT INTO t (a, b) SELECT v.p1, 0 FROM unnest($1::int8[]) AS v(p1)`.
    """
    insert = _INSERT.fullmatch(sql)
    if insert is None or any(name.endswith("[]") for name in types):
        return None
    arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, 1))
    columns = ", ".join(f"p{number}" for number in range(1, len(types) + 1))
    values = _PLACEHOLDER.sub(r"v.p\1", insert[2])
    selected = f"SELECT {values} FROM unnest({arrays}) AS v({columns})"  # noqa: S608 - made of a statement of ours
    return " ".join(filter(None, (insert[1], selected, insert[3])))
