"""The Feed's access token, kept in the store across restarts and for all processes.

The endpoint gives three tokens an hour to a client and audience, so a restart must not cost one. In the database, and in every
backup of it, a token is encrypted with a key made from the client secret, which isn't there. When tokens were asked for is in the
clear: that count must outlive a change of the secret.
"""

import base64
import hashlib
import hmac

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from handlers.ports import Store, Transaction
from receiver.pull.feed_token import HOUR_US, FeedToken
from receiver.secret import Secret
from schemas.service_records import FeedTokenRecord
from schemas.wire import to_json_text

_PURPOSE = b"drawbar: access token of the Datahub Feed"
_decode_times = msgspec.json.Decoder(tuple[int, ...]).decode


class StoredToken:
    """Implements `receiver.pull.feed_token.TokenStore` for one client and audience at one endpoint."""

    def __init__(self, store: Store, secret: Secret, *, token_url: str, client_id: str, audience: str) -> None:
        self._store = store
        names = to_json_text((token_url, client_id, audience)).encode()
        self.key = hashlib.sha256(names).hexdigest()
        sealing = hmac.digest(secret.encoded(), _PURPOSE + names, "sha256")
        self._fernet = Fernet(base64.urlsafe_b64encode(sealing))

    async def load(self) -> FeedToken | None:
        """The token that was saved last; without one that can be opened, what is known of requests."""
        row = await self._store.read(lambda tx: tx.leases.find_token(self.key))
        if row is None:
            return None
        requested = _decode_times(row.requested_at)
        try:
            return FeedToken(self._fernet.decrypt(row.sealed).decode(), row.expires_at_us, requested)
        except InvalidToken:
            # Nothing is sealed, or it was sealed with another secret.
            return FeedToken("", 0, requested)

    async def save(self, token: FeedToken) -> None:
        """Keep a token in place of the one before. Requests that others made meanwhile stay counted."""
        sealed = self._fernet.encrypt(token.access_token.encode()).decode() if token.access_token else ""

        async def work(tx: Transaction) -> None:
            before = await tx.leases.find_token(self.key)
            requested = {*token.requested_at_us, *(_decode_times(before.requested_at) if before else ())}
            latest = max(requested, default=0)
            kept = sorted(at_us for at_us in requested if at_us > latest - HOUR_US)
            await tx.leases.put_token(FeedTokenRecord(self.key, sealed, token.expires_at_us, to_json_text(kept)))

        await self._store.write(work)
