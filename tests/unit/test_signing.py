"""Deliveries that this side signs: whatever a subscription asks for, its check finds them genuine."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.secret import Secret
from receiver.signature import verify
from receiver.signing import signed_headers
from receiver.source_settings import RequiredHeader, Subscription
from tests.support.signing import datahub_signature

NOW_US = 1_747_088_400_000_000
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text
)
_secrets = st.builds(Secret, _texts)


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    """Every scheme, and everything that can be asked for on top."""
    scheme = draw(st.sampled_from(["datahub", "standard-webhooks"]))
    key = draw(st.binary(min_size=16, max_size=32))
    on_top = draw(st.sampled_from(["basic", "bearer", "nothing"]))
    return Subscription(
        secrets=(draw(_secrets) if scheme == "datahub" else Secret("whsec_" + base64.b64encode(key).decode()),),
        scheme=scheme,  # type: ignore[arg-type] # one of the two
        require_header=draw(st.none() | st.builds(RequiredHeader, st.just("X-Tenant"), _secrets)),
        require_basic=Secret(f"user:{draw(_texts)}") if on_top == "basic" else None,
        require_bearer=draw(_secrets) if on_top == "bearer" else None,
    )


@given(subscription=subscriptions(), body=st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_what_is_signed_is_genuine(subscription: Subscription, body: bytes) -> None:
    """And only with the body that was signed, and the secret that it was signed with."""
    (secret,) = subscription.secrets
    headers = signed_headers(subscription, secret, body, NOW_US)
    assert verify(subscription, headers, body, NOW_US).accepted
    assert not verify(subscription, headers, body + b" ", NOW_US).accepted


def test_datahub_signs_the_same_way() -> None:
    """The header is the one that Datahub documents."""
    headers = signed_headers(Subscription(), Secret("geheim"), b"{}", NOW_US)
    assert dict(headers) == {
        b"content-type": b"application/json",
        b"x-scalar-signature": datahub_signature("geheim", b"{}").encode(),
    }
