"""The settings of a target of alerts."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from receiver.setting_types import Seconds, SecretReference, Text, Uuid
from schemas.alerts import ALL_TYPES, GROUPS, TYPES
from schemas.errors import at


class AlertTarget(Struct, frozen=True):
    """An address that is told of what happens, by messages that are signed by Standard Webhooks."""

    url: Annotated[
        Text,
        Meta(
            description="Address that messages are sent to, or `env:NAME` or `file:PATH` for it.",
            examples=["https://ops.example/hooks/drawbar"],
        ),
    ]
    secrets: Annotated[
        tuple[SecretReference, ...],
        Meta(
            min_length=1,
            description="Where the secrets `whsec_…` are that messages are signed with, as `env:NAME` or `file:PATH`; several "
            "while one is being rotated.",
            examples=[["env:ALERT_SECRET"]],
        ),
    ]
    events: Annotated[
        tuple[Text, ...],
        Meta(
            min_length=1,
            description="What to tell of: types such as `case.opened`, groups such as `pairing.*`, or `*` for everything.",
        ),
    ] = ("case.opened", "case.escalated", "pairing.*")
    organizations: Annotated[
        tuple[Uuid, ...], Meta(description="UUIDs of the organizations whose things to tell of; empty means all.")
    ] = ()
    timeout_s: Annotated[int, Meta(ge=1, le=300, description="How long an answer may take, in seconds.")] = 15
    attempts: Annotated[int, Meta(ge=1, le=1000, description="How often a message is sent before it becomes a dead letter.")] = 20
    retry_first_s: Annotated[
        Seconds, Meta(description="Pause after the first attempt that failed, in seconds; each one after it is twice as long.")
    ] = 5
    retry_longest_s: Annotated[Seconds, Meta(description="The longest of those pauses, in seconds.")] = 21_600
    parallel: Annotated[int, Meta(ge=1, le=64, description="Messages that are sent at a time, each about another unit.")] = 4
    allow_http: Annotated[bool, Meta(description="Send unencrypted too, to an `http://` address in a network of your own.")] = (
        False
    )

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "organizations", tuple(name.lower() for name in self.organizations))
        if self.retry_first_s > self.retry_longest_s:
            raise at("retry_first_s", "is longer than retry_longest_s")
        for name in self.events:
            if name not in {ALL_TYPES, *GROUPS, *TYPES}:
                raise at("events", f"there is no {name!r}; known are {', '.join((ALL_TYPES, *GROUPS, *TYPES))}")
