"""Reads the settings: one TOML file, and the environment, which wins. Every fault is found at once, and names its key."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from receiver import settings_keys as keys
from receiver.secret import secret_hook
from receiver.settings import DEFAULT_SUBSCRIPTION, Settings, SettingsError
from schemas.errors import InvalidInputError, Problem

CONFIG_VARIABLE = "DRAWBAR_CONFIG"
DEFAULT_FILE = Path("drawbar.toml")

# Two names for one thing: what the environment sets under one of them replaces the other in the file.
SAME = {
    ("webhook_secret",): ("subscriptions", DEFAULT_SUBSCRIPTION, "secrets"),
    ("subscriptions", DEFAULT_SUBSCRIPTION, "secrets"): ("webhook_secret",),
}

_Table = TypeVar("_Table", bound=Struct)


class _Given(NamedTuple):
    """A value as it was given: by the file, or as the text of an environment variable."""

    value: Any
    variable: str | None = None


def config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the one given, else that of DRAWBAR_CONFIG, else ./drawbar.toml if it exists, else None."""
    if config is not None:
        return config
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file (see `config_path`) and the environment (that of the process unless given).

    Raises SettingsError with a problem for each fault: a file that can't be read, an unknown key or variable, a value of the
    wrong type or out of bounds. An empty variable counts as not set.
    """
    environ = os.environ if environ is None else environ
    path = config_path(config, environ)
    problems: list[Problem] = []
    given = dict(_flat(_read(path) if path else {}, (), problems))
    given = _overlay(given, dict(_environment(environ, given, problems)))
    values = dict(_converted(given, problems))
    settings = None if problems else _assemble(Settings, values, (), problems)
    if settings is None:
        faults = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        in_file = path and not all(problem.path.startswith(keys.PREFIX) for problem in problems)
        raise SettingsError(f"{path}: {faults}" if in_file else faults, tuple(problems))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        message = error.strerror or str(error)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"not TOML: {error}"
    raise SettingsError(f"{path}: {message}", (Problem(str(path), message),))


def _flat(table: dict[str, Any], above: keys.KeyPath, problems: list[Problem]) -> Iterator[tuple[keys.KeyPath, _Given]]:
    """Each key of the file with its value; a table without keys stands for itself."""
    for name, value in table.items():
        path = (*above, name)
        if keys.find_key(path):
            yield path, _Given(value)
        elif not keys.is_table(path):
            problems.append(Problem(".".join(path), f"unknown key, the nearest known one is {keys.nearest_key(path)}"))
        elif not isinstance(value, dict):
            problems.append(Problem(".".join(path), "expected a table"))
        elif value:
            yield from _flat(value, path, problems)
        else:
            yield path, _Given(value)


def _environment(
    environ: Mapping[str, str], file: Mapping[keys.KeyPath, _Given], problems: list[Problem]
) -> Iterator[tuple[keys.KeyPath, _Given]]:
    """Each key that the environment sets. A name chosen by the user is spelled as in the file, else in lower case."""
    for name in sorted(environ):
        if not name.startswith(keys.PREFIX) or name == CONFIG_VARIABLE or not environ[name]:
            continue
        found = keys.find_by_variable(name)
        if found is None:
            nearest = keys.nearest(name, (keys.variable(key.path) for key in keys.all_keys()))
            problems.append(Problem(name, f"unknown variable, the nearest known one is {nearest}"))
            continue
        (path, *_), named = found
        if named is not None:
            table = path[: path.index(keys.NAME)]
            known = {other[len(table)] for other in file if other[: len(table)] == table and len(other) > len(table)}
            spelled = sorted(own for own in known if keys.variable((own,)) == keys.PREFIX + named)
            if len(spelled) > 1:
                problems.append(Problem(name, f"can mean {' or '.join(spelled)}: set this key in the file"))
            path = (*table, spelled[0] if spelled else named.lower(), *path[len(table) + 1 :])
        yield path, _Given(environ[name], name)


def _overlay(file: dict[keys.KeyPath, _Given], environment: dict[keys.KeyPath, _Given]) -> dict[keys.KeyPath, _Given]:
    replaced = {SAME[path] for path in environment if path in SAME}
    return {path: value for path, value in file.items() if path not in replaced} | environment


def _converted(given: dict[keys.KeyPath, _Given], problems: list[Problem]) -> Iterator[tuple[keys.KeyPath, Any]]:
    """Each value in the type of its key."""
    for path, (value, variable) in given.items():
        key = keys.find_key(path)
        if key is None:
            yield path, value
            continue
        try:
            yield path, _convert(key, value, lax=variable is not None)
        except msgspec.ValidationError as error:
            problems.append(Problem(variable or ".".join(path), _fault(key, str(error), text=variable is not None)))


def _convert(key: keys.Key, value: Any, *, lax: bool) -> Any:  # noqa: ANN401 - the type is the key's
    """A text where a list belongs holds its items, separated by commas."""
    if key.is_list and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    return msgspec.convert(value, key.annotation, strict=not lax, dec_hook=secret_hook)


def _fault(key: keys.Key, message: str, *, text: bool) -> str:
    """The message of msgspec for a setting: a choice names what can be chosen, and every variable is text to begin with."""
    if message.startswith("Invalid enum value"):
        return f"expected {' or '.join(key.choices)}"
    message = message[0].lower() + message[1:]
    return message.removesuffix(", got `str`") if text else message


def _assemble(
    table: type[_Table], values: Mapping[keys.KeyPath, Any], above: keys.KeyPath, problems: list[Problem]
) -> _Table | None:
    """The struct of a table; None after a problem, whose path is the key."""
    before = len(problems)
    members: dict[str, Any] = {}
    for field, shape in keys.fields(table):
        path = (*above, field.name)
        below = [other for other in values if other[: len(path)] == path]
        if not below:
            if field.required:
                problems.append(Problem(".".join(path), "is missing"))
            continue
        if shape.named:
            names = dict.fromkeys(other[len(path)] for other in below if len(other) > len(path))
            members[field.name] = {name: _member(shape, values, (*path, name), problems) for name in names}
        else:
            members[field.name] = _member(shape, values, path, problems)
    if len(problems) > before:
        return None
    try:
        return table(**members)
    except InvalidInputError as error:
        problems += (Problem(".".join((*above, problem.path)), problem.message) for problem in error.problems)
        return None


def _member(shape: keys.Shape, values: Mapping[keys.KeyPath, Any], path: keys.KeyPath, problems: list[Problem]) -> Any:  # noqa: ANN401
    return _assemble(shape.table, values, path, problems) if shape.table else values[path]
