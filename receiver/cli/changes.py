"""What a dry run or a statement changes, as lines for people and as JSON."""

from collections.abc import Iterable
from typing import Any

import msgspec

from handlers.rules.plan import ChangeDraft
from receiver.cli.output import say
from schemas.answers import Change


def shown(change: ChangeDraft) -> dict[str, Any]:
    """One change as JSON."""
    return {
        "type": change.type,
        "organizationId": change.organization_id,
        "unitId": change.unit_id,
        "data": msgspec.Raw(change.data.encode()),
    }


def print_changes(changes: Iterable[ChangeDraft | Change]) -> None:
    """One change a line."""
    for change in changes:
        data = msgspec.json.decode(change.data)
        if change.type.startswith("pairing."):
            since = data["pairedAt"] or f"after {data['pairedAfter'] or '?'}"
            what = f"on {data['vin'] or data['assetId']} {since} to {data['unpairedAt'] or 'now'}"
        else:
            what = f"{data['reason']} {data['sensorVin'] or ''}, {data['attempts']} attempts"
        say(f"{change.type} {data['unitId']}: {what}")
