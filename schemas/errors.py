"""One root for every error that the software raises on purpose, so that each layer can tell its own faults from others'."""

from msgspec import Struct


class Problem(Struct, frozen=True, gc=False):
    """One fault in an input: where it stands (a JSON path such as `$.assets[3].name`) and what is wrong with it."""

    path: str
    message: str


class DrawbarError(Exception):
    """Root of the errors raised on purpose. `message` is one line for a person; `problems` name the places in the input."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems


class InvalidInputError(DrawbarError):
    """The input breaks a rule; `problems` says where."""


class NotFoundError(DrawbarError):
    """The thing asked for doesn't exist, or belongs to another organization, which looks the same from outside."""


class ConflictError(DrawbarError):
    """The request contradicts what is stored."""


class StoreUnavailableError(DrawbarError):
    """The store can't take or give anything right now: locked, full, gone, or shutting down. Trying again can help."""


def at(path: str, message: str) -> InvalidInputError:
    """An error about one place of an input."""
    return InvalidInputError(f"{message} - at {path}", (Problem(path, message),))
