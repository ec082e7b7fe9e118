"""Types of settings that several tables share, and what an address must be like."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from schemas.events import UUID_PATTERN

Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Meta(ge=1, le=10 * 366 * 86400)]
Days = Annotated[int, Meta(ge=1, le=36500)]
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
Text = Annotated[str, Meta(min_length=1)]
# The message of a value that isn't one shows the pattern, never the value.
SecretReference = Annotated[str, Meta(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)\Z")]


def is_safe_address(url: str) -> bool:
    """Whether what nobody else may see can be sent to an address: over TLS, or without leaving this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))
