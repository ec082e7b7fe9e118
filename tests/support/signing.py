"""Signs deliveries as Datahub and as Standard Webhooks do."""

import hashlib
import hmac
from datetime import UTC, datetime

from standardwebhooks import Webhook

HeaderList = list[tuple[bytes, bytes]]


def datahub_signature(secret: str, body: bytes) -> str:
    """The value of `X-SCALAR-Signature`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def datahub_headers(secret: str, body: bytes) -> HeaderList:
    """The headers of a delivery that Datahub signed."""
    return [(b"content-type", b"application/json"), (b"x-scalar-signature", datahub_signature(secret, body).encode())]


def standard_headers(secret: str, body: bytes, timestamp_s: int, message_id: str = "msg_1") -> HeaderList:
    """The headers of a delivery that the reference library signed; `body` must be UTF-8."""
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(timestamp_s, tz=UTC), body.decode())
    return [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", str(timestamp_s).encode()),
        (b"webhook-signature", signature.encode()),
    ]
