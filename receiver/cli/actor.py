"""In whose name a command says something, and with how many words."""

import getpass
from typing import Annotated

import typer

ACTOR_CHARACTERS_MAX = 200
_NOBODY = "command line"

ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so; else the user of this shell.")]


def actor_of(by: str | None) -> str:
    """The name that stands under what is said. BadParameter: it is empty or too long."""
    if by is None:
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):  # a user without a name, as in a container
            return _NOBODY
    if not 0 < len(by.strip()) <= ACTOR_CHARACTERS_MAX:
        raise typer.BadParameter(f"expected 1 to {ACTOR_CHARACTERS_MAX} characters", param_hint="--by")
    return by.strip()


def check_length(text: str, longest: int, option: str) -> None:
    """BadParameter that names the option: the text is too long."""
    if len(text) > longest:
        raise typer.BadParameter(f"is longer than {longest} characters", param_hint=option)
