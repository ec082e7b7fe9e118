"""A provider's definition: read from its TOML file, and checked as a whole before anything is asked of anybody."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from handlers.rules.zones import zone_of
from receiver.pull.schedule import check_schedule
from receiver.pull.secrets import literal_problems
from receiver.pull.stream_checks import problems_of, stream_problems
from receiver.setting_types import is_local_address
from schemas.errors import InvalidInputError, Problem
from schemas.provider_access import Auth, ClientCredentialsAuth, Environment, EnvironmentName, PasswordAuth
from schemas.providers import Definition


class LoadedDefinition(msgspec.Struct, frozen=True):
    """A definition that can be used. `digest` names its exact text; relative secret files lie in `folder`."""

    definition: Definition
    digest: str
    folder: Path


def load_definition(path: Path) -> LoadedDefinition:
    """Read and check one file.

    Raises InvalidInputError: not readable, not TOML, an unknown or missing field, or anything that check_definition finds.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path.name} can't be read: {error.strerror}") from error
    return LoadedDefinition(parse_definition(text, path.name), hashlib.sha256(text).hexdigest()[:32], path.parent)


def parse_definition(text: bytes, name: str) -> Definition:
    """The checked definition of a TOML text; `name` stands before what is wrong with it."""
    try:
        definition = msgspec.toml.decode(text, type=Definition)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message, _, path = str(error).partition(" - at ")
        problem = Problem(path.strip("`") or "$", message)
        raise InvalidInputError(f"{name}: {message} - at {problem.path}", (problem,)) from error
    problems = check_definition(definition)
    if problems:
        summary = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise InvalidInputError(f"{name}: {summary}", tuple(problems))
    return definition


def check_definition(definition: Definition) -> list[Problem]:
    """All that is wrong with a definition beyond its shape; secrets are never shown."""
    return [
        *literal_problems(definition),
        *_environment_problems(definition),
        *(() if definition.time_zone is None else problems_of("$.time_zone", partial(zone_of, definition.time_zone))),
        *(() if definition.schedule is None else problems_of("$.schedule", partial(check_schedule, definition.schedule))),
        *stream_problems(definition),
    ]


def environment_of(definition: Definition, name: EnvironmentName) -> tuple[str, Auth]:
    """Base URL without a slash at its end, and credentials. Raises InvalidInputError if there is no such environment."""
    found = definition.environments.production if name == "production" else definition.environments.staging
    if found is None:
        raise InvalidInputError(f"the definition of {definition.name} states no environment {name}")
    return found.base_url.rstrip("/"), definition.auth if found.auth is None else found.auth


def _environment_problems(definition: Definition) -> Iterator[Problem]:
    environments = {"production": definition.environments.production, "staging": definition.environments.staging}
    for name, environment in environments.items():
        if environment is None:
            continue
        path = f"$.environments.{name}"
        yield from _url_problems(f"{path}.base_url", environment.base_url, environment)
        auth = definition.auth if environment.auth is None else environment.auth
        if isinstance(auth, (ClientCredentialsAuth, PasswordAuth)) and not auth.token_url.startswith("/"):
            yield from _url_problems(
                "$.auth.token_url" if environment.auth is None else f"{path}.auth.token_url", auth.token_url, environment
            )


def _url_problems(path: str, url: str, environment: Environment) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        yield Problem(path, "expected an absolute address such as https://api.example.com/v1")
        return
    if parts.scheme not in ("http", "https"):
        yield Problem(path, "expected https")
    elif parts.scheme == "http" and not is_local_address(url) and not environment.allow_http:
        yield Problem(path, "credentials would travel in the clear: use https, or state allow_http = true")
    if parts.username is not None or parts.password is not None:
        yield Problem(path, "credentials don't stand in an address")
    if parts.query or parts.fragment:
        yield Problem(path, "expected an address without a query or a fragment")
