"""What is asked for one stream: its chunks of time, and the walk through the pages of each."""

from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import quote

from msgspec import Struct

from handlers.rules.windows import GapError, advance, look_back_us, plan_windows, render_time, render_window
from handlers.rules.zones import zone_of
from receiver.pull.client import ProviderClient
from receiver.pull.errors import ProviderError
from receiver.pull.mapping import ParentValues
from receiver.pull.pages import PageWalk, records_of
from receiver.pull.stream_checks import PLACEHOLDER
from schemas.provider_pagination import NoPagination
from schemas.providers import Definition


class Chunk(Struct, frozen=True):
    """The parameters of one request's span, and the watermark once it is stored; None where the stream has none."""

    parameters: dict[str, str]
    watermark_us: int | None


class StreamRequests:
    """Asks for one stream, in one run that began at `started_us`."""

    def __init__(
        self, definition: Definition, name: str, client: ProviderClient, watermarks: Mapping[str, int], started_us: int
    ) -> None:
        stream = definition.streams[name]
        self._name, self._stream, self._client, self._watermarks, self._started_us = name, stream, client, watermarks, started_us
        self._format = definition.format
        own = None if stream.date_range is None else stream.date_range.time_zone
        self._zone = zone_of(own or definition.time_zone or "UTC")
        # Only what the definition itself says can stand for a secret, never what a provider answered.
        self._query = {name: client.reveal(text) for name, text in stream.query.items()}

    def chunks(self, scope: str) -> Iterator[Chunk]:
        """The spans to ask for, oldest first. Raises ProviderError where one would leave a gap behind the watermark."""
        watermark_us = self._watermarks.get(scope)
        if self._stream.date_range is not None:
            wanted = self._stream.date_range
            for window in plan_windows(wanted, self._zone, watermark_us, self._started_us):
                try:
                    watermark_us = advance(watermark_us, window)
                except GapError as error:
                    raise ProviderError(error.message) from error
                yield Chunk(render_window(wanted, self._zone, window), watermark_us)
        elif self._stream.updated_since is not None:
            since = self._stream.updated_since
            parameters = {}
            if watermark_us is not None:
                parameters[since.parameter] = render_time(
                    since.format, self._zone, look_back_us(watermark_us, since.look_back_days)
                )
            yield Chunk(parameters, max(self._started_us, watermark_us or 0))
        else:
            yield Chunk({}, None)

    def walk(self, values: ParentValues, chunk: Chunk) -> PageWalk:
        """The pages of one chunk; path parameters are encoded, so that none can lead elsewhere."""
        stream = self._stream
        address = PLACEHOLDER.sub(lambda match: quote(values.parameters[match[1]], safe=""), stream.path or "")
        ask = partial(self._client.get, stream=self._name, not_found=stream.not_found == "empty")
        read = partial(records_of, path=stream.records, format_=self._format)
        return PageWalk(ask, read, stream.pagination or NoPagination(), address, self._query | chunk.parameters)
