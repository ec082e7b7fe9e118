"""The door of the API: credentials, then the rate limit, before anything of a request is looked at."""

from starlette.types import Scope

from receiver.api.auth import INVALID, MISSING, Authenticator, Principal
from receiver.api.problems import unauthorized
from receiver.api.rate_limit import Allowance, Headers, RateLimiter, client_key, remote_key
from receiver.services import Services

_AUTHORIZATION = b"authorization"
_NO_STORE = (b"cache-control", b"no-store")
# Where a request keeps what its answer will say of the rate limit.
_ALLOWANCE = "drawbar.allowance"


class Access:
    """Lets the requests of one application in."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self.authenticator = Authenticator(services.store, services.settings, services.clock)
        self._limiter = RateLimiter(services.settings.limits.rate_limit_per_minute)

    async def enter(self, scope: Scope) -> Principal:
        """The client that asks. Raises ProblemError: 401, 429, or 503 while too many wait to be let in.

        Who proves who it is has an allowance of its own; who doesn't has that of its address. Once that is used up, nothing from
        there is looked at any more, other than what is known to be good.
        """
        header = authorization(scope)
        principal = self.authenticator.find(header) if header else None
        if principal is None:
            self.look(scope)
            if header is None:
                raise self.refuse(scope, MISSING)
            principal = await self.authenticator.authenticate(header)
        if principal is None:
            raise self.refuse(scope, INVALID)
        self.count_client(scope, principal)
        return principal

    async def sign_in(self, scope: Scope, header: bytes | None) -> Principal:
        """The client of credentials that came another way than in the header. Errors as for `enter`."""
        self.look(scope)
        principal = await self.authenticator.authenticate(header) if header else None
        if principal is None:
            raise self.refuse(scope, INVALID)
        self.count_client(scope, principal)
        return principal

    def count_client(self, scope: Scope, principal: Principal) -> None:
        """Take one from the allowance of a client. Raises ProblemError 429."""
        self._check(scope, self._limiter.take(client_key(principal.client_id), self._clock()))

    def refuse(self, scope: Scope, error: str) -> Exception:
        """The 401 for a request, which is taken from the allowance of its address."""
        scope[_ALLOWANCE] = self._limiter.take(_remote(scope), self._clock())
        return unauthorized(error)

    def look(self, scope: Scope) -> None:
        """See what is left to the address of a request. Raises ProblemError 429 if that is nothing."""
        self._check(scope, self._limiter.look(_remote(scope), self._clock()))

    def _check(self, scope: Scope, allowance: Allowance | None) -> None:
        scope[_ALLOWANCE] = allowance
        if allowance is not None and allowance.exceeded:
            raise allowance.refusal(self._clock())


def authorization(scope: Scope) -> bytes | None:
    """The Authorization header; empty, which nothing matches, where there are several; None where there is none."""
    values: list[bytes] = [value for name, value in scope["headers"] if name == _AUTHORIZATION]
    if len(values) == 1:
        return values[0]
    return b"" if values else None


def answer_headers(scope: Scope) -> Headers:
    """What every answer of the API carries: the rate limit as far as it is known, and that it isn't to be kept anywhere."""
    allowance: Allowance | None = scope.get(_ALLOWANCE)
    return [_NO_STORE, *allowance.headers] if allowance is not None else [_NO_STORE]


def _remote(scope: Scope) -> str:
    client = scope.get("client")
    return remote_key(client[0] if client else None)
