"""The log: its two forms, and that no secret gets into it."""

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import stamina
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.logs import SECRET_LENGTH_MIN, configure_logging, looks_secret, mask, redactor, render_json
from receiver.outward_settings import Log


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Each test leaves the process's logging as it found it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)


def _configured(
    stream: io.StringIO | None = None,
    level: Literal["debug", "info"] = "info",
    form: Literal["auto", "json", "text"] = "auto",
    secrets: tuple[str, ...] = (),
) -> tuple[io.StringIO, structlog.stdlib.BoundLogger]:
    stream = stream or io.StringIO()
    configure_logging(Log(level=level, format=form), secrets, stream)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return stream, logger


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_what_was_received_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In text control characters are shown by their escapes, on one line; what draws colours is the log's alone."""
    monkeypatch.setenv("NO_COLOR", "1")
    stream, log = _configured(_Terminal())
    log.info("http.request", path="/\x1b[2Jx", remote="a\nb\x9bm", names=["\x1b[31m"], error=ValueError("\x1b]0;"))
    assert "path=/\\x1b[2Jx" in stream.getvalue()
    assert stream.getvalue().removesuffix("\n").isprintable()
    log.error("it.failed", exc_info=ValueError("\x1b[2J"))
    lines = stream.getvalue().split("\n")
    assert len(lines) > 2
    assert all(map(str.isprintable, lines))


def test_json_where_there_is_no_terminal() -> None:
    """Without a terminal each event is one line of JSON with time, level, event, its fields and what is bound."""
    stream, log = _configured()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        log.info("delivery.accepted", events=3, note="two\nlines")
    (line,) = _lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "info", "event": "delivery.accepted", "events": 3, "note": "two\nlines", "request_id": "r1"}


def test_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal an event is text, in colour unless NO_COLOR says otherwise."""
    stream, log = _configured(_Terminal())
    log.info("delivery.accepted", events=3)
    assert "\x1b[" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    stream, log = _configured(_Terminal())
    log.info("delivery.accepted", events=3)
    assert "delivery.accepted" in stream.getvalue()
    assert "events=3\n" in stream.getvalue()


@pytest.mark.parametrize(("form", "stream", "is_json"), [("json", _Terminal(), True), ("text", io.StringIO(), False)])
def test_the_form_can_be_set(form: Literal["json", "text"], stream: io.StringIO, is_json: bool) -> None:
    """`log.format` outranks the terminal."""
    stream, log = _configured(stream, form=form)
    log.info("x")
    assert stream.getvalue().startswith("{") == is_json


def test_the_level_hides_what_is_below_it() -> None:
    """Below the level nothing is written; libraries are never heard below `info`."""
    stream, log = _configured(level="info")
    log.debug("hidden")
    assert not stream.getvalue()
    stream, log = _configured(level="debug")
    log.debug("shown")
    logging.getLogger("some.library").debug("hidden")
    assert [line["event"] for line in _lines(stream)] == ["shown"]


def test_logging_of_libraries_takes_the_same_way() -> None:
    """What uvicorn logs has the same form, its logger's name and the bound request id, and loses its secrets too."""
    stream, _ = _configured(secrets=("open sesame",))
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("uvicorn.error").warning("no %s", "open sesame")
    (line,) = _lines(stream)
    assert line["event"] == "no [secret]"
    assert (line["level"], line["logger"], line["request_id"]) == ("warning", "uvicorn.error", "r1")


def test_requests_of_libraries_are_not_logged() -> None:
    """An HTTP client names each URL with its query, and so with its keys: that isn't logged."""
    stream, _ = _configured(level="debug")
    logging.getLogger("httpx2").info("HTTP Request: GET https://example.org/?key=1")
    assert not stream.getvalue()


def test_warnings_are_logged() -> None:
    """A warning of Python's becomes an event."""
    stream, _ = _configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old ways", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "old ways" in _lines(stream)[0]["event"]


@pytest.mark.parametrize("stream", [io.StringIO(), _Terminal()])
def test_tracebacks_show_no_local_variables(stream: io.StringIO) -> None:
    """A traceback names files and lines, not the values that the functions held."""
    stream, log = _configured(stream)

    def fail(held: str) -> None:
        raise ValueError(len(held))

    held = "a held value".replace(" ", "-")
    try:
        fail(held)
    except ValueError:
        log.exception("request.failed")
    assert "test_tracebacks_show_no_local_variables" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert held not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), _Terminal()])
