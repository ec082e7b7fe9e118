"""A secret text that doesn't show itself: not in a repr, not in a message, not in a log line."""

import base64
import binascii
import hmac
from typing import NoReturn
from urllib.parse import urlsplit

from schemas.errors import at


class Secret:
    """A non-empty secret; only `reveal` and `encoded` give it away. Equality takes the same time wherever two secrets differ."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("a secret can't be empty")
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def encoded(self) -> bytes:
        """The secret's bytes: UTF-8, or as the environment gave them where they are no UTF-8."""
        return self._text.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return "[secret]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.encoded(), other.encoded())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


def secret_hook(kind: type, value: object) -> Secret:
    """The `dec_hook` of msgspec for Secret. Its errors never repeat the value."""
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError("expected a text that isn't empty")


def webhook_key(secret: Secret) -> bytes:
    """The HMAC key in a Standard Webhooks secret: base64, padded or not, after an optional `whsec_`.

    Raises InvalidInputError if it isn't one. Source: the Standard Webhooks specification, "Signature scheme".
    """
    text = secret.encoded().removeprefix(b"whsec_").rstrip(b"=")
    try:
        key = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise at("secrets", "a secret of the scheme standard-webhooks is base64 after whsec_")
    return key


def database_password(database: str) -> str | None:
    """The password in a database URL, as it stands there (percent-encoded); None for a path or a URL without one."""
    try:
        return urlsplit(database).password if "://" in database else None
    except ValueError:
        return None


def shown_database(database: str) -> str:
    """The database setting without its password, fit to be shown."""
    password = database_password(database)
    return database.replace(f":{password}@", ":[secret]@", 1) if password else database
