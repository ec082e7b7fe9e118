"""Which deliveries count as genuine: named cases."""

import base64
from collections.abc import Callable

import pytest

from receiver.secret import Secret
from receiver.signature import ACCEPTED, verify
from receiver.source_settings import RequiredHeader, Subscription
from tests.support.signing import HeaderList, datahub_headers, datahub_signature, standard_headers

BODY = b'{"eventBatchId":"x"}'
OLD, NEW = "old-secret", "new-secret"
BOTH = Subscription(secrets=(Secret(OLD), Secret(NEW)))
KEY, OTHER_KEY = "whsec_" + base64.b64encode(b"k" * 24).decode(), "whsec_" + base64.b64encode(b"o" * 24).decode()
STANDARD = Subscription(secrets=(Secret(OTHER_KEY), Secret(KEY)), scheme="standard-webhooks", tolerance_s=60)
NOW_S = 1_747_000_000
NOW_US = NOW_S * 1_000_000


def _with(name: bytes, value: bytes | str) -> HeaderList:
    return [(name, value.encode() if isinstance(value, str) else value)]


def _good(secret: str = OLD) -> str:
    return datahub_signature(secret, BODY)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(datahub_headers(OLD, BODY), id="the old secret during a rotation"),
        pytest.param(datahub_headers(NEW, BODY), id="the new secret during a rotation"),
        pytest.param(_with(b"X-SCALAR-Signature", _good()), id="header name in capitals"),
        pytest.param(_with(b"x-webhook-signature", _good()), id="the other header name"),
        pytest.param(_with(b"x-scalar-signature", "sha256=" + _good()[7:].upper()), id="upper-case hex"),
        pytest.param(_with(b"x-scalar-signature", f" {_good()}\t"), id="white space around the value"),
        pytest.param(
            _with(b"x-scalar-signature", _good(OLD)) + _with(b"x-webhook-signature", _good(NEW)),
            id="two headers, each under an active secret",
        ),
    ],
)
def test_datahub_accepts(headers: HeaderList) -> None:
    """A delivery is genuine when every signature header that it carries verifies under an active secret."""
    assert verify(BOTH, headers, BODY, NOW_US) == ACCEPTED


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([], "missing", id="no header"),
        pytest.param(_with(b"authorization", _good()), "missing", id="signature in another header"),
        pytest.param(_with(b"x-scalar-signature", ""), "malformed", id="empty"),
        pytest.param(_with(b"x-scalar-signature", "sha256="), "malformed", id="no digits"),
        pytest.param(_with(b"x-scalar-signature", _good()[7:]), "malformed", id="no prefix"),
        pytest.param(_with(b"x-scalar-signature", _good()[:-1]), "malformed", id="63 digits"),
        pytest.param(_with(b"x-scalar-signature", _good() + "\n"), "malformed", id="a newline after it"),
        pytest.param(_with(b"x-scalar-signature", "sha1=" + "0" * 40), "malformed", id="another algorithm"),
        pytest.param(_with(b"x-scalar-signature", "sha256=" + "٣" * 64), "malformed", id="digits of another script"),
        pytest.param(_with(b"x-scalar-signature", _good("retired")), "mismatch", id="a secret that isn't active"),
        pytest.param(_with(b"x-scalar-signature", "sha256=" + "0" * 64), "mismatch", id="zeros"),
        pytest.param(
            _with(b"x-scalar-signature", _good()) + _with(b"x-webhook-signature", _good("retired")),
            "mismatch",
            id="two headers of which one verifies under no active secret",
        ),
        pytest.param(
            _with(b"x-scalar-signature", _good("retired")) + _with(b"x-scalar-signature", _good()),
            "mismatch",
            id="a repeated header of which one verifies under no active secret",
        ),
        pytest.param(
            _with(b"x-scalar-signature", _good()) + _with(b"x-scalar-signature", "nonsense"),
            "malformed",
            id="a repeated header of which one is nonsense",
        ),
    ],
)
def test_datahub_refuses(headers: HeaderList, reason: str) -> None:
    """A delivery without a signature, or with one that doesn't verify, is refused with the reason."""
    verdict = verify(BOTH, headers, BODY, NOW_US)
    assert (verdict.accepted, verdict.reason) == (False, reason)
    assert verdict.message


def test_unsigned_needs_no_secret_and_the_permission() -> None:
    """Without secrets a delivery passes only where unsigned ones are allowed; with secrets the permission changes nothing."""
    bare = Subscription()
    assert verify(bare, [], BODY, NOW_US).reason == "no_secret"
    assert verify(bare, [], BODY, NOW_US, allow_unsigned=True).accepted
    assert verify(BOTH, [], BODY, NOW_US, allow_unsigned=True).reason == "missing"


def test_unsigned_still_needs_the_extra_header() -> None:
    """Allowing unsigned deliveries leaves the other checks in place."""
    subscription = Subscription(require_bearer=Secret("token"))
    assert verify(subscription, [], BODY, NOW_US, allow_unsigned=True).reason == "bearer"


@pytest.mark.parametrize("offset_s", [-60, 0, 60])
def test_standard_webhooks_accepts_within_the_tolerance(offset_s: int) -> None:
    """A signature of the reference library verifies up to the tolerance before and after the time of receipt."""
    assert verify(STANDARD, standard_headers(KEY, BODY, NOW_S + offset_s), BODY, NOW_US) == ACCEPTED


