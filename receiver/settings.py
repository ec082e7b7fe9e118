"""Every setting: its type, its bounds, its default and what it is for.

The descriptions are data: docs/settings.md and the file that `drawbar init` writes are made from them. Tables of settings stand
in the `*_settings` files; reading a file and the environment is the business of `receiver.settings_file`.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from receiver.alert_settings import AlertTarget
from receiver.limit_settings import Limits, Retention
from receiver.outward_settings import DisplayNames, Log, Postgres
from receiver.proxies import proxy_networks
from receiver.secret import Secret, shown_database
from receiver.setting_types import Seconds, Text
from receiver.source_settings import Feed, Subscription
from schemas.errors import InvalidInputError, at

DEFAULT_SUBSCRIPTION = "default"
SUBSCRIPTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Given on the command line alone, so that no file or environment can switch the signature check off.
FLAGS = frozenset({"allow_unsigned"})


class SettingsError(InvalidInputError):
    """The settings can't be used; each problem's path is the key, or the environment variable that gave it."""


class Settings(Struct, frozen=True):
    """All settings. `webhook_secret` is another name for the secrets of the subscription `default`, and is folded into it."""

    database: Annotated[
        Text,
        Meta(
            description=(
                "A path or `sqlite:///path` in a folder that is there, relative to the working folder, "
                "or `postgresql://user:password@host/name`."
            )
        ),
    ] = "drawbar.db"
    host: Annotated[Text, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one and says which.")] = 8000
    trusted_proxies: Annotated[
        tuple[Text, ...],
        Meta(
            description=(
                "Addresses or networks of reverse proxies whose `X-Forwarded-For` says who sent a request; "
                "empty means that the sender is whoever connected."
            ),
            examples=[["127.0.0.1", "10.0.0.0/8"]],
        ),
    ] = ()
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
        proxy_networks(self.trusted_proxies)
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
