"""Is a meter that is expected from sync still heard of?

The counters go by journal sequence: a sync counts once for a meter, whether it comes again or names the asset twice, and one
that comes again after a later sync has counted changes nothing.
"""

from msgspec.structs import replace

from schemas.assets import EffectiveAssignment, Explicit, Telematics


def seen(state: Telematics, seq: int, at_us: int) -> Telematics:
    """A reading was accepted (stored; SUSPECT and duplicates count) in the sync `seq` of time `at_us`."""
    if seq < state.counted_seq:
        return state
    return Telematics(last_seen_us=at_us, missing=0, counted_seq=seq)


def missed(state: Telematics, seq: int) -> Telematics:
    """The asset came in the sync `seq` without an accepted current reading for the meter."""
    if seq <= state.counted_seq:
        return state
    return replace(state, missing=state.missing + 1, counted_seq=seq)


def is_missed(meter: EffectiveAssignment) -> bool:
    """Whether a sync that is silent about this meter counts as missing: it is expected, and in use."""
    return meter.expected_from_sync and meter.is_active and meter.is_applicable


def is_seen_by_unit(meter: EffectiveAssignment, explicit: Explicit | None) -> bool:
    """Whether a by-unit reading counts as seen: for a meter that only a pairing makes expected (Asset Sync, telematics)."""
    said = explicit.fields.expected_from_sync if explicit else None
    return meter.expected_from_sync and said is not True
