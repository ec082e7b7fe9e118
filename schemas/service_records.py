"""Rows that the service keeps for itself: clients, tokens of the Feed, counts. Times are microseconds."""

from typing import NamedTuple


class ClientRecord(NamedTuple):
    """An API client; `scopes` are space-separated and sorted, `secret_hash` is argon2id."""

    client_id: str
    name: str
    organization_id: str
    scopes: str
    secret_hash: str
    created_at_us: int
    revoked_at_us: int | None


class FeedTokenRecord(NamedTuple):
    """An access token of the Feed, encrypted; `requested_at` is JSON: when tokens were asked for."""

    token_key: str
    sealed: str
    expires_at_us: int
    requested_at: str


class OverviewRecord(NamedTuple):
    """How much there is of everything; entries of batches by what became of them, units by state, cases to look at."""

    deliveries: int
    batches: int
    applied: int
    duplicates: int
    quarantined: int
    ignored: int
    units: dict[str, int]
    pairings: int
    cases: int
    cases_escalated: int
    rejected: int
    rejected_bytes: int
    rejected_oldest_us: int | None
    clients: int
