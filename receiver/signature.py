"""Is this delivery genuine? Decided from its bytes, headers and time of receipt alone, so that it can be judged again later.

Sources: Datahub's documentation for `X-SCALAR-Signature: sha256=<hex>`; the Standard Webhooks specification for the other scheme.
The `standardwebhooks` package takes one secret, a fixed tolerance of five minutes and the clock of the moment, and wants the body
to be text. A rotation, a tolerance of one's own and a delivery judged later need the few lines here; the package checks them in
the tests.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from receiver.secret import Secret, webhook_key
from receiver.source_settings import Subscription

Headers = Iterable[tuple[bytes, bytes]]
Reason = Literal["accepted", "no_secret", "missing", "malformed", "mismatch", "timestamp", "header", "basic", "bearer"]

DATAHUB_HEADERS = (b"x-scalar-signature", b"x-webhook-signature")
_DATAHUB_SIGNATURE = re.compile(rb"sha256=[0-9A-Fa-f]{64}")
_PREFIX_BYTES = len(b"sha256=")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


class Verdict(NamedTuple):
    """Whether a delivery is genuine. `reason` is short and from a closed set, for metrics; `message` is one line for a person."""

    accepted: bool
    reason: Reason
    message: str


ACCEPTED = Verdict(accepted=True, reason="accepted", message="")


def _refused(reason: Reason, message: str) -> Verdict:
    return Verdict(accepted=False, reason=reason, message=message)


def verify(
    subscription: Subscription, headers: Headers, body: bytes, received_at_us: int, *, allow_unsigned: bool = False
) -> Verdict:
    """Judge a delivery by its subscription's settings.

    `headers` are as ASGI gives them, names in any case; `body` is the bytes as received; `received_at_us` is the time of receipt,
    which a delivery that is judged again keeps. `allow_unsigned` lets deliveries to a subscription without secrets pass; with
    secrets it changes nothing. Never raises, whatever the headers hold.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
    if not subscription.secrets:
        verdict = ACCEPTED if allow_unsigned else _refused("no_secret", "the subscription has no secret to verify with")
    elif subscription.scheme == "datahub":
        verdict = _datahub(subscription.secrets, fields, body)
    else:
        verdict = _standard_webhooks(subscription, fields, body, received_at_us)
    return _extras(subscription, fields) if verdict.accepted else verdict


def _datahub(secrets: tuple[Secret, ...], fields: dict[bytes, list[bytes]], body: bytes) -> Verdict:
    """Every signature header that is there must verify under one of the active secrets."""
    signatures = [value for name in DATAHUB_HEADERS for value in fields.get(name, ())]
    if not signatures:
        return _refused("missing", "no X-SCALAR-Signature header")
    expected = [b"sha256=" + hmac.digest(secret.encoded(), body, "sha256").hex().encode() for secret in secrets]
    if _each_matches([value[:_PREFIX_BYTES] + value[_PREFIX_BYTES:].lower() for value in signatures], expected):
        return ACCEPTED
    if all(map(_DATAHUB_SIGNATURE.fullmatch, signatures)):
        return _refused("mismatch", "the signature matches no active secret")
    return _refused("malformed", "a signature is sha256= and 64 hex digits")


def _standard_webhooks(subscription: Subscription, fields: dict[bytes, list[bytes]], body: bytes, received_at_us: int) -> Verdict:
    """One of the signatures in each header must verify; the signed timestamp must be near the time of receipt."""
    ids, times, lines = (fields.get(name, []) for name in (b"webhook-id", b"webhook-timestamp", b"webhook-signature"))
    if not (ids and times and lines):
        return _refused("missing", "webhook-id, webhook-timestamp and webhook-signature are required")
    if len(ids) > 1 or len(times) > 1 or not ids[0] or not _TIMESTAMP.fullmatch(times[0]):
        return _refused("malformed", "expected one webhook-id, and one webhook-timestamp in whole seconds")
    signed = b"%s.%s.%s" % (ids[0], times[0], body)
    expected = [b"v1," + base64.b64encode(hmac.digest(webhook_key(secret), signed, "sha256")) for secret in subscription.secrets]
    # Compared as text: base64 has several spellings of the same bytes, and only one of them is what the sender made.
    if not all(any(_each_matches([token], expected) for token in line.split()) for line in lines):
        return _refused("mismatch", "the signature matches no active secret")
    if abs(received_at_us - int(times[0]) * 1_000_000) > subscription.tolerance_s * 1_000_000:
        return _refused("timestamp", f"the timestamp is more than {subscription.tolerance_s} s from the time of receipt")
    return ACCEPTED


def _each_matches(given: list[bytes], expected: list[bytes]) -> bool:
    """Whether each of `given` is among `expected`; how long it takes doesn't tell how far one agrees."""
    return all(any(hmac.compare_digest(value, candidate) for candidate in expected) for value in given)


def _extras(subscription: Subscription, fields: dict[bytes, list[bytes]]) -> Verdict:
    """What a subscription asks for on top of the signature."""
    if required := subscription.require_header:
        values = fields.get(required.name.lower().encode(), [])
        if not values or not _each_matches(values, [required.value.encoded()]):
            return _refused("header", f"the header {required.name} is missing or wrong")
    if (basic := subscription.require_basic) and not _authorized(fields, b"basic", base64.b64encode(basic.encoded())):
        return _refused("basic", "the Basic credentials are missing or wrong")
    if (bearer := subscription.require_bearer) and not _authorized(fields, b"bearer", bearer.encoded()):
        return _refused("bearer", "the bearer token is missing or wrong")
    return ACCEPTED


def _authorized(fields: dict[bytes, list[bytes]], scheme: bytes, credentials: bytes) -> bool:
    values = fields.get(b"authorization", [])
    given = [value.partition(b" ") for value in values]
    return (
        bool(given)
        and all(name.lower() == scheme for name, _, _ in given)
        and _each_matches([rest.strip(b" ") for _, _, rest in given], [credentials])
    )
