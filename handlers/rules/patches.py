"""A bulk patch, judged as a whole before anything of it is taken: every place that breaks a rule is named.

Source: the lease asset patch, "What we don't accept". A list that is too long is refused for that, and what stands in it beyond
the limit isn't looked at.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from handlers.rules.patch_values import OutOfRange, decode_entry, decode_list, encode_sorted, in_range, repeated_names
from schemas.errors import InvalidInputError, Problem
from schemas.json_faults import DECODE_ERRORS, body_fault, fault
from schemas.patches import SERIAL_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, AssetPatch

LENGTHS = {
    "serialNumber": SERIAL_CHARACTERS_MAX,
    "location": TEXT_CHARACTERS_MAX,
    "locationOfInstallation": TEXT_CHARACTERS_MAX,
    "orderNumber": TEXT_CHARACTERS_MAX,
    "costCenter": TEXT_CHARACTERS_MAX,
}
ASSET_ID, FIELDS = "assetId", "customerSpecificFields"
# An answer has to end somewhere; a request of the largest size that is wrong everywhere stays below.
PROBLEMS_MAX = 100_000

UNKNOWN = "this property can't be patched, or doesn't exist"
MARKUP = "Expected `str` without `<script`, `[%` and `%]`"
REPEATED = "this name stands here more than once"
UNDECLARED = "there is no customer-specific field of this name"
_MARKUP = re.compile(r"<script|\[%|%\]", re.IGNORECASE)
_SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSET_ID_MAX = 2**63 - 1


class Fault(NamedTuple):
    """What is wrong in one entry of the list; -1 is the list itself."""

    entry: int
    problem: Problem


class Checked(NamedTuple):
    """A request that was looked at: its patches if it has no faults, and where it names customer-specific fields.

    `fingerprint` is the same for the same JSON, however it is spaced and whatever the order of an object's keys.
    """

    patches: tuple[AssetPatch, ...]
    faults: tuple[Fault, ...]
    names: tuple[tuple[int, str], ...]
    fingerprint: str


def check_patches(body: bytes, assets_max: int) -> Checked:
    """Look at all of a request body but whether the customer-specific fields that it names are declared."""
    try:
        body.decode()
        entries = decode_list(body)
    except DECODE_ERRORS as error:
        return _refused(body_fault(error, body).problems[0])
    if not entries:
        return _refused(Problem("$", "Expected `array` of length >= 1"))
    look = _Look()
    if len(entries) > assets_max:
        look.report(-1, "$", f"Expected `array` of length <= {assets_max}, got {len(entries)}")
    values = [look.take(number, raw) for number, raw in enumerate(entries[:assets_max])]
    if look.faults:
        return Checked((), tuple(look.faults), tuple(look.names), "")
    fingerprint = hashlib.sha256(encode_sorted(values)).hexdigest()
    return Checked(tuple(msgspec.convert(values, list[AssetPatch])), (), tuple(look.names), fingerprint)


def undeclared(names: Sequence[tuple[int, str]], declared: AbstractSet[str]) -> Iterator[Fault]:
    """The customer-specific fields that nobody declared; while none is declared at all, any goes."""
    if not declared:
        return
    for number, name in names:
        if name not in declared:
            yield Fault(number, Problem(_field_path(number, name), UNDECLARED))


def refusal(faults: Sequence[Fault]) -> InvalidInputError:
    """All faults as one error, in the order of the list."""
    problems = [fault.problem for fault in sorted(faults, key=lambda fault: fault.entry)]
    if len(problems) > PROBLEMS_MAX:
        problems[PROBLEMS_MAX:] = [Problem("$", f"and {len(problems) - PROBLEMS_MAX} more")]
    first = f"{problems[0].message} - at {problems[0].path}"
    return InvalidInputError(first if len(problems) == 1 else f"{first}, and {len(problems) - 1} more", tuple(problems))


class _Look:
    """Goes through the entries, and notes what is wrong with them and which fields they name."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.names: list[tuple[int, str]] = []
        self._first: dict[int, int] = {}

    def report(self, number: int, path: str, message: str) -> None:
        self.faults.append(Fault(number, Problem(path, message)))

    def take(self, number: int, raw: Raw) -> dict[str, Any]:
        path = f"$[{number}]"
        try:
            entry = decode_entry(raw)
        except DECODE_ERRORS as error:
            self.faults.append(Fault(number, fault(error, path).problems[0]))
            return {}
        for steps in repeated_names(raw, FIELDS):
            self.report(number, path + "".join(map(_step, steps)), REPEATED)
        if ASSET_ID not in entry:
            self.report(number, f"{path}.{ASSET_ID}", "Object missing required field `assetId`")
        for name, value in entry.items():
            if name == ASSET_ID:
                self._asset_id(number, value)
            elif name in LENGTHS:
                self._text(number, f"{path}.{name}", value, LENGTHS[name])
            elif name == FIELDS:
                self._fields(number, value)
            else:
                self.report(number, path + _step(name), UNKNOWN)
        return entry

    def _asset_id(self, number: int, value: object) -> None:
        path = f"$[{number}].{ASSET_ID}"
        if type(value) is not int:
            self.report(number, path, f"Expected `int`, got `{_kind(value)}`")
        elif not 1 <= value <= _ASSET_ID_MAX:
            self.report(number, path, f"Expected `int` from 1 to {_ASSET_ID_MAX}")
        elif value in self._first:
            self.report(number, path, f"the same asset as $[{self._first[value]}]")
        else:
            self._first[value] = number

    def _text(self, number: int, path: str, value: object, longest: int | None) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            self.report(number, path, f"Expected `str | null`, got `{_kind(value)}`")
            return
        if longest is not None and len(value) > longest:
            self.report(number, path, f"Expected `str` of length <= {longest}, got {len(value)}")
        if _MARKUP.search(value):
            self.report(number, path, MARKUP)

    def _fields(self, number: int, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, dict):
            self.report(number, f"$[{number}].{FIELDS}", f"Expected `object | null`, got `{_kind(value)}`")
            return
        for name, content in value.items():
            self.names.append((number, name))
            path = _field_path(number, name)
            if _MARKUP.search(name):
                self.report(number, path, MARKUP)
            if isinstance(content, str):
                self._text(number, path, content, None)
            elif isinstance(content, dict | list):
                self.report(number, path, f"Expected `str | number | bool | null`, got `{_kind(content)}`")
            elif isinstance(content, OutOfRange) or (isinstance(content, int) and not in_range(content)):
                self.report(number, path, "Number out of range")


def _refused(problem: Problem) -> Checked:
    return Checked((), (Fault(-1, problem),), (), "")


def _field_path(number: int, name: str) -> str:
    return f"$[{number}].{FIELDS}{_step(name)}"


def _step(name: str) -> str:
    """One name in a path: `.name`, or `['Employee name']` where it isn't that simple (RFC 9535, "Normalized Paths")."""
    if _SIMPLE_NAME.fullmatch(name):
        return f".{name}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"


def _kind(value: object) -> str:
    """A JSON value's type as the decoder's messages call it."""
    return _KINDS.get(type(value), "float")


_KINDS: dict[type, str] = {str: "str", bool: "bool", int: "int", dict: "object", list: "array", type(None): "null"}
