"""Columns of JSON text back to what they say, and lists of pairs as two columns."""

from collections.abc import Sequence

import msgspec

from schemas.facts import Flag, Meaning
from schemas.pairing import Episode, Interval, UnitState
from schemas.statements import Details

decode_state = msgspec.json.Decoder(UnitState).decode
decode_interval = msgspec.json.Decoder(Interval).decode
decode_episode = msgspec.json.Decoder(Episode).decode
decode_meaning = msgspec.json.Decoder(Meaning).decode
decode_details = msgspec.json.Decoder(Details).decode
decode_flags = msgspec.json.Decoder(tuple[Flag, ...]).decode


def columns(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Pairs of (organization, id) as a list of organizations and a list of ids."""
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
