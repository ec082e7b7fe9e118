"""Ids, secrets and tokens of API clients: how they are made, and how they are kept.

Secrets are kept as argon2id hashes, tokens, which are 256 random bits, as their SHA-256.
"""

import hashlib
import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The least that the OWASP Password Storage Cheat Sheet asks of argon2id: 19 MiB, two passes, one lane. Our own secrets are
# random; the bound on what a flood of wrong ones can cost matters more than the price of guessing.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
TOKEN = re.compile(r"se_[0-9a-f]{64}\Z")


def new_client_id() -> str:
    """`cl_` and 24 hex digits."""
    return f"cl_{secrets.token_hex(12)}"


def new_secret() -> str:
    """`cs_` and 64 hex digits: 256 random bits."""
    return f"cs_{secrets.token_hex(32)}"


def new_token() -> str:
    """`se_` and 64 hex digits. Source: Scan2Evolve's authentication, "Bearer token"."""
    return f"se_{secrets.token_hex(32)}"


def token_hash(token: str) -> str:
    """The SHA-256 of a token in hex, which is all that is kept of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_secret(secret: str) -> str:
    """The argon2id hash of a secret, with its parameters and salt. It takes tens of milliseconds: call it in a thread."""
    return _hasher.hash(_bytes(secret))


def verify_secret(secret_hash: str, secret: str) -> bool:
    """Whether a hash was made from this secret; False for a text that is no hash. Costs as much as making one."""
    try:
        return _hasher.verify(secret_hash, _bytes(secret))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(secret: str) -> bytes:
    """A secret from the environment can hold bytes that are no UTF-8."""
    return secret.encode("utf-8", "surrogateescape")
