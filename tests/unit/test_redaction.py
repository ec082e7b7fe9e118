"""Secrets out of texts: in every form in which a log line or an error could show them."""

import json
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.pull.redaction import _TOKENS_MAX as TOKENS_MAX
from receiver.pull.redaction import MARK, RedactedLog, Redactor

secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30).filter(lambda text: text not in MARK)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None, max_examples=200)
@given(secrets, texts, texts)
def test_no_form_of_a_secret_is_left(secret: str, before: str, after: str) -> None:
    """Plain, percent-encoded in any of the usual ways, in JSON or in a Python repr: the secret is gone, the rest stays."""
    redactor = Redactor()
    redactor.add(secret)
    plain = [secret, json.dumps(secret), repr(secret), repr(secret.encode())]
    for form in (*plain, quote(secret, safe=""), quote(secret), quote_plus(secret), urlencode({"k": secret})[2:]):
        clean = redactor.text(f"{before}{form}{after}")
        assert secret not in clean.replace(MARK, "")
        assert MARK in clean


@settings(deadline=None, max_examples=100)
@given(secrets, st.integers(1, 4))
def test_errors_are_cleaned_along_their_chain(secret: str, depth: int) -> None:
    """An exception and all that led to it lose the secret, and keep their kinds."""
    redactor = Redactor()
    redactor.add(secret)
    error: Exception = ValueError(secret, 7)
    for _ in range(depth):
        outer = RuntimeError(f"while {secret}")
        outer.__cause__ = error
        error = outer
    redactor.error(error)
    current: BaseException | None = error
    kinds = []
    while current is not None:
        assert secret not in str(current).replace(MARK, "")
        kinds.append(type(current))
        current = current.__cause__
    assert kinds == [RuntimeError] * depth + [ValueError]


def test_an_error_that_is_its_own_cause_is_cleaned_once() -> None:
    """A chain in a circle comes to an end."""
    redactor = Redactor()
    redactor.add("s3cret")
    first, second = ValueError("s3cret"), ValueError("s3cret")
    first.__context__, second.__context__ = second, first
    redactor.error(first)
    assert (str(first), str(second)) == (MARK, MARK)


def test_values_keep_their_kind_where_they_show_nothing() -> None:
    """Numbers and flags stay what they are; other things become text only where they show a secret."""
    redactor = Redactor()
    assert redactor.text("anything") == "anything"
    redactor.add("s3cret")
    harmless = ("a", "b")
    assert [redactor.value(value) for value in (None, True, 3, 2.5, "x", harmless)] == [None, True, 3, 2.5, "x", harmless]
    assert redactor.value(("s3cret", 1)) == f"('{MARK}', 1)"


def test_the_oldest_tokens_are_forgotten_and_secrets_never() -> None:
    """Tokens come and go, so their number is bounded; what the definition refers to is known for good."""
    redactor = Redactor()
    redactor.add("definition-secret")
    for number in range(TOKENS_MAX + 1):
        redactor.add_token(f"token-{number:04}")
    assert redactor.text("token-0000 token-0001 definition-secret") == f"token-0000 {MARK} {MARK}"


def test_bound_fields_are_clean_too() -> None:
    """What a logger carries with every line is cleaned like the line's own fields."""
    redactor = Redactor()
    redactor.add("s3cret")
    log = RedactedLog(redactor, provider="s3cret-provider")
    assert log._clean({"more": ["s3cret"]}) == {"provider": f"{MARK}-provider", "more": f"['{MARK}']"}
