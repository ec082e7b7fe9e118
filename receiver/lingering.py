"""Ends a connection so that the client can still read its answer."""

import asyncio
from typing import Any

LINGER_S = 2


class LingeringTransport(asyncio.Transport):
    """A transport whose `close`, while `unread` is set, ends only our side at first.

    A socket that is closed with bytes unread resets the connection, and many clients then report the reset instead of the answer
    that came before it (a 413, say). So our side ends, what still comes is thrown away, and the socket is closed when the client
    has ended its side or after two seconds. Source: RFC 9112, section 9.6.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._lingering = False
        self.unread = False

    def close(self) -> None:
        """End the connection, gently if the client may still be sending."""
        if not self.unread or self._lingering or self._transport.is_closing():
            self._transport.close()
            return
        self._lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_S, self._transport.close)

    def close_now(self) -> None:
        """End the connection at once."""
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is at its end, or was told to be."""
        return self._lingering or self._transport.is_closing()

    def write(self, data: Any) -> None:  # noqa: ANN401 - as the transport below takes it
        """Send bytes, unless our side has ended."""
        if not self._lingering:
            self._transport.write(data)

    def pause_reading(self) -> None:
        """Take in no more for now; while lingering, everything is taken in and thrown away."""
        if not self._lingering:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take in what comes."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the transport below has it
        """Facts about the connection."""
        return self._transport.get_extra_info(name, default)
