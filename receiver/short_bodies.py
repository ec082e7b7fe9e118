"""As much of an answer's body as is worth reading: what a refusal says, or what a status that is understood leaves unsaid."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2


async def beginning(parts: AsyncIterator[bytes], bytes_max: int, seconds: float) -> bytes:
    """What comes of a body within the time and up to so many bytes; less where it is cut short or can't be decoded."""
    body = bytearray()
    with suppress(httpx2.RequestError, TimeoutError):
        async with asyncio.timeout(seconds):
            async for part in parts:
                body += part
                if len(body) > bytes_max:
                    break
    return bytes(body[:bytes_max])
