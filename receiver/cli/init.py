"""`drawbar init`: a settings file with fresh secrets, a database, and the first API client."""

import os
from pathlib import Path

import typer

from handlers.clients import OPERATOR_ID, ensure_operator
from receiver.cli.common import ConfigOption, opened_store, run
from receiver.cli.output import say, warn
from receiver.logs import configure_logging
from receiver.safety import secret_values
from receiver.secret import shown_database
from receiver.settings import Settings
from receiver.settings_file import DEFAULT_FILE, config_path, load_settings
from receiver.settings_text import fresh_config
from receiver.wiring import now_us
from schemas.errors import InvalidInputError

OWNER_ALONE = 0o600
SECRETS = ("DRAWBAR_WEBHOOK_SECRET", "DRAWBAR_OPERATOR_SECRET")

NEXT = """
Next:
  1. drawbar serve{option}
  2. In Datahub, create a webhook subscription to https://YOUR-HOST/webhooks/datahub/default with the secret that
     stands in {path} as webhook_secret. TLS is the business of the proxy in front of the service.
  3. Ask who is on what, with the secret that stands there as operator_secret:
     curl -u {operator} 'http://{host}:{port}/api/v1/units'"""


def init(config: ConfigOption = None) -> None:
    """Write a commented settings file with fresh secrets, make the database, and tell what to do next.

    A file that is there already is never touched.
    """
    path = config_path(config, os.environ) or DEFAULT_FILE
    _write(path, fresh_config())
    try:
        settings = load_settings(path)
        configure_logging(settings.log, secret_values(settings))
        run(_prepare(settings))
    except BaseException:
        path.unlink()  # so that the same command can be given again once its trouble is over
        raise
    say(f"wrote {path} with fresh secrets, readable by you alone")
    say(f"the database {shown_database(settings.database)} is ready, with the API client {OPERATOR_ID}")
    for variable in SECRETS:
        if os.environ.get(variable):
            warn(f"{variable} is set, and wins over what stands in {path}")
    option = "" if path == DEFAULT_FILE or not config else f" --config {path}"
    say(NEXT.format(option=option, path=path, operator=OPERATOR_ID, host=settings.host, port=settings.port))


def _write(path: Path, text: str) -> None:
    """Write a new file that only its owner can read. InvalidInputError: it is there already, or can't be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except FileExistsError as error:
        raise InvalidInputError(f"{path} exists already, and is not touched") from error
    except OSError as error:
        raise InvalidInputError(f"can't write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, OWNER_ALONE)  # whatever the process's umask takes away
        file.write(text)
        file.flush()
        os.fsync(descriptor)


async def _prepare(settings: Settings) -> None:
    async with opened_store(settings, make=True) as store:
        if settings.operator_secret is None:
            raise typer.BadParameter("operator_secret is unset by the environment")
        await ensure_operator(store, settings.operator_secret.reveal(), now_us())
