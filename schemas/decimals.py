"""Exact decimals: a JSON number keeps each of its digits, from the request to the answer.

A number is refused, with its path, when it is not a JSON number at all (a string, `true`) or when it has more than
`DIGITS_MAX` digits before or after the decimal point, trailing zeros not counted. Inside, a value is canonical: no exponent,
no trailing zeros, no negative zero, so that equal numbers have equal texts.
"""

import decimal
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

DIGITS_MAX = 30
# Wide enough for a value times a number of microseconds; anything that would have to be rounded raises instead.
EXACT = Context(prec=160, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
_ONE = Decimal(1)
_BOUND = 10**DIGITS_MAX
_OUT_OF_BOUNDS = f"Number out of bounds: at most {DIGITS_MAX} digits before and {DIGITS_MAX} after the decimal point"

_Shape = TypeVar("_Shape")

if TYPE_CHECKING:
    Number = Decimal
else:

    class _IsDecimal(type):
        """msgspec checks what a hook returns with isinstance: a plain Decimal passes for a Number."""

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, Decimal)

    class Number(metaclass=_IsDecimal):
        """A JSON number in a message. msgspec's own Decimal would take strings such as "NaN" as well."""


def exact(number: Decimal) -> Decimal:
    """The canonical form of a finite decimal. Raises ValueError beyond the bound on digits."""
    if number.adjusted() >= DIGITS_MAX and number:
        raise ValueError(_OUT_OF_BOUNDS)
    try:
        value = EXACT.normalize(EXACT.plus(number))
    except decimal.Inexact:
        raise ValueError(_OUT_OF_BOUNDS) from None
    if value.same_quantum(_ONE):
        return value
    if value == value.to_integral_value():
        return EXACT.quantize(value, _ONE)
    if len(format(value, "f").partition(".")[2]) > DIGITS_MAX:
        raise ValueError(_OUT_OF_BOUNDS)
    return value


def decimal_text(value: Decimal) -> str:
    """Plain notation, as in a column or a message: `25000.1`, never `2.5E+4`."""
    return format(value, "f")


def decode_hook(shape: Any, value: Any) -> Decimal:  # noqa: ANN401 - msgspec hands over whatever type and value it met
    """Msgspec's dec_hook for Number. Raises TypeError or ValueError, to which msgspec adds the path."""
    if shape is not Number:
        raise NotImplementedError(f"no decoder for {shape}")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"Expected `number`, got `{_JSON_NAMES[type(value)]}`")
    if isinstance(value, int) and -_BOUND < value < _BOUND:
        return Decimal(value)
    return exact(Decimal(value))


def float_hook(text: str) -> Decimal:
    """Msgspec's float_hook: every number with a point or an exponent as an exact decimal, untyped ones too."""
    try:
        return Decimal(text)
    except decimal.InvalidOperation:
        raise ValueError("Number out of range") from None


def decoder(shape: type[_Shape]) -> msgspec.json.Decoder[_Shape]:
    """A JSON decoder in which no number passes through a binary float."""
    return msgspec.json.Decoder(shape, dec_hook=decode_hook, float_hook=float_hook)


def same_json(left: object, right: object) -> bool:
    """Whether two decoded values are the same JSON: `1` and `true`, equal in Python, are not."""
    if left is right:
        return True
    if type(left) in _PLAIN or type(right) in _PLAIN:
        return type(left) is type(right) and left == right
    return _canonical.encode(left) == _canonical.encode(right)


# Types whose values are the same JSON as nothing but themselves, for which nothing has to be encoded.
_PLAIN = frozenset({str, bool, type(None)})
_JSON_NAMES: dict[type, str] = {str: "str", bool: "bool", list: "array", dict: "object"}
_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")