def test_secrets_are_taken_out_of_errors(stream: io.StringIO) -> None:
    """A registered secret vanishes from messages, fields, nested values and exceptions."""
    secret = 'open "sesame\\'
    stream, log = _configured(stream, secrets=(secret,))

    def fail() -> None:
        raise ValueError(f"bad {secret}")

    try:
        fail()
    except ValueError as error:
        message = f"failed with {secret}"
        log.exception(message, url=f"https://example.org/?key={secret}", nested=[{"deep": secret}], error=error)
    assert "sesame" not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 4


@pytest.mark.parametrize(
    "key",
    ["secret", "client_secret", "clientSecret", "X-Api-Key", "apikey", "Authorization", "Set-Cookie", "accessToken", "PASSWORD"],
)
def test_secret_keys(key: str) -> None:
    """Texts under such keys are hidden at any depth, whoever logs them."""
    assert looks_secret(key)
    assert mask(None, "info", {"event": "x", key: "a", "deep": [{key: ["b"]}], "n": {"event": "y"}}) == {
        "event": "x",
        key: "[secret]",
        "deep": [{key: ["[secret]"]}],
        "n": {"event": "y"},
    }


@pytest.mark.parametrize("key", ["subscription", "signature_failures", "path", "tokens_used", "key", "secretary"])
def test_other_keys(key: str) -> None:
    """What merely resembles a secret's name is shown."""
    assert not looks_secret(key)


def test_numbers_under_secret_keys_are_shown() -> None:
    """A count or a duration is no secret."""
    assert mask(None, "info", {"token_idle_s": 86400, "secret": None}) == {"token_idle_s": 86400, "secret": None}


@settings(deadline=None, max_examples=150)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=SECRET_LENGTH_MIN, max_size=20).filter(
        lambda text: text not in "[secret]" and text not in '{"event":"x","value":""}'
    )
)
def test_any_secret_is_taken_out_of_json(secret: str) -> None:
    """Whatever signs a secret holds, the line without it is still JSON and doesn't hold it."""
    line: Any = render_json(None, "info", {"event": "x", "value": f"<{secret}>"})
    assert json.loads(str(redactor([secret], escaped=True)(None, "info", line))) == {"event": "x", "value": "<[secret]>"}


def test_what_json_cannot_hold_is_logged_all_the_same() -> None:
    """Bytes, exceptions, lone surrogates and odd keys never make logging fail."""
    stream, log = _configured()
    log.info("a", error=ValueError("x"), kind=ValueError, surrogate="\ud800", number=2**100)
    log.info("b", deep={("odd", "key"): 1})
    assert [line["event"].strip("'") for line in _lines(stream)] == ["a", "b"]


def test_a_full_disk_does_not_fail_the_caller() -> None:
    """Where a line can't be written it is lost, and the delivery that it is about goes on."""
    _, log = _configured(_Full())
    log.info("x")


def test_logs_go_to_standard_error() -> None:
    """Unless told otherwise the log leaves standard output alone."""
    code = "import receiver.logs as l, structlog; l.configure_logging(l.Log()); structlog.get_logger().info('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert not done.stdout
    assert json.loads(done.stderr)["event"] == "x"


def test_a_library_may_name_its_logger() -> None:
    """Some that log through structlog do."""
    stream, _ = _configured()
    structlog.get_logger("a library").warning("something.happened", attempt=1)
    (line,) = _lines(stream)
    assert (line["level"], line["event"], line["attempt"]) == ("warning", "something.happened", 1)


def test_what_is_tried_again_is_told_without_its_arguments() -> None:
    """A body can be megabytes, a header a secret: a retry says what failed and when it goes on, and nothing of what was sent."""
    stream, _ = _configured()
    calls: list[str] = []

    @stamina.retry(on=OSError, attempts=2, wait_initial=0, wait_jitter=0)
    def send(body: str, *, headers: dict[str, str]) -> None:
        calls.append(body + headers["X-Key"])
        if len(calls) == 1:
            raise ConnectionRefusedError("nobody there")

    send("of the batch", headers={"X-Key": "of the header"})
    (line,) = _lines(stream)
    assert (line["event"], line["attempt"], line["wait_s"]) == ("retry.scheduled", 1, 0.0)
    assert line["error"] == "ConnectionRefusedError('nobody there')"
    assert "of the" not in stream.getvalue()
