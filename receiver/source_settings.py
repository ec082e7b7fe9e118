"""The settings of what brings events: webhook subscriptions and feeds."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from receiver.secret import Secret, webhook_key
from receiver.setting_types import Seconds, SecretReference, Text, Uuid, is_safe_address
from schemas.errors import at

# A field name of RFC 9110, section 5.1.
HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]
FEED_URL = "https://feed.api.eu1.scalar.zf.com"
FEED_TOKEN_URL = "https://auth.api.eu1.scalar.zf.com/v1/integrators/token"  # noqa: S105 - an address


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