@pytest.mark.parametrize("offset_s", [-61, 61, -86_400])
def test_standard_webhooks_refuses_outside_the_tolerance(offset_s: int) -> None:
    """An authentic delivery that is too old or too new is refused for its timestamp."""
    assert verify(STANDARD, standard_headers(KEY, BODY, NOW_S + offset_s), BODY, NOW_US).reason == "timestamp"


def test_standard_webhooks_is_judged_at_the_time_of_receipt() -> None:
    """A held delivery is judged by when it came, not by when it is looked at."""
    headers = standard_headers(KEY, BODY, 1_000_000)
    assert verify(STANDARD, headers, BODY, 1_000_030 * 1_000_000).accepted


def _replaced(name: bytes, change: Callable[[bytes], bytes]) -> HeaderList:
    return [(key, change(value) if key == name else value) for key, value in standard_headers(KEY, BODY, NOW_S)]


def test_standard_webhooks_takes_any_of_several_signatures() -> None:
    """Of several space-separated signatures one must verify; versions that aren't ours are passed over."""
    headers = _replaced(b"webhook-signature", lambda good: b"v1a,AAAA v1,bm9uc2Vuc2U= v1 , " + good)
    assert verify(STANDARD, headers, BODY, NOW_US).accepted


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param(datahub_headers(KEY, BODY), "missing", id="Datahub's header instead"),
        pytest.param(standard_headers(KEY, BODY, NOW_S)[:2], "missing", id="no signature"),
        pytest.param(standard_headers(KEY, BODY, NOW_S)[1:], "missing", id="no id"),
        pytest.param(_replaced(b"webhook-id", lambda _: b""), "malformed", id="empty id"),
        pytest.param(_replaced(b"webhook-timestamp", lambda good: good + b".0"), "malformed", id="fraction of a second"),
        pytest.param(_replaced(b"webhook-timestamp", lambda good: b"-" + good), "malformed", id="negative"),
        pytest.param(_replaced(b"webhook-timestamp", lambda _: b"9" * 5000), "malformed", id="too many digits"),
        pytest.param(standard_headers(KEY, BODY, NOW_S) + _with(b"webhook-id", "msg_2"), "malformed", id="two ids"),
        pytest.param(_replaced(b"webhook-id", lambda _: b"msg_2"), "mismatch", id="another id"),
        pytest.param(_replaced(b"webhook-timestamp", lambda _: str(NOW_S + 1).encode()), "mismatch", id="another time"),
        pytest.param(_replaced(b"webhook-signature", lambda good: good[3:]), "mismatch", id="no version"),
        pytest.param(_replaced(b"webhook-signature", lambda good: good.rstrip(b"=")), "mismatch", id="no padding"),
        pytest.param(
            standard_headers(KEY, BODY, NOW_S) + _with(b"webhook-signature", "v1,AAAA"),
            "mismatch",
            id="a repeated header of which one verifies under no active secret",
        ),
    ],
)
def test_standard_webhooks_refuses(headers: HeaderList, reason: str) -> None:
    """A delivery that isn't signed by an active secret over id, time and body is refused with the reason."""
    assert verify(STANDARD, headers, BODY, NOW_US).reason == reason


EXTRA = {
    "header": Subscription(secrets=(Secret(OLD),), require_header=RequiredHeader("X-Tenant", Secret("blue"))),
    "basic": Subscription(secrets=(Secret(OLD),), require_basic=Secret("user:pä:ss")),
    "bearer": Subscription(secrets=(Secret(OLD),), require_bearer=Secret("tok.en")),
}
BASIC = base64.b64encode("user:pä:ss".encode())


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("header", _with(b"x-tenant", "blue")),
        ("header", _with(b"X-TENANT", " blue ")),
        ("basic", _with(b"authorization", b"Basic " + BASIC)),
        ("basic", _with(b"Authorization", b"bAsIc  " + BASIC)),
        ("bearer", _with(b"authorization", "Bearer tok.en")),
    ],
)
def test_extra_checks_accept(kind: str, extra: HeaderList) -> None:
    """The extra header is compared by value; names and scheme names are case-insensitive."""
    assert verify(EXTRA[kind], datahub_headers(OLD, BODY) + extra, BODY, NOW_US).accepted


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("header", []),
        ("header", _with(b"x-tenant", "Blue")),
        ("header", _with(b"x-tenant", "blue") + _with(b"x-tenant", "red")),
        ("basic", []),
        ("basic", _with(b"authorization", b"Basic")),
        ("basic", _with(b"authorization", b"Bearer " + BASIC)),
        ("basic", _with(b"authorization", b"Basic " + base64.b64encode(b"user:pass"))),
        ("basic", _with(b"authorization", b"Basic \xff\xfe")),
        ("bearer", _with(b"authorization", "Bearer ")),
        ("bearer", _with(b"authorization", "tok.en")),
        ("bearer", _with(b"authorization", "Bearer tok.en") + _with(b"authorization", "Bearer other")),
    ],
)
def test_extra_checks_refuse(kind: str, extra: HeaderList) -> None:
    """A rightly signed delivery without the right extra header is refused, and the reason names the check."""
    assert verify(EXTRA[kind], datahub_headers(OLD, BODY) + extra, BODY, NOW_US).reason == kind


def test_a_wrong_signature_outranks_the_extra_header() -> None:
    """The extra header on its own proves nothing."""
    assert verify(EXTRA["bearer"], _with(b"authorization", "Bearer tok.en"), BODY, NOW_US).reason == "missing"
