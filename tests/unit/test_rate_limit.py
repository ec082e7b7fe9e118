"""Allowances by key and minute, bounded whatever the keys are."""

import pytest

from receiver.api import rate_limit
from receiver.api.rate_limit import RateLimiter, client_key, remote_key

MINUTE = 60_000_000


def test_an_allowance_counts_down_and_comes_back() -> None:
    """Each request takes one; looking takes none; the next minute of the clock starts anew."""
    limiter = RateLimiter(2)
    seen = [limiter.take("a", 5 * MINUTE + n) for n in range(3)]
    assert [(one.remaining, one.exceeded, one.reset_s) for one in seen if one] == [
        (1, False, 360),
        (0, False, 360),
        (0, True, 360),
    ]
    look = limiter.look("b", 5 * MINUTE)
    assert look is not None
    assert (look.remaining, look.exceeded) == (2, False)
    fresh = limiter.take("a", 6 * MINUTE)
    assert fresh is not None
    assert (fresh.remaining, fresh.reset_s) == (1, 420)


def test_retry_after_is_until_the_next_minute() -> None:
    """A refusal says how many seconds are left, at least one."""
    limiter = RateLimiter(1)
    for now_us, seconds in ((0, "60"), (MINUTE - 1, "1")):
        allowance = limiter.take("a", now_us)
        assert allowance is not None
        assert (allowance.refusal(now_us).headers or {})["Retry-After"] == seconds


def test_no_limit() -> None:
    """A limit of 0 is none."""
    assert RateLimiter(0).take("a", 0) is None


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound, keys that weren't seen in this minute share one allowance; those that were keep theirs."""
    monkeypatch.setattr(rate_limit, "KEYS_MAX", 2)
    limiter = RateLimiter(5)
    remaining = [limiter.take(key, 0) for key in ("a", "b", "c", "d", "a", "e")]
    assert [one.remaining for one in remaining if one] == [4, 4, 4, 3, 3, 2]
    assert len(limiter._counts) == 3


def test_keys_of_addresses() -> None:
    """An IPv4 address is one key, an IPv6 network another, and no client can have the key of an address."""
    assert remote_key("192.0.2.1") != remote_key("192.0.2.2")
    assert remote_key("2001:db8::1") == remote_key("2001:db8::ffff:1") != remote_key("2001:db8:0:1::1")
    assert remote_key(None) == remote_key(None) != client_key("None")
    assert remote_key("testclient") != remote_key("192.0.2.1")
