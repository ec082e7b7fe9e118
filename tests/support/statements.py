"""Statements of operators on one unit: in few words for tables, and drawn for properties."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from handlers.rules.statements import Recorded, asserted_key, assertion_copy
from schemas.facts import Copy
from schemas.statements import Details, Statement, StatementKind
from tests.support.facts import ASSETS, ORGANIZATION, UNIT, copies, minute

_FACT_KINDS: tuple[StatementKind, ...] = ("paired", "unpaired")
_VINS = (None, "1HGCM82633A000001")


def said(kind: StatementKind, seq: int, event_key: str, **facts: Any) -> Statement:  # noqa: ANN401 - fields of Statement
    """Something said of a fact, as number `seq` of the journal, by anna, at that minute."""
    return Statement(
        ORGANIZATION, seq, kind, UNIT, event_key, facts.pop("actor", "anna"), facts.pop("at_us", minute(seq)), **facts
    )


def assertion(kind: StatementKind, seq: int, asset_id: str, at: float, asset_vin: str | None = None) -> Statement:
    """An assertion that the unit was put on an asset, or taken off it, at a minute."""
    key = asserted_key(ORGANIZATION, UNIT, kind, minute(at), asset_id)
    return said(kind, seq, key, asset_id=asset_id, fact_at_us=minute(at), details=Details(asset_vin))


@st.composite
def recorded(draw: st.DrawFn, max_copies: int = 8, max_statements: int = 6) -> Recorded:
    """What can be recorded of one unit: copies, assertions, and statements on any of these facts, numbered in their order."""
    known = draw(st.lists(copies(), max_size=max_copies))
    return Recorded(known, draw(statements_on(known, max_statements)))


@st.composite
def statements_on(draw: st.DrawFn, known: Sequence[Copy], max_size: int = 6) -> list[Statement]:
    """Statements on the facts of these copies and on assertions among themselves."""
    made: list[Statement] = []
    kinds: list[StatementKind] = ["paired", "unpaired", "void", "void", "restore", "dismiss", "dismiss", "reopen", "note"]
    for seq in range(1, draw(st.integers(0, max_size)) + 1):
        everything = [*known, *(assertion_copy(each) for each in made if each.kind in _FACT_KINDS)]
        kind = draw(st.sampled_from(kinds if everything else kinds[:2]))
        if kind in _FACT_KINDS:
            where = draw(st.sampled_from(ASSETS)), draw(st.integers(0, 5)), draw(st.sampled_from(_VINS))
            made.append(assertion(kind, seq, *where))
            continue
        about = draw(st.sampled_from(everything))
        failures = sorted(
            {(copy.meaning.reason or "", copy.meaning.sensor_vin) for copy in known if copy.kind == "failed"}, key=repr
        )
        held = draw(st.sets(st.sampled_from(failures))) if kind == "dismiss" and failures else set()
        note = draw(st.sampled_from(("", "seen")))
        details = Details(kinds=tuple(sorted(held, key=repr)))
        made.append(said(kind, seq, about.event_key, note=note, details=details))
    return made
