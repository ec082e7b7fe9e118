"""The log: one line an event on standard error, JSON for machines or text for people, without any secret.

Two guards keep secrets out. Texts under a key that looks secret are masked; then the finished line is searched for the secrets of
the settings, so that one inside a message, an error or a traceback goes too.
"""

import functools
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import msgspec
import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from receiver.outward_settings import Log
from receiver.printable import printable, printable_lines

HIDDEN = "[secret]"
# Shorter ones would be found in ordinary words.
SECRET_LENGTH_MIN = 4
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SECRET_WORDS = frozenset(
    {"secret", "secrets", "password", "passwd", "authorization", "cookie", "token", "bearer", "credentials"}
)
# These name every request with its query, or every statement with its parameters, or say again what our own events say.
_QUIET_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "aiosqlite", "asyncio", "uvicorn")
# As libraries hand them over: texts of several lines.
_TRACEBACKS = frozenset({"exception", "stack"})


@functools.lru_cache(maxsize=4096)
def looks_secret(key: str) -> bool:
    """Whether a key such as `client_secret`, `X-Api-Key` or `accessToken` names a secret."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", key)
    lower = [word.lower() for word in words]
    return not _SECRET_WORDS.isdisjoint(lower) or "apikey" in "".join(lower)


def _masked(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever is logged
    if isinstance(value, dict):
        return {name: _masked(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, item) for item in value]
    return HIDDEN if isinstance(value, str | bytes) and looks_secret(key) else value


def mask(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    """Hide texts under keys that look secret, at any depth."""
    for key, value in event_dict.items():
        if isinstance(value, str | bytes | dict | list | tuple | set | frozenset) and key != "event":
            event_dict[key] = _masked(key, value)
    return event_dict


def redactor(secrets: Iterable[str], *, escaped: bool) -> Processor:
    """The last step of a log line: takes the given secrets out of it, as they stand in JSON (`escaped`) or in plain text."""
    forms = {form for secret in secrets if len(secret) >= SECRET_LENGTH_MIN for form in (secret, repr(secret)[1:-1])}
    if escaped:
        forms = {json.dumps(form, ensure_ascii=ascii_)[1:-1] for form in forms for ascii_ in (True, False)}
    # Longest first: one secret can be a part of another.
    ordered = sorted(forms, key=len, reverse=True)

    def redact(_: WrappedLogger, __: str, line: Any) -> str:  # noqa: ANN401 - a processor takes a dict, the last ones text
        text: str = line
        for form in ordered:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    return redact


def render_json(_: WrappedLogger, __: str, event_dict: EventDict) -> str:
    """One JSON object: time, level and event first. What JSON has no form for is written as its repr."""
    line = {key: event_dict.pop(key) for key in ("timestamp", "level", "event") if key in event_dict} | dict(event_dict)
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps({str(key): repr(value) for key, value in line.items()})


def harmless(_: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
    """Show control characters by their escapes, where a line is text: paths and names come from anybody, and terminals obey."""
    for key, value in event_dict.items():
        if isinstance(value, str):
            event_dict[key] = printable_lines(value) if key in _TRACEBACKS else printable(value)
    return event_dict


def _traceback(stream: TextIO, error: ExcInfo) -> None:
    """Without local variables, which structlog's own choice of traceback shows."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write(printable_lines(text.getvalue()))


class _Lines:
    """Writes finished lines. A log that can't be written must not fail the delivery that it is about."""

    def __init__(self, stream: TextIO, *_: str) -> None:
        self._stream = stream  # whatever name a library gives its logger

    def msg(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg


def _finish(log: Log, secrets: Iterable[str], stream: TextIO) -> list[Processor]:
    """From an event to the finished line."""
    if log.format == "json" or (log.format == "auto" and not stream.isatty()):
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(transformer), render_json, redactor(secrets, escaped=True)]
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_traceback)
    return [harmless, renderer, redactor(secrets, escaped=False)]


def log_retry(details: RetryDetails) -> None:
    """That something is tried again, why and when; stamina's own line has the arguments besides, whole bodies among them."""
    structlog.get_logger().warning(
        "retry.scheduled",
        what=details.name,
        attempt=details.retry_num,
        error=repr(details.caused_by),
        wait_s=round(details.wait_for, 2),
    )


def configure_logging(log: Log, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send all logging of the process, structlog's and that of `logging`, to `stream` (standard error unless given).

    `secrets` are texts that no line may hold (`receiver.safety.secret_values`). The level is for drawbar's own events; libraries
    are heard from `info` up, some from `warning`.
    """
    stream = sys.stderr if stream is None else stream
    level = _LEVELS[log.level]
    prepare: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    finish = _finish(log, secrets, stream)
    structlog.configure(
        processors=[*prepare, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=functools.partial(_Lines, stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*prepare, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    logging.captureWarnings(capture=True)
    set_on_retry_hooks([log_retry])
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
