"""The settings of what the service is seen by and stands on: names in the console, the log, the connections to PostgreSQL."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from receiver.setting_types import Count, Text
from schemas.errors import at


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
