"""Secrets are taken out of every log line and error by value, whichever library wrote it."""

import json
import logging
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import structlog

MARK = "[secret]"
# Tokens come and go within one run; the oldest ones are long expired by the time that this many have been seen.
_TOKENS_MAX = 64
# The loggers of the HTTP client that show addresses and headers.
_LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy", "httpcore2.socks")


class Redactor:
    """Knows the secrets of one provider in every form in which a text could show them."""

    def __init__(self) -> None:
        self._fixed: set[str] = set()
        self._tokens: deque[frozenset[str]] = deque(maxlen=_TOKENS_MAX)
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """A secret that holds for as long as the definition does."""
        self._fixed |= _forms(secret)
        self._compile()

    def add_token(self, token: str) -> None:
        """A secret that the provider issued and will replace."""
        self._tokens.append(_forms(token))
        self._compile()

    def text(self, text: str) -> str:
        """The text without any secret."""
        return text if self._pattern is None else self._pattern.sub(MARK, text)

    def value(self, value: object) -> object:
        """The same for a value of a log line: what isn't a number or a flag becomes text where it shows a secret."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        text = value if isinstance(value, str) else repr(value)
        clean = self.text(text)
        return value if clean == text else clean

    def error(self, error: BaseException) -> None:
        """Clean the messages of an exception and of all that led to it, in place, so that the chain can still be shown."""
        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None and id(current) not in seen:
            seen.add(id(current))
            current.args = tuple(self.value(argument) for argument in current.args)
            current = current.__cause__ or current.__context__

    def _compile(self) -> None:
        forms = self._fixed.union(*self._tokens)
        self._pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None


def _forms(secret: str) -> frozenset[str]:
    """As it is, percent-encoded in both ways, and as JSON and Python quote it."""
    quoted = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    quoted |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    return frozenset(form for form in quoted if form)


class RedactedLog:
    """A structured logger whose every field is clean."""

    def __init__(self, redactor: Redactor, **bound: str) -> None:
        self._redactor, self._bound = redactor, bound

    def info(self, event: str, **fields: object) -> None:
        """What went as planned."""
        structlog.get_logger().info(event, **self._clean(fields))

    def warning(self, event: str, **fields: object) -> None:
        """What somebody should look at."""
        structlog.get_logger().warning(event, **self._clean(fields))

    def error(self, event: str, **fields: object) -> None:
        """What somebody must look at."""
        structlog.get_logger().error(event, **self._clean(fields))

    def _clean(self, fields: dict[str, object]) -> dict[str, object]:
        return {name: self._redactor.value(value) for name, value in (self._bound | fields).items()}


class _Filter(logging.Filter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        return True


@contextmanager
def clean_library_logs(redactor: Redactor) -> Iterator[None]:
    """For as long as a client is open, the HTTP library's own log lines are clean too."""
    guard = _Filter(redactor)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(guard)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(guard)
