"""What must hold before the service may listen, and which texts must never be written anywhere."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import unquote

from msgspec import Struct

from receiver.secret import Secret, database_password
from receiver.settings import Settings, SettingsError
from schemas.errors import Problem


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_signing(settings: Settings) -> None:
    """Refuse to serve deliveries that nobody signed.

    Raises SettingsError unless every subscription has a secret, or unsigned ones are allowed and only this machine can send.
    Who reads feeds alone needs no subscription; there is no webhook then.
    """
    if settings.allow_unsigned:
        if not is_loopback(settings.host):
            raise _fault("host", f"--allow-unsigned needs a loopback address, not {settings.host!r}")
        return
    if not settings.subscriptions and not settings.feeds:
        raise _fault("webhook_secret", "no webhook secret: set DRAWBAR_WEBHOOK_SECRET, or run `drawbar init`")
    for name, subscription in settings.subscriptions.items():
        if not subscription.secrets:
            raise _fault(f"subscriptions.{name}.secrets", "this subscription has no secret")


def _fault(key: str, message: str) -> SettingsError:
    return SettingsError(f"{key}: {message}", (Problem(key, message),))


def secret_values(settings: Settings) -> frozenset[str]:
    """Every secret text in the settings, in each form in which it could come up, for the log to leave out."""
    values = {secret.reveal() for secret in _secrets(settings)}
    for subscription in settings.subscriptions.values():
        if subscription.require_basic:
            values.add(subscription.require_basic.reveal().partition(":")[2])
    if password := database_password(settings.database):
        values |= {password, unquote(password)}
    return frozenset(values | {value.removeprefix("whsec_") for value in values}) - {""}


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets(item)
