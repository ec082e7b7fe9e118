"""Serves an application: one socket, one process, and an orderly end."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from receiver.guarded_http import guarded_http
from receiver.proxies import proxy_networks
from receiver.settings import Settings
from receiver.stopping import stop_event
from schemas.errors import DrawbarError

log = structlog.get_logger()

BACKLOG = 2048
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ServeError(DrawbarError):
    """The service could not start, or not end in order."""


class Server(uvicorn.Server):
    """uvicorn's server, ended by a signal or by `stop_event`, which is set in either case before anything else happens.

    uvicorn raises a signal again once it has ended, so that the process would die of it and what comes after never run.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT while serving; a second SIGINT doesn't wait for requests under way."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        log.info("service.stopping", signal=signal.Signals(number).name)
        stop_event().set()
        self.handle_exit(number, None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, listen, and say so."""
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        return stop_event().is_set() or await super().on_tick(counter)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on the first address of `host`, IPv4 before IPv6; `::` takes in IPv4 too. Raises ServeError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        dual = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=dual)
    except (OSError, UnicodeError) as error:
        raise ServeError(f"can't listen on {host} port {port}: {getattr(error, 'strerror', None) or error}") from error


def url_of(sock: socket.socket) -> str:
    """Where a listening socket is reached, an IPv6 address in brackets."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if sock.family == socket.AF_INET6 else f"http://{host}:{port}"


async def serve(app: ASGIApp, settings: Settings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or `stop_event`; then take no more, let requests under way end, and shut the application down.

    Once the application has started, `listening on URL` is printed on standard output and `on_ready` is called with the URL.
    Raises ServeError if the address can't be had, the application doesn't start, or it doesn't end in order.
    """
    limits = settings.limits
    stop_event().clear()
    with contextlib.closing(listen(settings.host, settings.port)) as sock:
        url = url_of(sock)

        def announce() -> None:
            log.info("service.listening", url=url)
            sys.stdout.write(f"listening on {url}\n")
            sys.stdout.flush()
            if on_ready:
                on_ready(url)

        config = uvicorn.Config(
            app,
            http=guarded_http(limits),
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=proxy_networks(settings.trusted_proxies),
            backlog=BACKLOG,
            timeout_keep_alive=limits.keep_alive_s,
            timeout_graceful_shutdown=limits.graceful_timeout_s,
        )
        server = Server(config, announce)
        try:
            await server.serve(sockets=[sock])
        except SystemExit as error:
            raise ServeError("the service could not start; the log says why") from error
        if server.lifespan.should_exit or getattr(server.lifespan, "error_occurred", False):
            raise ServeError("the service did not end in order; the log says why")
        log.info("service.stopped")
