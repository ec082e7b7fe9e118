"""What tables of the settings refer to, such as secrets in variables and files, looked up for all of them at once."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from receiver.settings import SettingsError
from schemas.errors import InvalidInputError, Problem

Table = TypeVar("Table")
Found = TypeVar("Found")


def look_up_each(tables: Mapping[str, Table], look_up: Callable[[str, Table], Found]) -> dict[str, Found]:
    """What `look_up` gives for each table by its name. SettingsError with the problems of all that it refused."""
    problems: list[Problem] = []
    found: dict[str, Found] = {}
    for name, table in tables.items():
        try:
            found[name] = look_up(name, table)
        except InvalidInputError as error:
            problems += error.problems
    if problems:
        raise SettingsError("; ".join(f"{problem.path}: {problem.message}" for problem in problems), tuple(problems))
    return found
