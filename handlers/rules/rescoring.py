"""Which open cases may have other candidates than before, and whether the best of them is another."""

from collections.abc import Collection, Iterable, Sequence

from handlers.rules.vin_keys import probe_keys, stored_keys
from schemas.pairing import Episode
from schemas.vin import Candidate
from schemas.wire import to_json_text

# No candidate that anybody should look at.
NOBODY = "null"


def keys_hit(vins: Iterable[str]) -> frozenset[str]:
    """The keys of sensors' VINs that assets with one of these VINs could fit; the tiers are symmetric."""
    return frozenset(key for vin in vins for key in (*probe_keys(vin), *stored_keys(vin)))


def is_hit(episode: Episode, keys: Collection[str], datahub_asset_ids: Collection[str]) -> bool:
    """Whether a case could be about assets that changed: by its sensor's VIN, or since Datahub named one of them."""
    named = any(each in datahub_asset_ids for each in episode.candidate_asset_ids)
    return named or any(key in keys for key in stored_keys(episode.sensor_vin))


def best_candidate(candidates: Sequence[Candidate]) -> str:
    """What is announced of candidates, as JSON: the best, where anything speaks for it, and the advice on it."""
    best = candidates[0] if candidates and candidates[0].advice != "none" else None
    return NOBODY if best is None else to_json_text((best.registry_asset_id, best.asset_id, best.advice))
