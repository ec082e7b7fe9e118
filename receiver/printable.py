"""Text that can't steer a terminal: what was received can hold anything, escape sequences among it."""


def printable(value: object) -> str:
    """A value as text in which every control character is shown by its escape; None is a dash."""
    text = "-" if value is None else str(value)
    return text if text.isprintable() else "".join(map(_visible, text))


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay."""
    return "\n".join(map(printable, text.split("\n")))


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
