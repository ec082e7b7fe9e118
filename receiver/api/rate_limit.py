"""How many requests a client may still make in this minute."""

import ipaddress
from typing import NamedTuple

from receiver.api.problems import ProblemError, too_many_requests

MINUTE_US = 60_000_000
# Addresses come from outside: beyond so many in one minute, those not seen yet share one allowance.
KEYS_MAX = 10_000
_SHARED = "others"
_V6_NETWORK_BITS = 64

Headers = list[tuple[bytes, bytes]]


class Allowance(NamedTuple):
    """What is left of a minute after a request; `reset_s` is when the next minute begins, in Unix seconds."""

    limit: int
    remaining: int
    reset_s: int
    exceeded: bool

    @property
    def headers(self) -> Headers:
        """`X-RateLimit-*`. Source: Scan2Evolve's error handling, "Rate limiting"."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset_s),
        ]

    def refusal(self, now_us: int) -> ProblemError:
        """The answer to a request beyond the limit."""
        return too_many_requests(f"more than {self.limit} requests in a minute", max(1, self.reset_s - now_us // 1_000_000))


class RateLimiter:
    """Counts requests by key in minutes of the clock. A limit of 0 is none."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._minute = 0
        self._counts: dict[str, int] = {}

    def take(self, key: str, now_us: int) -> Allowance | None:
        """Count one request; None where there is no limit."""
        return self._allowance(key, now_us, 1)

    def look(self, key: str, now_us: int) -> Allowance | None:
        """What `take` would say, without counting."""
        return self._allowance(key, now_us, 0)

    def _allowance(self, key: str, now_us: int, counted: int) -> Allowance | None:
        if self._limit == 0:
            return None
        minute = now_us // MINUTE_US
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        if key not in self._counts and len(self._counts) >= KEYS_MAX:
            key = _SHARED
        before = self._counts.get(key, 0)
        if counted:
            self._counts[key] = before + 1
        return Allowance(self._limit, max(0, self._limit - before - counted), (minute + 1) * 60, before >= self._limit)


def client_key(client_id: str) -> str:
    """The key of a client that proved who it is."""
    return f"client {client_id}"


def remote_key(host: str | None) -> str:
    """The key of who didn't: its address, or its network where one holder has them all (IPv6)."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return f"remote {host}"
    if isinstance(address, ipaddress.IPv6Address):
        return f"remote {ipaddress.ip_network((address, _V6_NETWORK_BITS), strict=False)}"
    return f"remote {address}"
