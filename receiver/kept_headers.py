"""What is kept of a delivery's headers, and what one of them says of its body."""

from collections.abc import Iterable

import msgspec

# Credentials are kept of refused deliveries alone, since those must be judged again.
KEPT = frozenset({b"content-type", b"user-agent", b"x-request-id", b"webhook-id", b"webhook-timestamp", b"date"})

_json = msgspec.json.Encoder()


def headers_text(headers: Iterable[tuple[bytes, bytes]], *, everything: bool = False) -> str:
    """Headers, names in lower case, as a JSON list of pairs; bytes beyond ASCII keep their value as Latin-1."""
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if everything or name in KEPT or name.startswith(b"x-scalar-")
    ]
    return _json.encode(kept).decode()


def is_json_type(content_type: str | None) -> bool:
    """Whether a Content-Type is JSON's, whatever its parameters."""
    return (content_type or "").partition(";")[0].strip().lower() == "application/json"
