"""The JSON body of a request, as the type that an operation takes."""

from collections.abc import Callable
from typing import TypeVar

from receiver.api.operation import Call
from receiver.api.problems import bad_request, unsupported_media_type
from receiver.body import read_body
from schemas.json_faults import DECODE_ERRORS, body_fault

Shape = TypeVar("Shape")

BYTES_MAX = 16 * 1024


async def read_json(
    call: Call, decode: Callable[[bytes], Shape], empty: Shape | None = None, bytes_max: int = BYTES_MAX
) -> Shape:
    """The body, decoded; `empty` is what no body at all stands for, if it stands for anything.

    Raises ProblemError: 400 with the path of the first fault, 413 beyond `bytes_max`, 415 for another type than JSON.
    """
    request = call.request
    body = await read_body(request, bytes_max, call.services.settings.limits.body_timeout_s)
    if not body and empty is not None:
        return empty
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type()
    try:
        return decode(body)
    except DECODE_ERRORS as error:
        problem = body_fault(error, body)
        raise bad_request(problem.message, problem.problems) from error
