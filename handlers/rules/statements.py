"""What operators' statements do to the facts and the cases of a unit. What contradicts is settled by journal sequence."""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from handlers.rules.facts import ASSERTED, event_key, merge_all
from handlers.rules.units import UnitFold, fold_unit
from schemas.facts import Copy, Fact, Meaning
from schemas.pairing import Dismissal, Episode, Remark, UnitState
from schemas.statements import Statement

# Every version that Datahub has is greater; the assertions of a fact are copies of it like any others.
_ASSERTED_VERSION = 0


class Recorded(Struct, frozen=True):
    """All that is recorded of one unit, in any order."""

    copies: Sequence[Copy] = ()
    statements: Sequence[Statement] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        return not self.copies and not self.statements

    def also(self, copies: Sequence[Copy] = (), statements: Sequence[Statement] = ()) -> "Recorded":
        """This and more."""
        return Recorded([*self.copies, *copies], [*self.statements, *statements])


def asserted_key(organization_id: str, unit_id: str, kind: str, at_us: int, asset_id: str) -> str:
    """The key of an assertion, which is that of its content: `asserted` stands where a failure has its reason."""
    return event_key(organization_id, unit_id, kind, at_us, ("asserted", asset_id))


def fold_recorded(recorded: Recorded, at_us: int | None = None) -> UnitFold:
    """The whole fold of a unit. With `at_us`, of what was so at that time, as far as is known: no fact or remark after it."""
    void = void_keys(recorded.statements)
    remarks = [each for each in recorded.statements if at_us is None or each.at_us <= at_us]
    facts = [fact for fact in facts_of(recorded, void) if at_us is None or fact.at_us <= at_us]
    fold = fold_unit(UnitState(void=tuple(sorted(void))), facts)
    return replace(
        fold,
        state=replace(
            fold.state, episode=_remarked(fold.state.episode, remarks), mismatch=_remarked(fold.state.mismatch, remarks)
        ),
        episodes=tuple(with_remarks(episode, remarks) for episode in fold.episodes),
    )


def facts_of(recorded: Recorded, void: frozenset[str] | None = None) -> list[Fact]:
    """The facts that count, by time, then key: what Datahub's copies and operators' assertions say, without what is void."""
    gone = void_keys(recorded.statements) if void is None else void
    copies = [*recorded.copies, *map(assertion_copy, assertions(recorded.statements))]
    return merge_all(copy for copy in copies if copy.event_key not in gone)


def assertions(statements: Iterable[Statement]) -> list[Statement]:
    """Those that assert."""
    return [each for each in statements if each.kind in {"paired", "unpaired"}]


def assertion_copy(statement: Statement) -> Copy:
    """An assertion as a copy of the fact that it asserts; made at the time at which the operator spoke."""
    return Copy(
        statement.event_key,
        statement.organization_id,
        statement.unit_id,
        statement.kind,  # type: ignore[arg-type] # one of the two kinds that assert
        statement.fact_at_us or 0,
        statement.asset_id,
        _ASSERTED_VERSION,
        Meaning(ASSERTED, asset_vin=statement.details.asset_vin),
        batch_time_us=statement.at_us,
    )


def void_keys(statements: Iterable[Statement]) -> frozenset[str]:
    """The keys that are void: the latest that was said of them is that. Asserting anew restores like restoring."""
    judged = [each for each in statements if each.kind in {"void", "restore", "paired", "unpaired"}]
    latest = {each.event_key: each.kind for each in sorted(judged, key=_sequence)}
    return frozenset(key for key, kind in latest.items() if kind == "void")


def with_remarks(episode: Episode, statements: Iterable[Statement]) -> Episode:
    """A case with what was said of any failure in it."""
    said = sorted(
        (each for each in statements if each.kind in {"dismiss", "reopen", "note"} and each.event_key in episode.failures),
        key=_sequence,
    )
    latest = next((each for each in reversed(said) if each.kind != "note"), None)
    return replace(
        episode,
        dismissal=Dismissal(latest.details.kinds, latest.at_us) if latest and latest.kind == "dismiss" else None,
        notes=tuple(Remark(each.note, each.actor, each.at_us) for each in said if each.note),
    )


def adds(recorded: Recorded, statement: Statement) -> bool:
    """Whether a statement says anything that doesn't stand already; what is said of a case always does.

    An assertion that stands is said again in vain, unless it brings a VIN that no assertion of it had.
    """
    if statement.kind in {"dismiss", "reopen", "note"}:
        return True
    void = statement.event_key in void_keys(recorded.statements)
    if statement.kind in {"void", "restore"}:
        return void != (statement.kind == "void")
    same = [each for each in assertions(recorded.statements) if each.event_key == statement.event_key]
    vins = {each.details.asset_vin for each in same} | {None}
    return not same or void or statement.details.asset_vin not in vins


def _remarked(episode: Episode | None, statements: Iterable[Statement]) -> Episode | None:
    return episode and with_remarks(episode, statements)


def _sequence(statement: Statement) -> int:
    return statement.seq
