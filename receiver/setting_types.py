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


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_local_address(url: str) -> bool:
    """Whether an address is on this machine, so that no proxy that the environment names has a part in reaching it."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def is_safe_address(url: str) -> bool:
    """Whether what nobody else may see can be sent to an address: over TLS, or without leaving this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_local_address(url)))
