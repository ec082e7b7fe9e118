"""`/api/v1/asset-types`, `/sites` and `/custom-fields`: what an organization sets up before it syncs, beside its meters.

The three are alike: a code in the path, made sure of by PUT, deleted while nothing has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import Struct
from starlette.responses import Response

from handlers.ports import Transaction
from handlers.queries.lists import Filter
from handlers.queries.references import asset_type_of, custom_field_of, list_things, site_of
from handlers.references import delete_thing, get_thing, put_thing
from receiver.api.asset_sync import organization_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.errors import at
from schemas.pages import Page
from schemas.references import CODE_MAX, AssetType, CustomField, NameBody, ReferenceKind, Site, SiteBody
from schemas.registry_records import NamedThing

WHAT = "reference data"


@dataclass(frozen=True)
class References:
    """One kind of reference data over HTTP. `show` makes the answer; a `body` has a code, and a site's a name too."""

    kind: ReferenceKind
    parameter: Literal["name", "code"]
    show: Callable[[NamedThing], AssetType | Site | CustomField]
    body: type[NameBody] | type[SiteBody]

    async def list(self, call: Call, _: Filter) -> Response:
        """All of them by code."""
        organization_id = organization_of(call, WHAT)
        return json_response(await call.read(lambda tx: list_things(tx, organization_id, self.kind, call.page, self.show)))

    async def get(self, call: Call, _: Filter) -> Response:
        """One of them."""
        organization_id, code = organization_of(call, WHAT), call.path(self.parameter)
        thing = await call.read(lambda tx: get_thing(tx, organization_id, self.kind, code), brief=True)
        return json_response(self.show(thing))

    async def put(self, call: Call, _: Filter) -> Response:
        """Make sure that there is one."""
        said: NameBody | SiteBody = await read_json(call, msgspec.json.Decoder(self.body).decode, self.body())
        code, name = (said.code, said.name) if isinstance(said, SiteBody) else (said.name, None)
        thing = NamedThing(code_in_path(call, self.parameter, code), name)
        organization_id = organization_of(call, WHAT)
        created = await call.services.store.write(lambda tx: put_thing(tx, organization_id, self.kind, thing))
        return json_response(self.show(thing), 201 if created else 200)

    async def delete(self, call: Call, _: Filter) -> Response:
        """Delete one that nothing has."""
        organization_id, code = organization_of(call, WHAT), call.path(self.parameter)

        async def work(tx: Transaction) -> None:
            await delete_thing(tx, organization_id, self.kind, code)

        await call.services.store.write(work)
        return Response(status_code=204)


def code_in_path(call: Call, parameter: str, in_body: str | None) -> str:
    """The code under which something is put. InvalidInputError for one that is too long, or another than the body's."""
    code = call.path(parameter)
    if len(code) > CODE_MAX:
        raise at(parameter, f"is longer than {CODE_MAX} characters")
    if in_body not in {None, code}:
        raise at(f"$.{parameter}", f"is {in_body!r}, and {code!r} in the path")
    return code


def _operations(
    of: References, path: str, answer: type[Struct], page: object, *, summaries: tuple[str, str, str, str]
) -> tuple[Operation, ...]:
    """The four operations; `summaries` are those of listing, getting, putting and deleting."""
    listed, got, put, deleted = summaries
    one = f"{path}/{{{of.parameter}:path}}"
    name = of.kind
    return (
        Operation("GET", path, of.list, listed, paged=True, answer=page, name=f"{name}s"),
        Operation("GET", one, of.get, got, answer=answer, name=name),
        Operation("PUT", one, of.put, put, scope="admin", body=of.body, answer=answer, name=f"put_{name}"),
        Operation("DELETE", one, of.delete, deleted, scope="admin", status=204, name=f"delete_{name}"),
    )


OPERATIONS = (
    *_operations(
        References("asset_type", "name", asset_type_of, NameBody),
        "/api/v1/asset-types",
        AssetType,
        Page[AssetType],
        summaries=(
            "Asset types by name",
            "An asset type",
            "Make sure that there is an asset type; 201 for a new one",
            "Delete an asset type; 409 while assets have it",
        ),
    ),
    *_operations(
        References("site", "code", site_of, SiteBody),
        "/api/v1/sites",
        Site,
        Page[Site],
        summaries=("Sites by code", "A site", "Put a site; 201 for a new one", "Delete a site; 409 while assets are there"),
    ),
    *_operations(
        References("custom_field", "name", custom_field_of, NameBody),
        "/api/v1/custom-fields",
        CustomField,
        Page[CustomField],
        summaries=(
            "Custom fields by name",
            "A custom field",
            "Make sure that there is a custom field; 201 for a new one",
            "Delete a custom field; 409 while assets have it",
        ),
    ),
)
