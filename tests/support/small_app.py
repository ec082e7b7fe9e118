"""A small application with the receiver's outer parts: run as a program it is served like the real one, on a free port."""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator

import structlog
import uvloop
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from receiver.api.problems import exception_handlers
from receiver.body import read_body
from receiver.limit_settings import Limits
from receiver.logs import configure_logging
from receiver.middleware import RequestContext
from receiver.server import ServeError, serve
from receiver.settings import Settings
from receiver.stopping import stop_event

BODY_LIMIT = 100_000
log = structlog.get_logger()


async def _echo(request: Request) -> Response:
    """Say what came; what came whole is remembered."""
    body = await read_body(request, BODY_LIMIT, request.app.state.body_timeout_s)
    request.app.state.bodies.append(body)
    client = request.client.host if request.client else None
    return JSONResponse({"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "client": client})


async def _slow(_: Request) -> Response:
    log.warning("slow.begun")
    await asyncio.sleep(0.5)
    return PlainTextResponse("done")


async def _stuck(_: Request) -> Response:
    log.warning("stuck.begun")
    await asyncio.sleep(60)
    return PlainTextResponse("never")


async def _stream(_: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield b"begin\n"
        await stop_event().wait()
        yield b"end\n"

    return StreamingResponse(lines())


async def _broken(_: Request) -> Response:
    raise RuntimeError("a detail that nobody outside may see")


async def _half_broken(_: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield b"begin\n"
        raise RuntimeError("too late")

    return StreamingResponse(lines())


def small_app(body_timeout_s: float = 5, fail: str = "") -> Starlette:
    """The application; `fail` breaks its lifespan at the `start` or at the `end`."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if fail == "start":
            raise RuntimeError("no start")
        yield
        log.warning("lifespan.ended")
        if fail == "end":
            raise RuntimeError("no end")

    app = Starlette(
        routes=[
            Route("/echo", _echo, methods=["POST"]),
            Route("/slow", _slow),
            Route("/stuck", _stuck),
            Route("/stream", _stream),
            Route("/broken", _broken),
            Route("/half-broken", _half_broken),
        ],
        middleware=[Middleware(RequestContext)],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.state.bodies = []
    app.state.body_timeout_s = body_timeout_s
    return app


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    settings = Settings(host=options.get("host", "127.0.0.1"), port=options.get("port", 0), limits=Limits(graceful_timeout_s=2))
    configure_logging(settings.log)
    try:
        uvloop.run(serve(small_app(fail=options.get("fail", "")), settings))
    except ServeError as failed:
        sys.exit(failed.message)
