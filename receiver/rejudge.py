"""Judges deliveries again that could not prove who they are, under the settings of today."""

import msgspec

from handlers.rules.intake import Arrival, Intake, take_in
from receiver.kept_headers import headers_text, is_json_type
from receiver.settings import Settings
from receiver.signature import verify
from schemas.journal_records import RejectedRecord

HeaderList = list[tuple[bytes, bytes]]
_decode = msgspec.json.Decoder(list[tuple[str, str]]).decode


def held_headers(record: RejectedRecord) -> HeaderList:
    """The headers of a held delivery as they came."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _decode(record.headers)]


class Rejudge:
    """Judges held deliveries; `verdicts` says of each that was judged why it is refused still, by its id."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.verdicts: dict[int, str] = {}

    def __call__(self, record: RejectedRecord) -> Intake | None:
        """The intake of a delivery that is genuine after all: its timestamp is judged at its time of receipt."""
        subscription = self._settings.subscriptions.get(record.subscription)
        if subscription is None:
            self.verdicts[record.rejected_id] = "no such subscription is configured"
            return None
        headers = held_headers(record)
        verdict = verify(subscription, headers, record.body, record.received_at_us)
        if not verdict.accepted:
            self.verdicts[record.rejected_id] = verdict.message
            return None
        content_type = next((value.decode("latin-1") for name, value in headers if name.lower() == b"content-type"), None)
        arrival = Arrival(
            record.subscription,
            "webhook",
            record.received_at_us,
            record.body,
            record.remote,
            headers_text(headers),
            is_json_type(content_type),
        )
        return take_in(arrival, subscription.organizations, self._settings.limits.delivery_events_max)
