"""What all that a provider's run does has in common: whose it is, in which run, and under which rules."""

import msgspec
from msgspec import Struct

from handlers.ports import Transaction
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from handlers.rules.provider_registry import is_own
from schemas.assets import Change
from schemas.ids import run_text

_HISTORY_AT_A_TIME = 100
_NEWEST = 2**63 - 1
_decode_changes = msgspec.json.Decoder(list[Change]).decode


class RunContext(Struct, frozen=True):
    """A provider's run; `time_zone` is the definition's. `rules` are the registry's."""

    organization_id: str
    provider: str
    environment: str
    run_id: int
    definition_hash: str
    now_us: int
    time_zone: str | None = None
    rules: RegistryRules = RegistryRules()

    @property
    def actor(self) -> Actor:
        """Who does it, for the audit."""
        return Actor("provider", f"{self.provider} {run_text(self.run_id)}")


async def was_deactivated_here(tx: Transaction, run: RunContext, asset_id: str, meter_code: str | None = None) -> bool:
    """Whether the last word on an asset's status, or on a meter of it being active, was an absence that this provider made."""
    field = "status" if meter_code is None else "isActive"
    before = _NEWEST
    while rows := await tx.registry.journal.asset_history(run.organization_id, asset_id, before, _HISTORY_AT_A_TIME):
        for row in rows:
            if any(change.name == field and change.meter_code == meter_code for change in _decode_changes(row.changes)):
                return row.actor_kind == "provider" and is_own(row.actor, run.provider)
        before = rows[-1].change_no
    return False
