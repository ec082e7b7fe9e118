"""What an HTTP answer means for a pull: usable, worth another try, or wrong for good."""

import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal
from xml.parsers.expat import ExpatError

import httpx2
import msgspec
import xmltodict

from receiver.pull.errors import CredentialsError, ProviderError, TransientError
from receiver.pull.expressions import Document
from schemas.decimals import float_hook
from schemas.wire import microseconds

_TOO_MANY = 429
_SERVER_ERROR = 500
_REDIRECT = range(300, 400)
_SHOWN_BODY_MAX = 200
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")
_LONGEST_S = 366 * 86_400.0
# Two halves of a character, half of one, or any other escape of a JSON text.
_ESCAPES = re.compile(rb"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})|\\.", re.DOTALL | re.IGNORECASE)
_document = msgspec.json.Decoder(float_hook=float_hook)


def check_status(response: httpx2.Response, shown: Callable[[str], str], now_us: int, body: str = "") -> None:
    """Return for 200 to 299.

    Raises TransientError for 429 and 5xx with the wait asked for, CredentialsError for 401 and 403, else ProviderError.
    `shown` takes secrets out of the message.
    """
    if response.is_success:
        return
    # Clean before anything is cut: half a secret is one that nobody recognizes.
    text = " ".join(shown(body).split())[:_SHOWN_BODY_MAX]
    message = f"{response.request.method} {shown(str(response.request.url))} answered {response.status_code} {text}".rstrip()
    if response.status_code == _TOO_MANY or response.status_code >= _SERVER_ERROR:
        raise TransientError(message, retry_after_s(response.headers, now_us))
    if response.status_code in (401, 403):
        raise CredentialsError(message)
    if response.status_code in _REDIRECT:
        raise ProviderError(f"{message}: redirects are not followed")
    raise ProviderError(message)


def text_of(response: httpx2.Response) -> str:
    """The text of an answer; empty where it was cut short."""
    try:
        return response.text
    except httpx2.ResponseNotRead:
        return ""


def retry_after_s(headers: httpx2.Headers, now_us: int) -> float | None:
    """The wait in a Retry-After header, as seconds or as a date (RFC 9110, section 10.2.3); None without a readable one.

    Some servers write fractions of a second, so those are read too.
    A date counts by the provider's clock as well as by ours, and the longer of the two waits is kept.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), _LONGEST_S)
    at_us = _date_us(value)
    if at_us is None:
        return None
    theirs_us = _date_us(headers.get("date", ""))
    return min(max(0, at_us - now_us, 0 if theirs_us is None else at_us - theirs_us) / 1e6, _LONGEST_S)


def _spelled(escape: re.Match[bytes]) -> bytes:
    return b"\\" + escape[0] if escape[1] else escape[0]


def _date_us(value: str) -> int | None:
    try:
        at = parsedate_to_datetime(value)
        return microseconds(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def decode_document(body: bytes, format_: Literal["json", "xml"]) -> Document:
    """The document of a body: JSON with exact numbers, or XML as xmltodict reads it. Raises ProviderError if it is none.

    Half a character, which JSON can name but no text can hold, is kept as the escape that it came as.
    """
    try:
        if format_ == "json":
            return _document.decode(_ESCAPES.sub(_spelled, body) if b"\\u" in body else body)
        document: Document = xmltodict.parse(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ExpatError, ValueError, RecursionError) as error:
        raise ProviderError(f"the answer is no {format_.upper()}: {error}") from error
    return document
