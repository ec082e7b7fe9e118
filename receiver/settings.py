"""Every setting: its type, its bounds, its default and what it is for.

The descriptions are data: docs/settings.md and the file that `drawbar init` writes are made from them. Reading a file and the
environment is the business of `receiver.settings_file`.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from receiver.alert_settings import AlertTarget
from receiver.secret import Secret, shown_database, webhook_key
from receiver.setting_types import Count, Days, Seconds, SecretReference, Text, Uuid, is_safe_address
from schemas.errors import InvalidInputError, at

MEBIBYTE = 1024 * 1024
DEFAULT_SUBSCRIPTION = "default"
SUBSCRIPTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A field name of RFC 9110, section 5.1.
HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]

FEED_URL = "https://feed.api.eu1.scalar.zf.com"
FEED_TOKEN_URL = "https://auth.api.eu1.scalar.zf.com/v1/integrators/token"  # noqa: S105 - an address

# Given on the command line alone, so that no file or environment can switch the signature check off.
FLAGS = frozenset({"allow_unsigned"})


class SettingsError(InvalidInputError):
    """The settings can't be used; each problem's path is the key, or the environment variable that gave it."""


class RequiredHeader(Struct, frozen=True):
    """A custom header that every delivery must carry."""

    name: Annotated[
        HeaderName,
        Meta(
            description="Name of a custom header that every delivery must carry on top of its signature.", examples=["X-Tenant"]
        ),
    ]
    value: Annotated[Secret, Meta(description="The value that this header must have.", examples=["a long random text"])]


class Subscription(Struct, frozen=True):
    """How the deliveries to one `/webhooks/datahub/{subscription}` are known to be genuine, and whose events they may bring."""

    secrets: Annotated[
        tuple[Secret, ...],
        Meta(
            description="Secrets that a signature may be made with; several while one is being rotated.",
            examples=[["a long random text"]],
        ),
    ] = ()
    scheme: Annotated[
        Literal["datahub", "standard-webhooks"],
        Meta(description="How deliveries are signed: by Datahub's own header, or by Standard Webhooks (secrets `whsec_…`)."),
    ] = "datahub"
    tolerance_s: Annotated[
        Seconds,
        Meta(description="Standard Webhooks: how far a delivery's timestamp may be from the time of receipt, in seconds."),
    ] = 300
    organizations: Annotated[
        tuple[Uuid, ...],
        Meta(description="UUIDs of the organizations whose events may come this way; empty means any. Others go to quarantine."),
    ] = ()
    require_header: RequiredHeader | None = None
    require_basic: Annotated[
        Secret | None,
        Meta(
            description="`user:password` that every delivery must carry as HTTP Basic credentials, on top of its signature.",
            examples=["user:password"],
        ),
    ] = None
    require_bearer: Annotated[
        Secret | None,
        Meta(
            description="Bearer token that every delivery must carry, on top of its signature.", examples=["a long random text"]
        ),
    ] = None
    silent_after_s: Annotated[
        Seconds | None,
        Meta(
            description="Log an alert when this subscription has brought nothing for so many seconds; unset means never.",
            examples=[86400],
        ),
    ] = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "organizations", tuple(name.lower() for name in self.organizations))
        if self.require_basic and self.require_bearer:
            raise at("require_bearer", "a delivery has one Authorization header: require_basic is set already")
        if self.require_basic and ":" not in self.require_basic.reveal():
            raise at("require_basic", "expected user:password")
        if self.scheme == "standard-webhooks":
            for secret in self.secrets:
                webhook_key(secret)


class Feed(Struct, frozen=True):
    """A subscription to the Datahub Feed API: its events come in as those of a webhook do, and count once beside them."""

    feed_id: Annotated[Text, Meta(description="Id of the feed, as Datahub shows it.", examples=["your feed's id"])]
    audience: Annotated[Text, Meta(description="Audience that an access token is asked for.", examples=["your audience"])]
    client_id: Annotated[
        Text,
        Meta(description="Client id of the integrator, or `env:NAME` or `file:PATH` for it.", examples=["env:FEED_CLIENT_ID"]),
    ]
    client_secret: Annotated[
        SecretReference,
        Meta(
            description="Where its client secret is: `env:NAME` (a variable that doesn't begin with DRAWBAR_) or `file:PATH`.",
            examples=["env:FEED_CLIENT_SECRET"],
        ),
    ]
    base_url: Annotated[Text, Meta(description="Address of the Feed API.")] = FEED_URL
    token_url: Annotated[Text, Meta(description="Address at which access tokens are asked for.")] = FEED_TOKEN_URL
    scopes: Annotated[
        tuple[Text, ...],
        Meta(description="Scopes to ask for with a token; none are sent unless given.", examples=[["feed.read"]]),
    ] = ()
    limit: Annotated[int, Meta(ge=100, le=250, description="Events in one answer at most.")] = 250
    organizations: Annotated[
        tuple[Uuid, ...],
        Meta(description="UUIDs of the organizations whose events may come this way; empty means any. Others go to quarantine."),
    ] = ()
    silent_after_s: Annotated[
        Seconds | None,
        Meta(
            description="Log an alert when this feed has brought no event for so many seconds; unset means never.",
            examples=[86400],
        ),
    ] = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "organizations", tuple(name.lower() for name in self.organizations))
        for name in ("base_url", "token_url"):
            if not is_safe_address(getattr(self, name)):
                raise at(name, "expected an https address; http is for this machine alone")


class Limits(Struct, frozen=True):
    """Bounds on everything that can grow."""

    body_bytes_max: Annotated[Count, Meta(description="Largest request body, in bytes; a larger one is 413.")] = 16 * MEBIBYTE
    body_timeout_s: Annotated[Count, Meta(description="How long a request body may take to arrive, in seconds.")] = 30
    head_bytes_max: Annotated[Count, Meta(description="Largest request line and headers together, in bytes; more is 400.")] = (
        65536
    )
    head_timeout_s: Annotated[
        Count, Meta(description="How long a request's line and headers may take to arrive, in seconds.")
    ] = 10
    keep_alive_s: Annotated[
        Count, Meta(description="How long an idle connection is kept open for its next request, in seconds.")
    ] = 30
    graceful_timeout_s: Annotated[
        Count,
        Meta(description="How long requests under way may take to end after SIGTERM, in seconds."),
    ] = 10
    queue_deliveries_max: Annotated[Count, Meta(description="Deliveries that may wait for the writer; a full queue is 503.")] = (
        1000
    )
    queue_bytes_max: Annotated[Count, Meta(description="Bytes of the bodies that may wait for the writer; more is 503.")] = (
        64 * MEBIBYTE
    )
    group_deliveries_max: Annotated[Count, Meta(description="Deliveries that are committed in one transaction at most.")] = 500
    rejected_deliveries_max: Annotated[
        Count,
        Meta(description="Deliveries with a wrong signature that are held for `drawbar rejected replay`, the oldest out first."),
    ] = 1000
    rejected_bytes_max: Annotated[Count, Meta(description="Bytes of the bodies that are held for it, the oldest out first.")] = (
        64 * MEBIBYTE
    )
    sync_assets_max: Annotated[Count, Meta(description="Assets in one Asset Sync request.")] = 500
    patch_assets_max: Annotated[Count, Meta(description="Assets in one bulk patch.")] = 10_000
    candidates_max: Annotated[
        Count, Meta(description="Assets that are shown for a VIN or a case at most, besides those that Datahub named.")
    ] = 20
    page_default: Annotated[Count, Meta(description="Items on a page of a list where the request names no `limit`.")] = 100
    page_max: Annotated[Count, Meta(description="Largest `limit` of a list.")] = 1000
    rate_limit_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=2**31 - 1,
            description="API requests of one client in a minute; more is 429; 0 means no limit. Never on webhooks.",
        ),
    ] = 6000

    def __post_init__(self) -> None:
        if self.page_default > self.page_max:
            raise at("page_default", "is larger than page_max")


class Retention(Struct, frozen=True):
    """How long what was received is kept."""

    raw_bodies_days: Annotated[
        Days | None,
        Meta(
            description="Days to keep deliveries' bodies as received; unset keeps them. What they said is kept always.",
            examples=[365],
        ),
    ] = None
    rejected_days: Annotated[
        Days | None,
        Meta(description="Days to hold deliveries with a wrong signature; unset leaves it to the limits alone."),
    ] = 30
    patches_days: Annotated[
        Days | None,
        Meta(description="Days to keep bulk patches and their errors after they have ended; unset keeps them."),
    ] = 90
    alerts_days: Annotated[
        Days | None,
        Meta(description="Days to keep alerts that could not be delivered; unset keeps them."),
    ] = 90


class DisplayNames(Struct, frozen=True):
    """What the console calls the properties of assets that can be renamed. The API knows them by their original names alone."""

    location: Annotated[Text, Meta(description="What the console calls an asset's `location`.")] = "Location"
    location_of_installation: Annotated[Text, Meta(description="What the console calls its `locationOfInstallation`.")] = (
        "Location of installation"
    )
    order_number: Annotated[Text, Meta(description="What the console calls its `orderNumber`.")] = "Order number"
    cost_center: Annotated[Text, Meta(description="What the console calls its `costCenter`.")] = "Cost center"

    def labels(self) -> dict[str, str]:
        """The display names by the properties' original names."""
        return {
            "location": self.location,
            "locationOfInstallation": self.location_of_installation,
            "orderNumber": self.order_number,
            "costCenter": self.cost_center,
        }


