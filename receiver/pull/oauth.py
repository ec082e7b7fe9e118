"""OAuth 2.0 tokens: fetched by a grant, renewed before they end, and once more where one is refused."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from urllib.parse import quote_plus, urlencode

import httpx2
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from receiver.pull.answers import check_status
from receiver.pull.errors import CredentialsError, ProviderError, TransientError
from receiver.pull.redaction import Redactor
from receiver.pull.secrets import Secrets
from receiver.setting_types import is_local_address
from schemas.provider_access import ClientCredentialsAuth, PasswordAuth

# A token is renewed this long before its end, or at half of its life if that is shorter.
_LEEWAY_S = 60
_UNAUTHORIZED = 401
# The extension of a request that holds what is to be awaited before it is sent once more.
BEFORE_AGAIN = "drawbar.before_again"


class TokenSource:
    """An OAuth 2.0 token, renewed before it expires, always with all of the definition's extra parameters.

    It is renewed by its refresh token if there is one that is still good, else by the grant.
    Raises from `token` and `renew`: CredentialsError where the grant is refused, TransientError where the endpoint is busy.
    """

    def __init__(
        self,
        auth: ClientCredentialsAuth | PasswordAuth,
        token_url: str,
        secrets: Secrets,
        redactor: Redactor,
        now_us: Callable[[], int],
    ) -> None:
        reveal = secrets.reveal
        self._redactor, self._now_us, self._url = redactor, now_us, token_url
        self._grant = {name: reveal(value) for name, value in auth.token_parameters.items()}
        grant_type = "client_credentials"
        self._user: dict[str, str] = {}
        if isinstance(auth, PasswordAuth):
            grant_type = "password"
            self._user = {"username": reveal(auth.username), "password": reveal(auth.password)}
        secret = None if auth.client_secret is None else reveal(auth.client_secret)
        method = "none" if secret is None else f"client_secret_{auth.client_auth}"
        self._client = AsyncOAuth2Client(
            reveal(auth.client_id),
            secret,
            token_endpoint=token_url,
            token_endpoint_auth_method=method,
            grant_type=grant_type,
            scope=auth.scope,
            timeout=httpx2.Timeout(30.0),
            trust_env=not is_local_address(token_url),
        )
        self._client.register_client_auth_method((method, _client_signer(method, reveal(auth.client_id), secret or "", redactor)))
        for hook in ("access_token_response", "refresh_token_response"):
            self._client.register_compliance_hook(hook, self._checked)
        self._lock = asyncio.Lock()
        self._fresh_until_us = float("inf")

    async def token(self) -> str:
        """A token that is good for now."""
        current = self._access_token()
        if current is None or self._now_us() >= self._fresh_until_us:
            return await self.renew(current)
        return current

    async def renew(self, refused: str | None) -> str:
        """A token other than `refused`; if somebody else has renewed it meanwhile, that one."""
        async with self._lock:
            current = self._access_token()
            if current is not None and current != refused:
                return current
            await self._fetch()
            token = self._access_token()
            if token is None:
                raise ProviderError("the token endpoint's answer has no access_token")
            return token

    async def aclose(self) -> None:
        """Close the connections to the token endpoint."""
        await self._client.aclose()

    async def _fetch(self) -> None:
        refresh_token = (self._client.token or {}).get("refresh_token")
        try:
            if refresh_token is not None:
                try:
                    await self._client.refresh_token(self._url, refresh_token=refresh_token, **self._grant)
                except TransientError:
                    raise
                except (OAuthError, ProviderError):
                    # A refresh token that is no longer good: start over with the grant.
                    self._client.token = None
                    await self._client.fetch_token(self._url, **self._user, **self._grant)
            else:
                await self._client.fetch_token(self._url, **self._user, **self._grant)
        except OAuthError as error:
            self._redactor.error(error)
            raise CredentialsError(self._redactor.text(f"the token endpoint refused: {error}")) from error
        except httpx2.RequestError as error:
            self._redactor.error(error)
            raise TransientError(
                self._redactor.text(f"the token endpoint failed: {type(error).__name__} {error}".rstrip())
            ) from error
        except (ValueError, TypeError) as error:
            self._redactor.error(error)
            raise ProviderError(self._redactor.text(f"the token endpoint's answer can't be used: {error}")) from error
        self._note()

    def _note(self) -> None:
        """Remember how long the token is good for, and that it is a secret."""
        token = self._client.token or {}
        for name in ("access_token", "refresh_token", "id_token"):
            if isinstance(token.get(name), str):
                self._redactor.add_token(token[name])
        try:
            life_s = float(token["expires_in"])
        except (KeyError, TypeError, ValueError):
            # Without a stated end a token is used until it is refused.
            self._fresh_until_us = float("inf")
        else:
            self._fresh_until_us = self._now_us() + (life_s - min(_LEEWAY_S, life_s / 2)) * 1e6

    def _access_token(self) -> str | None:
        token = (self._client.token or {}).get("access_token")
        return token if isinstance(token, str) and token else None

    def _checked(self, response: httpx2.Response) -> httpx2.Response:
        """A busy or broken endpoint must not be read as a token; a refusal in OAuth's own form is left to authlib."""
        if response.status_code not in (400, _UNAUTHORIZED, 403) or "error" not in response.text:
            check_status(response, self._redactor.text, self._now_us(), response.text)
        return response


class TokenAuth(httpx2.Auth):
    """A bearer token on each request, and one forced renewal if it is refused."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send with the current token; answered 401, send once more with a new one."""
        token = await self._source.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == _UNAUTHORIZED:
            request.headers["Authorization"] = f"Bearer {await self._source.renew(token)}"
            await request.extensions[BEFORE_AGAIN]()
            yield request


def _client_signer(
    method: str, client_id: str, secret: str, redactor: Redactor
) -> Callable[..., tuple[str, dict[str, str], str]]:
    """How the client shows who it is: RFC 6749 section 2.3.1, with both parts form-encoded before they go into HTTP Basic.

    authlib leaves that encoding out, and its own way of adding to the body fails on texts beyond ASCII.
    """
    value = base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    if secret:
        redactor.add(value)
    parameters = {"client_id": client_id} | ({"client_secret": secret} if secret else {})

    def sign(_client: object, _method: str, uri: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, str], str]:
        text = body.decode()
        if method == "client_secret_basic":
            headers["Authorization"] = f"Basic {value}"
            return uri, headers, text
        return uri, headers, f"{text}&{urlencode(parameters)}"

    return sign
