"""Made-up Datahub traffic: the same numbers give the same events, batches and requests.

Every second one unit tells something, and each unit once in a round. In five rounds it is paired with its home asset, unpaired
from it, not found once, paired with another asset by hand, and taken from there by its home. Units begin at different points of
that, so any stretch of traffic holds every kind; three in five are pairings.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from math import gcd
from typing import NamedTuple

ORGANIZATION = "c8c90b90-ad39-4a3d-8b89-c25a22acaa25"
SUBSCRIPTION = "41634ca6-a7fb-4dc2-9461-7e9b24be885e"
SECRET = "a-secret-of-the-benchmarks"
WEBHOOK_PATH = "/webhooks/datahub/default"

_START = datetime(2024, 1, 1, tzinfo=UTC)
_ROUNDS, _UNPAIRS, _FAILS, _BY_HAND = 5, 1, 2, 3
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd: another order of the numbers below 2^128, without repeats

_PAIRED = (
    '{"eventType":"unit.paired","eventVersion":2,"eventData":{"registeredOn":"%s","organizationId":"%s","assetId":"%s",'
    '"unitId":"%s","status":"success","reason":"%s","assetVIN":"%s","sensorVIN":"%s",'
    '"location":{"latitude":50.869,"longitude":2.8942}}}'
)
_FAILED = (
    '{"eventType":"unit.paired","eventVersion":2,"eventData":{"registeredOn":"%s","organizationId":"%s","unitId":"%s",'
    '"status":"failed","reason":"NotFound","sensorVIN":"%s","location":{"latitude":50.869,"longitude":2.8942}}}'
)
_UNPAIRED = (
    '{"eventType":"unit.unpaired","eventVersion":2,"eventData":{"registeredOn":"%s","organizationId":"%s","assetId":"%s",'
    '"unitId":"%s","assetVIN":"%s"}}'
)


def unit_id(unit: int) -> str:
    """The id of a unit."""
    return f"tp:{890_000_000_000_000 + unit}"


class Told(NamedTuple):
    """That a unit tells something in a round, so many seconds after the start."""

    unit: int
    round: int
    second: int


def entry(told: Told) -> str:
    """One entry of `eventsData`."""
    unit, step = told.unit, (told.unit + told.round) % _ROUNDS
    asset = unit + 1 if step == _BY_HAND else unit
    at, name, asset_id, vin = _time(told.second), unit_id(unit), _uuid(asset), f"WDB96340310{asset:06d}"
    if step == _UNPAIRS:
        return _UNPAIRED % (at, ORGANIZATION, asset_id, name, vin)
    if step == _FAILS:
        return _FAILED % (at, ORGANIZATION, name, vin[-9:])
    return _PAIRED % (at, ORGANIZATION, asset_id, name, "ManualPair" if step == _BY_HAND else "AutoPair", vin, vin)


def traffic(first: int, units: int) -> Iterator[Told]:
    """What is told from the event number `first` on: every unit once in each round, in no order, again and again."""
    stride = _stride(units)
    for number in count(first):
        round_, place = divmod(number, units)
        yield Told(place * stride % units, round_, number)


def bodies(told: Iterable[Told], events: int) -> Iterator[bytes]:
    """Batches of so many events each; the last one can be smaller."""
    remaining = iter(told)
    while chunk := list(islice(remaining, events)):
        last = chunk[-1].second
        yield (
            f'{{"eventBatchId":"{_uuid(last | events << 64)}","eventSubscriptionId":"{SUBSCRIPTION}",'
            f'"eventBatchTime":"{_time(last + 1)}","eventsData":[{",".join(map(entry, chunk))}]}}'
        ).encode()


def delivery(body: bytes) -> bytes:
    """The whole signed request of a delivery."""
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-SCALAR-Signature: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def deliveries(first: int, requests: int, events: int, units: int) -> list[bytes]:
    """So many requests of so many events each, beginning with the event number `first`."""
    return list(map(delivery, bodies(islice(traffic(first, units), requests * events), events)))


def _time(second: int) -> str:
    return (_START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def _uuid(number: int) -> str:
    digits = f"{(number + 1) * _SPREAD & ((1 << 128) - 1):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _stride(units: int) -> int:
    """A step that visits every unit before any of them twice."""
    stride = max(1, int(units * 0.618))
    while gcd(stride, units) > 1:
        stride += 1
    return stride
