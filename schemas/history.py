"""Who changed what, when, from what to what."""

from msgspec import Struct

from schemas.assets import Change
from schemas.registry_records import ActorKind


class ActorView(Struct, frozen=True, rename="camel"):
    """Who it was: an API client, an event by its key, a patch job, a provider's run, or a command."""

    kind: ActorKind
    name: str


class HistoryEntry(Struct, frozen=True, rename="camel"):
    """What one request, event, job, run or command changed of one thing."""

    change_id: str
    at: str
    actor: ActorView
    changes: tuple[Change, ...]
