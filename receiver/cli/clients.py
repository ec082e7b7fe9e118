"""`drawbar clients`: who may use the API."""

from typing import Annotated

import typer

from handlers.clients import OPERATOR_ID, SCOPES, ClientView, IssuedClient, add_client, list_clients, revoke_client
from receiver.cli.common import ConfigOption, JsonOption, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.settings import Settings
from receiver.wiring import now_us

app = typer.Typer(help="API clients: add, list, revoke.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What the client is called in lists.")],
    organization: Annotated[str, typer.Option(metavar="UUID|*", help="The organization that it sees, or * for all.")],
    scopes: Annotated[str, typer.Option(help=f"What it may do, separated by commas: some of {', '.join(SCOPES)}.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Add a client and print its id and its secret, which is shown this once and kept as a hash."""
    issued = run(_add(settings_of(config), name, organization, [scope.strip() for scope in scopes.split(",") if scope.strip()]))
    if as_json:
        print_json(issued)
    else:
        say(f"client id      {issued.client_id}\nclient secret  {issued.client_secret}")
        warn("the secret is not shown again")


@app.command("list")
def list_all(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List all clients, revoked ones too."""
    clients = run(_list(settings_of(config)))
    if as_json:
        print_json({"items": clients})
        return
    rows = [
        (one.client_id, one.name, one.organization_id, " ".join(one.scopes), one.created_at, one.revoked_at) for one in clients
    ]
    print_table("API clients", ("id", "name", "organization", "scopes", "created", "revoked"), rows)


@app.command("revoke")
def revoke(client_id: Annotated[str, typer.Argument(help="The client's id.")], config: ConfigOption = None) -> None:
    """End a client and its tokens."""
    settings = settings_of(config)
    run(_revoke(settings, client_id))
    say(f"{client_id} is revoked")
    if client_id == OPERATOR_ID and settings.operator_secret:
        warn("the service makes it anew when it starts, as long as operator_secret is set")


async def _add(settings: Settings, name: str, organization: str, scopes: list[str]) -> IssuedClient:
    async with opened_store(settings, make=True) as store:
        return await add_client(store, name, organization, scopes, now_us())


async def _list(settings: Settings) -> list[ClientView]:
    async with opened_store(settings) as store:
        return await store.read(list_clients)


async def _revoke(settings: Settings, client_id: str) -> None:
    async with opened_store(settings) as store:
        await store.write(lambda tx: revoke_client(tx, client_id, now_us()))
