"""Alerts: what is told to addresses outside, in the form of Standard Webhooks."""

from typing import Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct

from schemas.pairing import ChangeType

# What is told beside the change feed.
NoticeType = Literal["provider.failed"]
TYPES: tuple[str, ...] = (*get_args(ChangeType), *get_args(NoticeType))
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in TYPES))
ALL_TYPES = "*"

# A place in the journal: a commit's position, and which of the things that it told.
Place = tuple[int, int]


class Wanted(Struct, frozen=True):
    """Which alerts a target asks for: types, groups such as `case.*`, or `*`. No organizations means those of all."""

    events: tuple[str, ...]
    organizations: tuple[str, ...] = ()


class Retries(Struct, frozen=True):
    """How often a message is tried, and the pauses in between, which double from the first to the longest."""

    attempts: int
    first_s: int
    longest_s: int


class Attempt(NamedTuple):
    """What came of sending a message: a status, or none and the error; `retry_after_s` is a pause that the receiver asked for."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None


class NoticeRecord(NamedTuple):
    """Something to tell that is no change of a pairing or a case; `data` is JSON."""

    organization_id: str
    position: int
    n: int
    type: str
    at_us: int
    data: str


class Told(NamedTuple):
    """A change or a notice, as messages tell of it. `subject` is the unit, or the type of a notice; `data` is JSON."""

    organization_id: str
    position: int
    n: int
    type: str
    subject: str
    at_us: int
    data: str

    @property
    def place(self) -> Place:
        """Where it stands in the journal."""
        return self.position, self.n


class TargetRecord(NamedTuple):
    """An address, and how far it has been told: up to (`position`, `n`) all that it wants has been made into messages.

    `address_key` tells one address from another. For `failures` in a row nothing is sent until `paused_until_us`.
    `disabled_at_us` is when it answered that it is gone.
    """

    name: str
    address_key: str
    position: int
    n: int
    failures: int
    paused_until_us: int
    disabled_at_us: int | None

    @property
    def place(self) -> Place:
        """Up to where it has been told."""
        return self.position, self.n


class MessageRecord(NamedTuple):
    """A message to one target that isn't delivered yet. Order is kept among those of one subject; dead ones aren't tried."""

    organization_id: str
    target: str
    position: int
    n: int
    message_id: str
    type: str
    subject: str
    attempts: int
    next_at_us: int
    error: str | None
    dead_at_us: int | None

    @property
    def place(self) -> Place:
        """Where what it tells stands in the journal."""
        return self.position, self.n


class TargetCounts(NamedTuple):
    """How many messages of a target wait, and how many are dead."""

    target: str
    waiting: int
    dead: int


class Alert(Struct, frozen=True, rename="camel"):
    """The body of a message. `timestamp` is when it happened, `cursor` its place in the change feed, `data` as it is there."""

    type: str
    timestamp: str
    cursor: str
    organization_id: str
    data: msgspec.Raw


class DeadLetter(Struct, frozen=True, rename="camel"):
    """A message that was tried as often as may be. `subject` is the unit that it is about; `error` came of the last attempt."""

    message_id: str
    target: str
    type: str
    organization_id: str
    subject: str
    cursor: str
    attempts: int
    error: str | None
    dead_at: str
