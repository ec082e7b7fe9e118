"""How a provider's API is reached: credentials, environments, retries and rate limits, as its definition states them.

Source: "API integration requirements", sections Authentication, Rate limits and Environments.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
# A secret is named, never written: `env:NAME` or `file:PATH`. The check stands in the loader, whose message shows no value.
SecretRef: TypeAlias = str
EnvironmentName: TypeAlias = Literal["production", "staging"]


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the definition."""


class Tagged(Part, frozen=True, tag_field="type"):
    """A table whose `type` says which fields it has."""


class NoAuth(Tagged, frozen=True, tag="none"):
    """The API asks for no credentials."""


class ApiKeyAuth(Tagged, frozen=True, tag="api_key"):
    """A static token in a request header or a query parameter called `name`."""

    place: Literal["header", "query"]
    name: Annotated[str, Meta(min_length=1)]
    value: SecretRef


class BasicAuth(Tagged, frozen=True, tag="basic"):
    """RFC 7617. The user name may be written out or referred to."""

    username: str
    password: SecretRef


class BearerAuth(Tagged, frozen=True, tag="bearer"):
    """A long-lived token. `scheme` stands before it in the header; empty leaves the token alone."""

    token: SecretRef
    header: str = "Authorization"
    scheme: str = "Bearer"


class ClientCredentialsAuth(Tagged, frozen=True, tag="client_credentials"):
    """OAuth 2.0, RFC 6749 section 4.4. `token_url` is absolute, or a path below the base URL."""

    token_url: str
    client_id: str
    client_secret: SecretRef
    client_auth: Literal["basic", "post"] = "basic"
    scope: str | None = None
    token_parameters: dict[str, str] = field(default_factory=dict)


class PasswordAuth(Tagged, frozen=True, tag="password"):
    """OAuth 2.0, RFC 6749 section 4.3, renewed with the refresh token where the answer brought one (section 6)."""

    token_url: str
    username: str
    password: SecretRef
    client_id: str
    client_secret: SecretRef | None = None
    client_auth: Literal["basic", "post"] = "basic"
    scope: str | None = None
    token_parameters: dict[str, str] = field(default_factory=dict)


Auth: TypeAlias = NoAuth | ApiKeyAuth | BasicAuth | BearerAuth | ClientCredentialsAuth | PasswordAuth
OAuth: TypeAlias = ClientCredentialsAuth | PasswordAuth


class Environment(Part, frozen=True):
    """One base URL, with credentials of its own where they differ. Plain HTTP is refused outside loopback unless allowed."""

    base_url: str
    auth: Auth | None = None
    allow_http: bool = False


class Environments(Part, frozen=True):
    """Where the API answers: for real, and for tests."""

    production: Environment
    staging: Environment | None = None


class Retry(Part, frozen=True):
    """How often and how long to try. A Retry-After is never undercut; one above `retry_after_s_max` ends the run until then."""

    attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    wait_initial_s: Seconds = 0.5
    wait_s_max: Seconds = 30.0
    retry_after_s_max: Seconds = 300.0


class Rates(Part, frozen=True):
    """The provider's own caps on requests; each that is given holds."""

    per_second: Count | None = None
    per_minute: Count | None = None
    per_hour: Count | None = None
    per_day: Count | None = None


class Limits(Part, frozen=True):
    """What the client keeps to."""

    concurrency: Annotated[int, Meta(ge=1, le=64)] = 1
    requests: Rates = Rates()
    connect_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 60.0
    answer_timeout_s: Seconds = 600.0
    response_bytes_max: Count = 64 * 2**20
