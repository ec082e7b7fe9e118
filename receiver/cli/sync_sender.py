"""Asset Sync requests to a running receiver."""

from receiver.cli.api_client import ApiClient, text_of
from receiver.sync_files import SyncBody
from schemas.asset_sync import AssetSyncAnswer
from schemas.errors import InvalidInputError

PATH = "/api/v1/assets/sync"
_OK, _BAD_REQUEST, _TOO_LARGE = 200, 400, 413


async def send_sync(client: ApiClient, sync: SyncBody) -> AssetSyncAnswer:
    """What became of a request; sent again, it updates what it created.

    InvalidInputError: its body is refused; RefusedError: nothing is taken, this or another.
    """
    answer = await client.ask("POST", PATH, sync.body)
    if answer.status_code in {_BAD_REQUEST, _TOO_LARGE}:
        raise InvalidInputError(text_of(answer))
    return client.read(answer, _OK, AssetSyncAnswer)
