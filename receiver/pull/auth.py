"""Credentials on each request: API key, Basic, bearer, or an OAuth 2.0 token."""

import base64
from collections.abc import Callable, Generator

import httpx2

from receiver.pull.oauth import TokenAuth, TokenSource
from receiver.pull.redaction import Redactor
from receiver.pull.secrets import Secrets
from schemas.provider_access import ApiKeyAuth, Auth, BasicAuth, BearerAuth, ClientCredentialsAuth, NoAuth, PasswordAuth


class StaticAuth(httpx2.Auth):
    """Credentials that never change: one header, or one query parameter."""

    def __init__(self, header: tuple[str, str] | None = None, parameter: tuple[str, str] | None = None) -> None:
        self._header, self._parameter = header, parameter

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Put the credentials on the request."""
        if self._header is not None:
            request.headers[self._header[0]] = self._header[1]
        if self._parameter is not None:
            request.url = request.url.copy_set_param(*self._parameter)
        yield request


def build_auth(
    auth: Auth, base_url: str, secrets: Secrets, redactor: Redactor, now_us: Callable[[], int]
) -> StaticAuth | TokenAuth | TokenSource:
    """What puts these credentials on requests; for OAuth the source of its tokens, which is to be closed."""
    match auth:
        case NoAuth():
            return StaticAuth()
        case ApiKeyAuth():
            pair = (auth.name, secrets.reveal(auth.value))
            return StaticAuth(header=pair) if auth.place == "header" else StaticAuth(parameter=pair)
        case BasicAuth():
            value = base64.b64encode(f"{secrets.reveal(auth.username)}:{secrets.reveal(auth.password)}".encode()).decode()
            redactor.add(value)
            return StaticAuth(header=("Authorization", f"Basic {value}"))
        case BearerAuth():
            return StaticAuth(header=(auth.header, f"{auth.scheme} {secrets.reveal(auth.token)}".strip()))
        case ClientCredentialsAuth() | PasswordAuth():
            url = base_url + auth.token_url if auth.token_url.startswith("/") else auth.token_url
            return TokenSource(auth, url, secrets, redactor, now_us)
