"""Takes a request's body in, up to a limit and within a time."""

import asyncio
import contextlib
import re

from starlette.requests import Request

from receiver.api.problems import ProblemError, bad_request, too_large, unavailable

_LENGTH = re.compile(r"[0-9]{1,18}")


async def read_body(request: Request, limit: int, timeout_s: float | None = None) -> bytes:
    """The body of a request, at most `limit` bytes, arriving within `timeout_s` seconds (None waits as long as the client does).

    Raises ProblemError: 413 once more than the limit is announced or has come, without taking in the rest; 400 for a bad
    Content-Length; 503 after the time, since the sender of a webhook gives up for good on a 4xx. Raises ClientDisconnect if the
    client goes away before the end, and then nothing of the body is kept.
    """
    announced = request.headers.getlist("content-length")
    if any(not _LENGTH.fullmatch(length) for length in announced) or len(set(announced)) > 1:
        raise bad_request("Content-Length is not a number")
    if announced and int(announced[0]) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s), contextlib.aclosing(request.stream()) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise _late(timeout_s) from None
    return b"".join(chunks)


def _late(timeout_s: float | None) -> ProblemError:
    problem = unavailable(f"the body did not arrive within {timeout_s} s")
    problem.headers = {**(problem.headers or {}), "Connection": "close"}
    return problem
