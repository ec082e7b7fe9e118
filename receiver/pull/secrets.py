"""References to secrets: where a definition may have them, where it must, and what they stand for."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from receiver.secret import Secret
from schemas.errors import InvalidInputError, Problem, at
from schemas.provider_access import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    EnvironmentName,
    PasswordAuth,
)
from schemas.providers import Definition

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*\Z|file:.+\Z", re.DOTALL)
# Names under which a literal value would be a secret.
_TELLING_NAME = re.compile(
    r"authorization|cookie|secret|passw|token|(api|access|auth|subscription|function)s?[-_]?key|credential|signature|assertion"
    r"|(^|[-_])(auth|key|pwd|sig|session)($|[-_])",
    re.IGNORECASE,
)
LITERAL = "expected env:NAME or file:PATH: a secret doesn't stand in a definition"


class Place(NamedTuple):
    """A text of the definition that may refer to a secret; `only` says that it must."""

    path: str
    text: str
    only: bool


def is_reference(text: str) -> bool:
    """Whether a text names a secret."""
    return _REFERENCE.match(text) is not None


def places(definition: Definition, environment: EnvironmentName | None = None) -> Iterator[Place]:
    """All places for secrets of a definition, or of what one of its environments uses."""
    environments = {"production": definition.environments.production, "staging": definition.environments.staging}
    for name, found in environments.items():
        if found is not None and found.auth is not None and environment in (None, name):
            yield from _auth_places(f"$.environments.{name}.auth", found.auth)
    chosen = environments[environment] if environment else None
    if chosen is None or chosen.auth is None:
        yield from _auth_places("$.auth", definition.auth)
    yield from _table_places("$.headers", definition.headers)
    for name, stream in definition.streams.items():
        yield from _table_places(f"$.streams.{name}.query", stream.query)


def _auth_places(path: str, auth: Auth) -> Iterator[Place]:
    match auth:
        case ApiKeyAuth():
            yield Place(f"{path}.value", auth.value, only=True)
        case BasicAuth():
            yield Place(f"{path}.username", auth.username, only=False)
            yield Place(f"{path}.password", auth.password, only=True)
        case BearerAuth():
            yield Place(f"{path}.token", auth.token, only=True)
        case ClientCredentialsAuth() | PasswordAuth():
            yield Place(f"{path}.client_id", auth.client_id, only=False)
            if auth.client_secret is not None:
                yield Place(f"{path}.client_secret", auth.client_secret, only=True)
            if isinstance(auth, PasswordAuth):
                yield Place(f"{path}.username", auth.username, only=False)
                yield Place(f"{path}.password", auth.password, only=True)
            yield from _table_places(f"{path}.token_parameters", auth.token_parameters)


def _table_places(path: str, table: Mapping[str, str]) -> Iterator[Place]:
    for name, text in table.items():
        yield Place(f"{path}.{name}", text, only=_TELLING_NAME.search(name) is not None)


class Secrets:
    """What the references of one environment stand for."""

    def __init__(self, resolved: Mapping[str, Secret]) -> None:
        self._resolved = resolved

    def reveal(self, text: str) -> str:
        """The value of a text that may be a reference; other texts stand for themselves."""
        secret = self._resolved.get(text)
        return text if secret is None else secret.reveal()

    def values(self) -> list[str]:
        """All secret values, to be redacted."""
        return [secret.reveal() for secret in self._resolved.values()]


def resolve_secrets(definition: Definition, environment: EnvironmentName, environ: Mapping[str, str], folder: Path) -> Secrets:
    """Look up every reference of an environment; relative files lie beside the definition, in `folder`.

    Raises InvalidInputError whose problems name each variable or file that is missing or empty; never a value.
    """
    resolved: dict[str, Secret] = {}
    problems: list[Problem] = []
    for place in places(definition, environment):
        if is_reference(place.text):
            try:
                resolved[place.text] = resolve_reference(place.text, place.path, environ, folder)
            except InvalidInputError as error:
                problems += error.problems
    if problems:
        raise InvalidInputError("; ".join(f"{problem.path}: {problem.message}" for problem in problems), tuple(problems))
    return Secrets(resolved)


def resolve_reference(reference: str, path: str, environ: Mapping[str, str], folder: Path) -> Secret:
    """What one reference stands for. Raises InvalidInputError that names `path`, and the variable or file that is at fault."""
    kind, name = reference.split(":", 1)
    if kind == "env":
        value = environ.get(name, "")
        if not value:
            raise at(path, f"the environment variable {name} is not set")
        return _usable(value, path, f"the environment variable {name}")
    try:
        value = (folder / name).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise at(path, f"the file {name} can't be read: {type(error).__name__}") from error
    if not value:
        raise at(path, f"the file {name} is empty")
    return _usable(value, path, f"the file {name}")


def _usable(value: str, path: str, source: str) -> Secret:
    """No header can carry a control character, such as a line break in the middle."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise at(path, f"{source} holds a control character")
    return Secret(value)


def literal_problems(definition: Definition) -> list[Problem]:
    """The places where a secret stands in the definition itself, without showing it."""
    return [Problem(place.path, LITERAL) for place in places(definition) if place.only and not is_reference(place.text)]
