"""Bodies of Asset Sync from files: JSON as it is sent, or CSV (see `receiver.asset_csv`), cut into requests that are taken."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from receiver.asset_csv import read_rows
from receiver.batch_files import STANDARD_INPUT, Fault
from schemas.decimals import decoder
from schemas.errors import InvalidInputError, Problem
from schemas.json_faults import DECODE_ERRORS, fault
from schemas.wire import to_json

# Of one asset a request brings so many readings at the most, so that a long history is cut into requests too.
READINGS_MAX = 10_000


class SyncBody(NamedTuple):
    """One request: where it stands in its file, its JSON, and how many assets it has."""

    place: str
    body: bytes
    assets: int


class _Sync(Struct, rename="camel"):
    assets: list[Raw]
    sync_batch_id: str | None = None


_decode = decoder(_Sync).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


def sync_bodies(paths: Sequence[str], assets_max: int, batch_id: str | None, faults: list[Fault]) -> Iterator[SyncBody]:
    """The requests of files in their order; what can't be read is told in `faults`, and the rest goes on.

    Where a file takes several requests, its syncBatchId (its own, or `batch_id`) gets `/1`, `/2`, … so that each can be sent
    again.
    """
    for path in paths:
        try:
            yield from _from_csv(path, assets_max, batch_id, faults) if _is_csv(path) else _from_json(path, assets_max, batch_id)
        except InvalidInputError as error:
            faults += [Fault.of(path, problem) for problem in error.problems or (Problem("$", error.message),)]
        except OSError as error:
            faults.append(Fault(path, "$", f"can't be read: {error.strerror}"))
        except UnicodeDecodeError as error:
            faults.append(Fault(path, "$", f"isn't UTF-8: {error.reason} at byte {error.start}"))


def _is_csv(path: str) -> bool:
    return path.lower().endswith(".csv")


def _from_json(path: str, assets_max: int, batch_id: str | None) -> Iterator[SyncBody]:
    body = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    try:
        sync = _Sync(_decode_list(body)) if body.lstrip()[:1] == b"[" else _decode(body)
    except DECODE_ERRORS as error:
        raise fault(error, "$", body) from error
    name = batch_id or sync.sync_batch_id
    if len(sync.assets) <= assets_max and name == sync.sync_batch_id and body.lstrip()[:1] == b"{":
        yield SyncBody(path, body, len(sync.assets))
        return
    parts = [sync.assets[first : first + assets_max] for first in range(0, len(sync.assets), assets_max)] or [[]]
    for number, part in enumerate(parts, 1):
        yield _body(path, part, name, number if len(parts) > 1 else None)


def _from_csv(path: str, assets_max: int, batch_id: str | None, faults: list[Fault]) -> Iterator[SyncBody]:
    with Path(path).open(encoding="utf-8-sig", newline="") as lines:
        entries: dict[str | None, dict[str, Any]] = {}
        readings = number = 0
        for row in read_rows(lines):
            if row.fault is not None:
                faults.append(Fault(path, f"row {row.number}", row.fault))
                continue
            identity = row.entry.get("externalAssetId")
            history = row.entry.get("meterReadings", [])
            known = entries.get(identity) if history else None
            if (known is None and (len(entries) >= assets_max or identity in entries)) or readings >= READINGS_MAX:
                number += 1
                yield _body(path, list(entries.values()), batch_id, number)
                entries, readings, known = {}, 0, None
            if known is None:
                entries[identity] = row.entry
            else:
                known["meterReadings"] += history
            readings += len(history)
        if entries:
            yield _body(path, list(entries.values()), batch_id, number + 1 if number else None)


def _body(path: str, assets: Sequence[object], batch_id: str | None, number: int | None) -> SyncBody:
    """A request with its part of a file."""
    name = batch_id if batch_id is None or number is None else f"{batch_id}/{number}"
    sent: dict[str, object] = {"assets": assets} if name is None else {"syncBatchId": name, "assets": assets}
    return SyncBody(path if number is None else f"{path} #{number}", to_json(sent), len(assets))
