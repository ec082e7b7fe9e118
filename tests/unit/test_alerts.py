"""Messages to addresses outside: who wants which, what they say, and when they are tried again."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.alerts import (
    FAILURES_BEFORE_REST,
    REST_MAX_S,
    RETRY_AFTER_MAX_S,
    Judged,
    body_of,
    is_wanted,
    judge,
    message_id,
    new_message,
    rest,
)
from schemas.alerts import GROUPS, TYPES, Attempt, MessageRecord, Retries, TargetRecord, Told, Wanted
from tests.support.facts import ORGANIZATION, UNIT, minute
from tests.support.store import OTHER

SECOND_US = 1_000_000
NOW_US = minute(0)
RETRIES = Retries(attempts=5, first_s=10, longest_s=60)
TARGET = TargetRecord("ops", "key", 0, 0, 0, 0, None)
TOLD = Told(ORGANIZATION, 7, 2, "case.opened", UNIT, NOW_US, '{"caseId":"case_1","sensorVin":null}')
REPLAY = Told(ORGANIZATION, 7, 2, "case.opened", UNIT, NOW_US + 1, TOLD.data)


def message(attempts: int = 0) -> MessageRecord:
    """A message that was tried so often."""
    return new_message("ops", TOLD, NOW_US)._replace(attempts=attempts)


@pytest.mark.parametrize(
    ("events", "organizations", "wanted"),
    [
        (("*",), (), True),
        (("case.*",), (), True),
        (("case.opened",), (ORGANIZATION,), True),
        (("case.escalated", "pairing.*"), (), False),
        (("case",), (), False),
        ((), (), False),
        (("*",), (OTHER,), False),
        (("*",), (OTHER, ORGANIZATION), True),
    ],
)
def test_what_a_target_wants(events: tuple[str, ...], organizations: tuple[str, ...], *, wanted: bool) -> None:
    """Its type, its group or `*` stands in the list, and its organization too where there is such a list."""
    assert is_wanted(Wanted(events, organizations), TOLD) is wanted


def test_every_type_belongs_to_a_group() -> None:
    """Each type is in exactly one group, and no group is empty."""
    assert {f"{name.split('.')[0]}.*" for name in TYPES} == set(GROUPS)
    for group in GROUPS:
        assert any(is_wanted(Wanted((group,)), TOLD._replace(type=name)) for name in TYPES)


def test_what_a_message_says() -> None:
    """The body has type, time, cursor, organization, and the data letter by letter."""
    assert body_of(TOLD) == (
        b'{"type":"case.opened","timestamp":"2025-05-12T22:20:00Z","cursor":"WzcsMl0","organizationId":"%s",'
        b'"data":{"caseId":"case_1","sensorVin":null}}' % ORGANIZATION.encode()
    )


def test_a_message_has_one_id() -> None:
    """The id is the same at every attempt and for every target, and another one for anything else told at that place."""
    assert message_id(TOLD) == message_id(TOLD._replace()) == new_message("other", TOLD, 0).message_id
    others = [TOLD._replace(n=3), TOLD._replace(position=8), REPLAY, TOLD._replace(type="case.updated"), TOLD._replace(data="{}")]
    assert len({message_id(told) for told in (TOLD, *others)}) == len(others) + 1
    assert len(message_id(TOLD)) == 36


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        (Attempt(200), "delivered"),
        (Attempt(204), "delivered"),
        (Attempt(299), "delivered"),
        (Attempt(410), "gone"),
        (Attempt(302), "retried"),
        (Attempt(400), "retried"),
        (Attempt(404), "retried"),
        (Attempt(500), "retried"),
        (Attempt(None, "ConnectError"), "retried"),
    ],
)
def test_what_an_answer_means(attempt: Attempt, outcome: str) -> None:
    """2xx is delivered and 410 gone; every other answer, and none at all, is another try until there were enough."""
    assert judge(message(), attempt, RETRIES, NOW_US, 0).outcome == outcome
    last = judge(message(4), attempt, RETRIES, NOW_US, 0)
    assert last.outcome == ("dead" if outcome == "retried" else outcome)
    assert last.message.dead_at_us == (NOW_US if outcome == "retried" else None)
    if outcome == "gone":
        assert last.message.attempts == 4


def test_pauses_double_up_to_the_longest() -> None:
    """10, 20, 40, 60 seconds, each up to a quarter longer; the error is kept."""
    for spread, factor in ((0.0, 1), (1.0, 1.25)):
        pauses = []
        for attempts in range(4):
            judged = judge(message(attempts), Attempt(500), RETRIES, NOW_US, spread)
            assert (judged.message.attempts, judged.message.error) == (attempts + 1, "answered 500")
            pauses.append((judged.message.next_at_us - NOW_US) / SECOND_US)
        assert pauses == [10 * factor, 20 * factor, 40 * factor, 60 * factor]


@pytest.mark.parametrize(
    ("status", "asked_s", "pause_s"), [(429, 3600.0, 3600), (503, 1.0, 10), (503, 1e9, RETRY_AFTER_MAX_S), (500, 3600.0, 10)]
)
def test_a_pause_that_is_asked_for(status: int, asked_s: float, pause_s: float) -> None:
    """Retry-After of 429 and 503 is kept to where it is longer than ours, up to a day, for this message and all others."""
    judged = judge(message(), Attempt(status, retry_after_s=asked_s), RETRIES, NOW_US, 0)
    assert judged.message.next_at_us == NOW_US + pause_s * SECOND_US
    asked_us = 0 if status == 500 else NOW_US + min(asked_s, RETRY_AFTER_MAX_S) * SECOND_US
    assert rest(TARGET, [judged], RETRIES, NOW_US).paused_until_us == asked_us


def test_a_receiver_that_is_down_is_left_alone_for_a_while() -> None:
    """From the third failure in a row on there is a rest that doubles, up to five minutes; one success ends the count."""
    failed, delivered = (judge(message(), Attempt(status), RETRIES, NOW_US, 0) for status in (500, 200))
    target, pauses = TARGET, []
    for _ in range(9):
        target = rest(target, [failed], RETRIES, NOW_US)
        pauses.append(max(0, target.paused_until_us - NOW_US) / SECOND_US)
    assert pauses == [0, 0, 10, 20, 40, 80, 160, 300, 300]
    assert rest(target, [failed, delivered], RETRIES, NOW_US).failures == 1
    assert rest(target, [delivered], RETRIES, NOW_US).failures == 0


def test_who_is_gone_is_told_nothing_more() -> None:
    """410 disables the target and counts as no failure."""
    gone = judge(message(), Attempt(410), RETRIES, NOW_US, 0)
    target = rest(TARGET, [gone], RETRIES, NOW_US)
    assert (target.disabled_at_us, target.failures) == (NOW_US, 0)


attempts = st.builds(
    Attempt,
    st.none() | st.integers(100, 599),
    st.none() | st.text(max_size=5),
    st.none() | st.floats(0, 1e12),
)


@settings(deadline=None, max_examples=100)
@given(tries=st.lists(attempts, min_size=1, max_size=30), spread=st.floats(0, 1), most=st.integers(1, 10))
def test_every_message_comes_to_an_end(tries: list[Attempt], spread: float, most: int) -> None:
    """Whatever the answers, a message is tried as often as allowed at the most; every pause is within its bounds."""
    retries = Retries(most, 10, 60)
    one, target, now_us, tried = message(), TARGET, NOW_US, 0
    for attempt in tries:
        judged: Judged = judge(one, attempt, retries, now_us, spread)
        after = rest(target, [judged], retries, now_us)
        assert (
            target.paused_until_us
            <= after.paused_until_us
            <= max(target.paused_until_us, now_us + max(REST_MAX_S, RETRY_AFTER_MAX_S) * SECOND_US)
        )
        if judged.outcome != "retried":
            assert judged.outcome != "dead" or tried + 1 == most
            break
        assert 10 * SECOND_US <= judged.message.next_at_us - now_us <= RETRY_AFTER_MAX_S * SECOND_US
        one, target, now_us, tried = judged.message, after, judged.message.next_at_us, tried + 1
        assert tried == one.attempts < most
        assert (after.failures >= FAILURES_BEFORE_REST) == (tried >= FAILURES_BEFORE_REST)


@settings(deadline=None, max_examples=100)
@given(data=st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5))
def test_the_data_is_told_unchanged(data: object) -> None:
    """Whatever JSON stands in the feed reads back from the body."""
    told = TOLD._replace(data=msgspec.json.encode(data).decode())
    assert msgspec.json.decode(body_of(told))["data"] == data
