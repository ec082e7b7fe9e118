"""When a provider is pulled.

Source: "API integration requirements", schedule: daily, weekly, monthly, or a cron expression.
"""

from datetime import time
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from schemas.provider_access import Tagged


class Daily(Tagged, frozen=True, tag="daily"):
    """Every day at a local time."""

    at: time
    time_zone: str = "UTC"


class Weekly(Tagged, frozen=True, tag="weekly"):
    """Once a week at a local time."""

    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    at: time
    time_zone: str = "UTC"


class Monthly(Tagged, frozen=True, tag="monthly"):
    """Once a month; days that some month lacks are left to `last`. The default is the 1st at 02:00 UTC."""

    day: Annotated[int, Meta(ge=1, le=28)] | Literal["last"] = 1
    at: time = time(2, 0)
    time_zone: str = "UTC"


class Cron(Tagged, frozen=True, tag="cron"):
    """Five fields as in Debian's cron."""

    expression: str
    time_zone: str = "UTC"


Schedule: TypeAlias = Daily | Weekly | Monthly | Cron
