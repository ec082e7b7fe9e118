"""The stories of fixtures/stories: what arrives, in its order, and what must come out of it.

fixtures/README.md describes the format. The loader is strict: an unknown or mistyped key is an error.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from schemas.facts import Flag, Kind, Location
from schemas.statements import StatementKind
from tests.support.story_registry import ExpectedAsset, ExpectedCandidates, ExpectedMissing, ExpectedWaiting, Setting, Step, Steps

FIXTURES = Path(__file__).parents[2] / "fixtures"


class ExpectedPairing(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One interval; `evidence` is how many event keys it carries, times are as on the wire."""

    asset_id: str
    evidence: int
    vin: str | None = None
    sensor_vin: str | None = None
    reason: Literal["ManualPair", "AutoPair", "Asserted"] | None = None
    location: Location | None = None
    paired_at: str | None = None
    paired_after: str | None = None
    unpaired_at: str | None = None
    ended_by: Literal["unpaired", "superseded"] | None = None
    flags: tuple[Literal["sameTypeConflict"], ...] = ()


class ExpectedNote(Struct, frozen=True, forbid_unknown_fields=True):
    """One note on a case."""

    text: str
    author: str
    at: str


class ExpectedCase(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One case, as it stood at its last failure or dismissal, so that it is never past its deadline."""

    state: Literal["open", "resolved", "dismissed"]
    reason: Literal["InvalidData", "NotFound", "MultipleMatchFound", "Unknown", "VinMismatch"]
    attempts: int
    first_seen_at: str
    last_seen_at: str
    sensor_vin: str | None = None
    resolved_at: str | None = None
    resolved_by: Literal["paired", "unpaired", "dismissed"] | None = None
    asset_id: str | None = None
    asset_vin: str | None = None
    notes: tuple[ExpectedNote, ...] = ()


class ExpectedUnit(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One unit of one organization; pairings and cases are oldest first."""

    organization_id: str
    unit_id: str
    state: Literal["paired", "unpaired", "unmatched"]
    pairings: tuple[ExpectedPairing, ...] = ()
    cases: tuple[ExpectedCase, ...] = ()


class FactName(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What tells a fact from the others of its story; a failure has no asset."""

    unit_id: str
    kind: Kind
    registered_on: str
    asset_id: str | None = None


class ExpectedFlags(FactName, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A flagged fact; every fact that isn't listed has no flag. Flags are sorted."""

    flags: tuple[Flag, ...]


class ExpectedFact(FactName, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the copies of one fact say together, where that is the story's point; the other facts aren't listed."""

    reason: str | None = None
    asset_vin: str | None = None
    sensor_vin: str | None = None
    candidate_asset_ids: tuple[str, ...] = ()
    location: Location | None = None


class BatchCounts(Struct, frozen=True, forbid_unknown_fields=True):
    """How many deliveries are answered in each way."""

    accepted: int
    duplicate: int
    conflict: int


class EventCounts(Struct, frozen=True, forbid_unknown_fields=True):
    """Sums over the answers of all deliveries."""

    applied: int
    duplicate: int
    quarantined: int
    ignored: int


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of `expected.toml`. The last four say what the registry holds; they are told in stories that have a `registry.toml`."""

    about: str
    batches: BatchCounts
    events: EventCounts
    units: tuple[ExpectedUnit, ...] = ()
    flags: tuple[ExpectedFlags, ...] = ()
    facts: tuple[ExpectedFact, ...] = ()
    assets: tuple[ExpectedAsset, ...] = ()
    missing: tuple[ExpectedMissing, ...] = ()
    waiting: tuple[ExpectedWaiting, ...] = ()
    cases: tuple[ExpectedCandidates, ...] = ()


class About(FactName, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The fact that a statement is about; a failure is told by its reason and sensor VIN too, an assertion by being one."""

    reason: str | None = None
    sensor_vin: str | None = None
    asserted: bool = False


class Said(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What an operator said once the batch `after` had arrived. An assertion is about itself."""

    kind: StatementKind
    after: str
    at: str
    actor: str
    about: About
    note: str = ""
    asset_vin: str | None = None


class Statements(Struct, frozen=True, forbid_unknown_fields=True):
    """All of `statements.toml`, in the order in which it was said."""

    statements: tuple[Said, ...] = ()


class Story(NamedTuple):
    """A named sequence; `batches` are (file name, body) in their order of arrival. `steps` is None without a `registry.toml`."""

    name: str
    batches: list[tuple[str, bytes]]
    statements: tuple[Said, ...]
    steps: tuple[Step, ...] | None
    expected: Expected


def load_setting() -> Setting:
    """What stories of the registry begin with. Raises as `load_stories` does."""
    return msgspec.toml.decode((FIXTURES / "stories" / "registry.toml").read_bytes(), type=Setting)


def load_stories() -> list[Story]:
    """All stories, sorted by name. Raises msgspec.ValidationError if a TOML file doesn't keep to the format."""
    return list(_stories())


def _stories() -> Iterator[Story]:
    for folder in sorted(path for path in (FIXTURES / "stories").iterdir() if path.is_dir()):
        batches = [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.json"))]
        said = folder / "statements.toml"
        statements = msgspec.toml.decode(said.read_bytes(), type=Statements).statements if said.exists() else ()
        expected = msgspec.toml.decode((folder / "expected.toml").read_bytes(), type=Expected)
        done = folder / "registry.toml"
        steps = msgspec.toml.decode(done.read_bytes(), type=Steps).steps if done.exists() else None
        yield Story(folder.name, batches, statements, steps, expected)
