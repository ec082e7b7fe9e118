"""What can go wrong with a provider, told apart by what helps."""

from schemas.errors import DrawbarError


class ProviderError(DrawbarError):
    """The provider's answer can't be used; asking the same again wouldn't help."""


class CredentialsError(ProviderError):
    """The provider, or its token endpoint, doesn't accept our credentials: nothing else will work either."""


class PaginationError(ProviderError):
    """The pages don't come to an end that can be trusted."""


class TransientError(ProviderError):
    """429, a server error, or a transport that failed. `retry_after_s` is the wait that the provider asked for."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RescheduleError(ProviderError):
    """The provider asked for a longer wait than a run may sit out: nothing may be asked before `not_before_us`."""

    def __init__(self, message: str, not_before_us: int) -> None:
        super().__init__(message)
        self.not_before_us = not_before_us
