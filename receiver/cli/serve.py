"""`drawbar serve`: the service."""

from typing import Annotated

import msgspec
import structlog
import typer

from receiver.cli.common import ConfigOption, opened, run, settings_of
from receiver.safety import check_signing
from receiver.server import serve as serve_app
from receiver.settings import Settings

log = structlog.get_logger()

HostOption = Annotated[str | None, typer.Option(help="Address to listen on, instead of the setting.")]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def serve(
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    *,
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="Take deliveries without a signature; on a loopback address only.")
    ] = False,
) -> None:
    """Receive Datahub deliveries and answer queries until interrupted."""
    settings = settings_of(config)
    settings = _with(settings, host=host, port=port, allow_unsigned=allow_unsigned or None)
    check_signing(settings)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from receiver.app import create_app  # noqa: PLC0415 - other commands needn't load all of the service

    # A database that can't be had is told in one line here; once the service has begun to start, it takes a traceback.
    async with opened(settings) as (database, _):
        for name in await database.migrate():
            log.info("migration.applied", name=name)
    await serve_app(create_app(settings), settings)


def _with(settings: Settings, **changes: object) -> Settings:
    given = {name: value for name, value in changes.items() if value is not None}
    return msgspec.structs.replace(settings, **given) if given else settings
