"""Which open cases may have other candidates than before, and whether the best of them is another."""

from collections.abc import Iterable, Sequence

from handlers.rules.vin_keys import probe_keys, stored_keys
from schemas.pairing import Episode
from schemas.vin import Candidate
from schemas.wire import to_json_text

# No candidate that anybody should look at.
NOBODY = "null"

_NAMED_KEY = "named:"


def case_keys(episode: Episode) -> frozenset[str]:
    """The keys by which a case is found: what its sensor's VIN is kept under, and the Datahub assets that it names."""
    return frozenset((*stored_keys(episode.sensor_vin), *map(_named_key, episode.candidate_asset_ids)))


def keys_hit(vins: Iterable[str], datahub_asset_ids: Iterable[str]) -> frozenset[str]:
    """The keys of all cases that assets with one of these VINs could be meant by (the tiers are symmetric), or that name one."""
    by_vin = (key for vin in vins for key in (*probe_keys(vin), *stored_keys(vin)))
    return frozenset((*by_vin, *map(_named_key, datahub_asset_ids)))


def best_candidate(candidates: Sequence[Candidate]) -> str:
    """What is announced of candidates, as JSON: the best, where anything speaks for it, and the advice on it."""
    best = candidates[0] if candidates and candidates[0].advice != "none" else None
    return NOBODY if best is None else to_json_text((best.registry_asset_id, best.asset_id, best.advice))


def _named_key(datahub_asset_id: str) -> str:
    return f"{_NAMED_KEY}{datahub_asset_id}"
