"""`/api/v1/asset-types`, `/sites` and `/custom-fields`: what an organization sets up before it syncs, beside its meters."""

import msgspec
from starlette.responses import Response

from handlers.ports import Transaction
from handlers.queries.lists import Filter
from handlers.queries.references import (
    asset_type_of,
    custom_field_of,
    list_things,
    site_of,
)
from handlers.references import delete_thing, get_thing, put_thing
from receiver.api.asset_sync import organization_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.errors import at
from schemas.pages import Page
from schemas.references import (
    CODE_MAX,
    AssetType,
    CustomField,
    NameBody,
    ReferenceKind,
    Site,
    SiteBody,
)
from schemas.registry_records import NamedThing

WHAT = "reference data"
_decode_name = msgspec.json.Decoder(NameBody).decode
_decode_site = msgspec.json.Decoder(SiteBody).decode


async def asset_types(call: Call, _: Filter) -> Response:
    """Asset types by name."""
    organization_id = organization_of(call, WHAT)
    return json_response(await call.read(lambda tx: list_things(tx, organization_id, "asset_type", call.page, asset_type_of)))


async def asset_type(call: Call, _: Filter) -> Response:
    """One asset type."""
    return json_response(asset_type_of(await _find(call, "asset_type", "name")))


async def put_asset_type(call: Call, _: Filter) -> Response:
    """Make sure that there is an asset type."""
    body = await read_json(call, _decode_name, NameBody())
    thing = NamedThing(code_in_path(call, "name", body.name))
    return await _put(call, "asset_type", thing, asset_type_of(thing))


async def delete_asset_type(call: Call, _: Filter) -> Response:
    """Delete an asset type that no asset has."""
    return await _delete(call, "asset_type", "name")


async def sites(call: Call, _: Filter) -> Response:
    """Sites by code."""
    organization_id = organization_of(call, WHAT)
    return json_response(await call.read(lambda tx: list_things(tx, organization_id, "site", call.page, site_of)))


async def site(call: Call, _: Filter) -> Response:
    """One site."""
    return json_response(site_of(await _find(call, "site", "code")))


async def put_site(call: Call, _: Filter) -> Response:
    """Put a site."""
    body = await read_json(call, _decode_site, SiteBody())
    thing = NamedThing(code_in_path(call, "code", body.code), body.name)
    return await _put(call, "site", thing, site_of(thing))


async def delete_site(call: Call, _: Filter) -> Response:
    """Delete a site at which no asset is."""
    return await _delete(call, "site", "code")


async def custom_fields(call: Call, _: Filter) -> Response:
    """Custom fields by name."""
    organization_id = organization_of(call, WHAT)
    return json_response(await call.read(lambda tx: list_things(tx, organization_id, "custom_field", call.page, custom_field_of)))


async def custom_field(call: Call, _: Filter) -> Response:
    """One custom field."""
    return json_response(custom_field_of(await _find(call, "custom_field", "name")))


async def put_custom_field(call: Call, _: Filter) -> Response:
    """Make sure that there is a custom field."""
    body = await read_json(call, _decode_name, NameBody())
    thing = NamedThing(code_in_path(call, "name", body.name))
    return await _put(call, "custom_field", thing, custom_field_of(thing))


async def delete_custom_field(call: Call, _: Filter) -> Response:
    """Delete a custom field that no asset has."""
    return await _delete(call, "custom_field", "name")


async def _find(call: Call, kind: ReferenceKind, parameter: str) -> NamedThing:
    organization_id, code = organization_of(call, WHAT), call.path(parameter)
    return await call.read(lambda tx: get_thing(tx, organization_id, kind, code), brief=True)


async def _put(call: Call, kind: ReferenceKind, thing: NamedThing, shown: AssetType | Site | CustomField) -> Response:
    organization_id = organization_of(call, WHAT)
    created = await call.services.store.write(lambda tx: put_thing(tx, organization_id, kind, thing))
    return json_response(shown, 201 if created else 200)


async def _delete(call: Call, kind: ReferenceKind, parameter: str) -> Response:
    organization_id, code = organization_of(call, WHAT), call.path(parameter)

    async def work(tx: Transaction) -> None:
        await delete_thing(tx, organization_id, kind, code)

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


OPERATIONS = (
    Operation("GET", "/api/v1/asset-types", asset_types, "Asset types by name", paged=True, answer=Page[AssetType]),
    Operation("GET", "/api/v1/asset-types/{name:path}", asset_type, "An asset type", answer=AssetType),
    Operation(
        "PUT",
        "/api/v1/asset-types/{name:path}",
        put_asset_type,
        "Make sure that there is an asset type; 201 for a new one",
        scope="admin",
        body=NameBody,
        answer=AssetType,
    ),
    Operation(
        "DELETE",
        "/api/v1/asset-types/{name:path}",
        delete_asset_type,
        "Delete an asset type; 409 while assets have it",
        scope="admin",
        status=204,
    ),
    Operation("GET", "/api/v1/sites", sites, "Sites by code", paged=True, answer=Page[Site]),
    Operation("GET", "/api/v1/sites/{code:path}", site, "A site", answer=Site),
    Operation(
        "PUT",
        "/api/v1/sites/{code:path}",
        put_site,
        "Put a site; 201 for a new one",
        scope="admin",
        body=SiteBody,
        answer=Site,
    ),
    Operation(
        "DELETE",
        "/api/v1/sites/{code:path}",
        delete_site,
        "Delete a site; 409 while assets are there",
        scope="admin",
        status=204,
    ),
    Operation("GET", "/api/v1/custom-fields", custom_fields, "Custom fields by name", paged=True, answer=Page[CustomField]),
    Operation("GET", "/api/v1/custom-fields/{name:path}", custom_field, "A custom field", answer=CustomField),
    Operation(
        "PUT",
        "/api/v1/custom-fields/{name:path}",
        put_custom_field,
        "Make sure that there is a custom field; 201 for a new one",
        scope="admin",
        body=NameBody,
        answer=CustomField,
    ),
    Operation(
        "DELETE",
        "/api/v1/custom-fields/{name:path}",
        delete_custom_field,
        "Delete a custom field; 409 while assets have it",
        scope="admin",
        status=204,
    ),
)