class Log(Struct, frozen=True):
    """What is logged on standard error, and how."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least severe level that is logged.")] = (
        "info"
    )
    format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="One JSON object a line, or text for people; `auto` is text on a terminal and JSON elsewhere."),
    ] = "auto"


class Postgres(Struct, frozen=True):
    """The connections to a PostgreSQL database."""

    pool_min: Annotated[Count, Meta(description="Connections that are kept open.")] = 2
    pool_max: Annotated[Count, Meta(description="Connections that are opened at most.")] = 10
    statement_cache_size: Annotated[
        int,
        Meta(
            ge=0, le=2**31 - 1, description="Prepared statements kept for a connection; 0 behind PgBouncer in transaction mode."
        ),
    ] = 100

    def __post_init__(self) -> None:
        if self.pool_min > self.pool_max:
            raise at("pool_min", "is larger than pool_max")


class Settings(Struct, frozen=True):
    """All settings. `webhook_secret` is another name for the secrets of the subscription `default`, and is folded into it."""

    database: Annotated[
        Text,
        Meta(
            description="A path or `sqlite:///path`, relative to the working folder, or `postgresql://user:password@host/name`."
        ),
    ] = "drawbar.db"
    host: Annotated[Text, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one and says which.")] = 8000
    webhook_secret: Annotated[
        tuple[Secret, ...],
        Meta(description="Secrets of the subscription `default`, the same as `subscriptions.default.secrets`."),
    ] = ()
    operator_secret: Annotated[
        Secret | None,
        Meta(description="Secret of the bootstrap API client `operator`, which has every scope in every organization."),
    ] = None
    metrics_public: Annotated[bool, Meta(description="Answer `/metrics` to others than this host too.")] = False
    missing_unit: Annotated[
        Literal["reject", "assume"],
        Meta(description="A reading without a unit is refused with a warning, or is assumed to be in its meter's unit."),
    ] = "reject"
    token_idle_s: Annotated[Seconds, Meta(description="A bearer token expires after so many seconds without use.")] = 86400
    providers_folder: Annotated[
        Text | None,
        Meta(
            description="Folder with the definitions of providers, one TOML file each, relative to the working folder.",
            examples=["providers"],
        ),
    ] = None
    providers_environment: Annotated[
        Literal["production", "staging"],
        Meta(description="Which of the environments of its definition a provider is pulled from."),
    ] = "production"
    unit_meters: Annotated[
        dict[Text, tuple[Text, ...]],
        Meta(
            description='Meters that a unit of this type delivers, as their codes, for example `tp = ["ODOMETER_KM"]`.',
            examples=[["ODOMETER_KM"]],
        ),
    ] = {}
    subscriptions: dict[str, Subscription] = {}
    feeds: dict[str, Feed] = {}
    alerts: dict[str, AlertTarget] = {}
    limits: Limits = Limits()
    retention: Retention = Retention()
    display_names: DisplayNames = DisplayNames()
    log: Log = Log()
    postgres: Postgres = Postgres()
    allow_unsigned: bool = False

    def __post_init__(self) -> None:
        scheme, separator, _ = self.database.partition("://")
        if separator and scheme not in {"sqlite", "postgresql", "postgres"}:
            raise at("database", f"expected a path, sqlite:///path or postgresql://…, got the scheme {scheme!r}")
        for name in self.subscriptions:
            if not SUBSCRIPTION_NAME.fullmatch(name):
                raise at(f"subscriptions.{name}", "a name has 1 to 64 letters, digits, dots, underscores and hyphens")
        self._fold_default()
        for name in self.feeds:
            if not SUBSCRIPTION_NAME.fullmatch(name):
                raise at(f"feeds.{name}", "a name has 1 to 64 letters, digits, dots, underscores and hyphens")
            if name in self.subscriptions:
                raise at(
                    f"feeds.{name}", "is the name of a subscription too: what came by the one couldn't be told from the other"
                )
        for name in self.alerts:
            if not SUBSCRIPTION_NAME.fullmatch(name):
                raise at(f"alerts.{name}", "a name has 1 to 64 letters, digits, dots, underscores and hyphens")

    def organizations_of(self, name: str) -> tuple[str, ...]:
        """Whose events may come by a subscription or a feed today; none means anybody's, as for one that is gone."""
        found = self.subscriptions.get(name) or self.feeds.get(name)
        return found.organizations if found else ()

    def silences(self) -> dict[str, int | None]:
        """After how many seconds without an event each subscription and feed is too silent; None means never."""
        subscriptions = {name: found.silent_after_s for name, found in self.subscriptions.items()}
        return subscriptions | {name: found.silent_after_s for name, found in self.feeds.items()}

    def _fold_default(self) -> None:
        """Bring `webhook_secret` into the subscription `default`; without any subscription, unsigned deliveries go there too."""
        default = self.subscriptions.get(DEFAULT_SUBSCRIPTION)
        if self.webhook_secret:
            default = default or Subscription()
            if default.secrets not in {(), self.webhook_secret}:
                raise at("webhook_secret", "subscriptions.default.secrets is set too: one of them is enough")
            default = msgspec.structs.replace(default, secrets=self.webhook_secret)
        elif self.allow_unsigned and not self.subscriptions:
            default = Subscription()
        if default:
            msgspec.structs.force_setattr(self, "subscriptions", {**self.subscriptions, DEFAULT_SUBSCRIPTION: default})

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "database")
        return f"Settings(database={shown_database(self.database)!r}, {', '.join(f'{name}={value!r}' for name, value in values)})"
