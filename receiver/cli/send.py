"""Batches to a running receiver, signed as Datahub signs them."""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx2
import stamina
import typer

from receiver.batch_files import BatchFile

AT_ONCE = 16
ATTEMPTS = 6
OK = 200
UNAVAILABLE = 503


class Target(NamedTuple):
    """Where to, as which subscription, and the secret to sign with."""

    url: str
    subscription: str
    secret: str


class _AskedToWaitError(Exception):
    """503: the receiver can't take it now."""


async def send(target: Target, batches: Iterator[BatchFile], progress: Callable[[Counter[str]], None]) -> Counter[str]:
    """POST all batches, some at once; what each answer says is summed up, and what is refused is printed and counted.

    A connection that fails and a 503 are tried again some times, waiting longer each time.
    """
    total: Counter[str] = Counter()
    url = f"{target.url.rstrip('/')}/webhooks/datahub/{target.subscription}"
    async with httpx2.AsyncClient(timeout=30) as client:

        async def worker() -> None:
            for batch in batches:
                await _send_one(client, url, target.secret, batch, total)
                progress(total)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker())
    return total


async def _send_one(client: httpx2.AsyncClient, url: str, secret: str, batch: BatchFile, total: Counter[str]) -> None:
    try:
        answer = await _post(client, url, secret, batch.body)
    except (_AskedToWaitError, httpx2.TransportError) as error:
        _refused(batch, f"{type(error).__name__}: {error}", total)
        return
    if answer.status_code != OK:
        _refused(batch, f"{answer.status_code} {answer.text[:500]}", total)
        return
    said = answer.json()
    total[said["message"]] += 1
    for outcome in ("received", "applied", "duplicates", "quarantined", "ignored"):
        total[outcome] += said.get(outcome, 0)


@stamina.retry(on=(_AskedToWaitError, httpx2.TransportError), attempts=ATTEMPTS, timeout=None)
async def _post(client: httpx2.AsyncClient, url: str, secret: str, body: bytes) -> httpx2.Response:
    headers = {
        "Content-Type": "application/json",
        "X-SCALAR-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }
    answer = await client.post(url, content=body, headers=headers)
    if answer.status_code == UNAVAILABLE:
        raise _AskedToWaitError(answer.text[:500])
    return answer


def _refused(batch: BatchFile, why: str, total: Counter[str]) -> None:
    total["refused"] += 1
    typer.echo(f"{batch.place}: {why}", err=True)
