"""Signs a delivery so that `receiver.signature.verify` finds it genuine: for batches that are sent to a receiver."""

import base64
import hmac
import secrets

from receiver.secret import Secret, webhook_key
from receiver.source_settings import Subscription

HeaderList = list[tuple[bytes, bytes]]


def signed_headers(subscription: Subscription, secret: Secret, body: bytes, now_us: int) -> HeaderList:
    """The headers of a delivery of `body` as its subscription asks for: signature, and what it wants on top of it.

    InvalidInputError: the secret is none for the subscription's scheme.
    """
    headers = [(b"content-type", b"application/json")]
    if subscription.scheme == "datahub":
        headers.append((b"x-scalar-signature", b"sha256=" + hmac.digest(secret.encoded(), body, "sha256").hex().encode()))
    else:
        headers += _standard_webhooks(secret, body, now_us)
    if required := subscription.require_header:
        headers.append((required.name.lower().encode(), required.value.encoded()))
    if subscription.require_basic:
        headers.append((b"authorization", b"Basic " + base64.b64encode(subscription.require_basic.encoded())))
    if subscription.require_bearer:
        headers.append((b"authorization", b"Bearer " + subscription.require_bearer.encoded()))
    return headers


def _standard_webhooks(secret: Secret, body: bytes, now_us: int) -> HeaderList:
    message_id = f"msg_{secrets.token_hex(12)}".encode()
    timestamp = str(now_us // 1_000_000).encode()
    signed = b"%s.%s.%s" % (message_id, timestamp, body)
    signature = b"v1," + base64.b64encode(hmac.digest(webhook_key(secret), signed, "sha256"))
    return [(b"webhook-id", message_id), (b"webhook-timestamp", timestamp), (b"webhook-signature", signature)]
