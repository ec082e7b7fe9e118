"""Settings: where they come from, which one wins, and what is refused."""

from pathlib import Path

import msgspec
import pytest

from receiver.limit_settings import Limits
from receiver.safety import check_signing, secret_values
from receiver.secret import Secret
from receiver.settings import Settings, SettingsError
from receiver.settings_file import config_path, load_settings
from receiver.source_settings import RequiredHeader, Subscription
from schemas.errors import InvalidInputError

UUID = "0A1B2C3D-0000-4000-8000-00000000000F"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(text: str, environ: dict[str, str] | None = None) -> Settings:
    path = Path("some.toml")
    path.write_text(text)
    return load_settings(path, environ or {})


def _faults(text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        _load(text, environ)
    assert all(problem.path in caught.value.message for problem in caught.value.problems)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.usefixtures("folder")
def test_nothing_given_gives_the_defaults() -> None:
    """Without a file and without variables every setting has its documented default."""
    assert load_settings(None, {}) == Settings()


def test_the_file_is_chosen_by_argument_then_variable_then_folder(folder: Path) -> None:
    """`--config` comes before DRAWBAR_CONFIG, which comes before ./drawbar.toml, which needn't exist."""
    assert config_path(None, {}) is None
    (folder / "drawbar.toml").write_text("port = 1")
    (folder / "variable.toml").write_text("port = 2")
    (folder / "argument.toml").write_text("port = 3")
    environ = {"DRAWBAR_CONFIG": "variable.toml"}
    assert load_settings(None, {}).port == 1
    assert load_settings(None, environ).port == 2
    assert load_settings(Path("argument.toml"), environ).port == 3


@pytest.mark.usefixtures("folder")
def test_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless an environment is given, that of the process counts."""
    monkeypatch.setenv("DRAWBAR_PORT", "4711")
    assert load_settings().port == 4711


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"port = ", "not TOML"), (b"\xff", "not TOML")],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, message: str) -> None:
    """A missing file, one that isn't TOML and one that isn't UTF-8 are errors that name the file."""
    if content is not None:
        Path("some.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"some\.toml: .*{message}"):
        load_settings(Path("some.toml"), {})


@pytest.mark.usefixtures("folder")
def test_a_fault_of_the_environment_is_not_laid_on_the_file() -> None:
    """The file is named where a fault is in it, and left out where all of them are in variables."""
    for text, message in (("", "DRAWBAR_PORT: expected `int`"), ("host = 1", "some.toml: host: expected `str`, got `int`")):
        with pytest.raises(SettingsError) as caught:
            _load(text, {"DRAWBAR_PORT": "abc"})
        assert caught.value.message.startswith(message)


@pytest.mark.usefixtures("folder")
def test_every_kind_of_value_from_the_file() -> None:
    """Numbers, flags, choices, lists, tables, tables by name and secrets are read from TOML."""
    settings = _load(f"""
        port = 0
        metrics_public = true
        missing_unit = "assume"
        webhook_secret = "old, new"
        unit_meters = {{ tp = ["ODOMETER_KM", "HOURS"] }}
        [limits]
        page_max = 50
        page_default = 10
        [retention]
        raw_bodies_days = 365
        [subscriptions."fleet.eu"]
        secrets = ["a,b"]
        organizations = ["{UUID}"]
        require_header = {{ name = "X-Tenant", value = "blue" }}
    """)
    assert settings == Settings(
        port=0,
        metrics_public=True,
        missing_unit="assume",
        webhook_secret=(Secret("old"), Secret("new")),
        unit_meters={"tp": ("ODOMETER_KM", "HOURS")},
        limits=Limits(page_max=50, page_default=10),
        retention=msgspec.structs.replace(Settings().retention, raw_bodies_days=365),
        subscriptions={
            "fleet.eu": Subscription(
                secrets=(Secret("a,b"),),
                organizations=(UUID.lower(),),
                require_header=RequiredHeader("X-Tenant", Secret("blue")),
            ),
            "default": Subscription(secrets=(Secret("old"), Secret("new"))),
        },
    )


@pytest.mark.usefixtures("folder")
def test_the_environment_wins_key_by_key() -> None:
    """A variable replaces its own key of the file and leaves the others."""
    settings = _load(
        """
        host = "::1"
        port = 1
        limits = { page_max = 7, page_default = 7 }
        subscriptions.Fleet-EU = { secrets = ["x"], tolerance_s = 5 }
        """,
        {
            "DRAWBAR_PORT": "2",
            "DRAWBAR_LIMITS_PAGE_DEFAULT": "3",
            "DRAWBAR_METRICS_PUBLIC": "true",
            "DRAWBAR_RETENTION_REJECTED_DAYS": "null",
            "DRAWBAR_SUBSCRIPTIONS_FLEET_EU_SECRETS": "y, z",
            "DRAWBAR_SUBSCRIPTIONS_FLEET_EU_REQUIRE_HEADER_NAME": "X-A",
            "DRAWBAR_SUBSCRIPTIONS_FLEET_EU_REQUIRE_HEADER_VALUE": "b",
            "DRAWBAR_SUBSCRIPTIONS_ASIA_SECRETS": "q",
            "DRAWBAR_UNIT_METERS_TP": "A,B",
            "DRAWBAR_HOST": "",
            "OTHER": "ignored",
        },
    )
    assert (settings.host, settings.port, settings.metrics_public) == ("::1", 2, True)
    assert (settings.limits.page_max, settings.limits.page_default) == (7, 3)
    assert settings.retention.rejected_days is None
    assert settings.unit_meters == {"tp": ("A", "B")}
    assert settings.subscriptions == {
        "Fleet-EU": Subscription(
            secrets=(Secret("y"), Secret("z")), tolerance_s=5, require_header=RequiredHeader("X-A", Secret("b"))
        ),
        "asia": Subscription(secrets=(Secret("q"),)),
    }


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ('webhook_secret = "file"', {"DRAWBAR_WEBHOOK_SECRET": "new"}),
        ('webhook_secret = "file"', {"DRAWBAR_SUBSCRIPTIONS_DEFAULT_SECRETS": "new"}),
        ('[subscriptions.default]\nsecrets = "file"', {"DRAWBAR_WEBHOOK_SECRET": "new"}),
    ],
)
def test_the_two_names_for_the_default_secrets_replace_each_other(text: str, environ: dict[str, str]) -> None:
    """A variable under either name replaces what the file says under the other."""
    assert _load(text, environ).subscriptions == {"default": Subscription(secrets=(Secret("new"),))}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ('webhook_secret = "a"\n[subscriptions.default]\nsecrets = "b"', {}),
        ("", {"DRAWBAR_WEBHOOK_SECRET": "a", "DRAWBAR_SUBSCRIPTIONS_DEFAULT_SECRETS": "b"}),
    ],
)
def test_the_two_names_for_the_default_secrets_must_not_contradict(text: str, environ: dict[str, str]) -> None:
    """Both names with different secrets in one place are an error."""
    assert "webhook_secret" in _faults(text, environ)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("prot = 1", "prot", "port"),
        ("page_max = 1", "page_max", "limits.page_max"),
        ("[limit]\npage_max = 1", "limit", "limits"),
        ("[limits]\npage_maximum = 1", "limits.page_maximum", "limits.page_max"),
        ('[subscriptions.eu]\nsecret = "x"', "subscriptions.eu.secret", "subscriptions.eu.secrets"),
        (
            '[subscriptions.eu.require_header]\nnam = "x"',
            "subscriptions.eu.require_header.nam",
            "subscriptions.eu.require_header.name",
        ),
        ("allow_unsigned = true", "allow_unsigned", ""),
    ],
)
def test_an_unknown_key_names_the_nearest(text: str, key: str, nearest: str) -> None:
    """A key that isn't known is an error that names the key most like it."""
    message = _faults(text)[key]
    assert message.startswith("unknown key, the nearest known one is ")
    assert message.endswith(nearest)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DRAWBAR_WEBHOOK_SECRT", "DRAWBAR_WEBHOOK_SECRET"),
        ("DRAWBAR_PAGE_MAX", "DRAWBAR_LIMITS_PAGE_MAX"),
        ("DRAWBAR_PORT_8000_TCP", "DRAWBAR_PORT"),
        ("DRAWBAR_ALLOW_UNSIGNED", ""),
    ],
)
def test_an_unknown_variable_names_the_nearest(name: str, nearest: str) -> None:
    """A DRAWBAR_ variable that isn't known is an error that names the variable most like it."""
    assert _faults("", {name: "x"})[name].endswith(nearest)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "environ", "key", "message"),
    [
        ('port = "80"', {}, "port", "expected `int`, got `str`"),
        ("port = 65536", {}, "port", "expected `int` <= 65535"),
        ("", {"DRAWBAR_PORT": "tcp://10.0.0.1:80"}, "DRAWBAR_PORT", "expected `int`"),
        ("", {"DRAWBAR_METRICS_PUBLIC": "yes"}, "DRAWBAR_METRICS_PUBLIC", "expected `bool`"),
        ('host = ""', {}, "host", "expected `str` of length >= 1"),
        ('database = "mysql://x"', {}, "database", "mysql"),
        ('missing_unit = "ask"', {}, "missing_unit", "expected reject or assume"),
        ("limits = 5", {}, "limits", "expected a table"),
        ("[limits]\nbody_bytes_max = 0", {}, "limits.body_bytes_max", "expected `int` >= 1"),
        ("[limits]\npage_default = 2000", {}, "limits.page_default", "larger than page_max"),
        ("", {"DRAWBAR_POSTGRES_POOL_MIN": "11"}, "postgres.pool_min", "larger than pool_max"),
        ("operator_secret = 5", {}, "operator_secret", "expected a text that isn't empty"),
        ('operator_secret = ""', {}, "operator_secret", "expected a text that isn't empty"),
        ("webhook_secret = [5]", {}, "webhook_secret", "expected a text that isn't empty"),
        ('[subscriptions."a/b"]\nsecrets = "x"', {}, "subscriptions.a/b", "a name has"),
        ('[subscriptions.a]\norganizations = ["x"]', {}, "subscriptions.a.organizations", "matching regex"),
        ('[subscriptions.a]\nrequire_basic = "x"', {}, "subscriptions.a.require_basic", "user:password"),
        (
            '[subscriptions.a]\nrequire_basic = "x:y"\nrequire_bearer = "z"',
            {},
            "subscriptions.a.require_bearer",
            "one Authorization header",
        ),
        ('[subscriptions.a]\nrequire_header = { name = "X-A" }', {}, "subscriptions.a.require_header.value", "is missing"),
        ('[subscriptions.a]\nscheme = "standard-webhooks"\nsecrets = "whsec_!"', {}, "subscriptions.a.secrets", "base64"),
        (
            '[subscriptions.a-b]\nsecrets = "x"\n[subscriptions.a_b]\nsecrets = "y"',
            {"DRAWBAR_SUBSCRIPTIONS_A_B_SECRETS": "z"},
            "DRAWBAR_SUBSCRIPTIONS_A_B_SECRETS",
            "can mean a-b or a_b",
        ),
    ],
)
def test_a_bad_value_names_its_key(text: str, environ: dict[str, str], key: str, message: str) -> None:
    """A value of the wrong type, out of bounds or contradicting another is an error at its key or variable."""
    assert message in _faults(text, environ)[key]


@pytest.mark.usefixtures("folder")
def test_all_faults_come_at_once() -> None:
    """Whoever mends a file learns of every fault in it in one go."""
    assert set(_faults('prot = 1\nport = "x"\n[limits]\npage_max = 0', {"DRAWBAR_HOSTS": "x"})) == {
        "prot",
        "port",
        "limits.page_max",
        "DRAWBAR_HOSTS",
    }


@pytest.mark.usefixtures("folder")
def test_a_fault_does_not_repeat_a_secret() -> None:
    """What stands where a secret belongs is not shown, whatever is wrong with it."""
    secret = "whsec_!not-to-be-seen"
    for text in (
        f'[subscriptions.a]\nscheme = "standard-webhooks"\nsecrets = "{secret}"',
        f'[subscriptions.a]\nrequire_basic = "{secret}"',
        f'operator_secret = ["{secret}"]',
    ):
        assert secret not in str(_faults(text))


def test_secrets_never_show() -> None:
    """Neither the repr nor the text of settings holds a secret, the database's password included."""
    settings = Settings(
        database="postgresql://me:sesame%21@host/name",
        webhook_secret=(Secret("sesame-webhook"),),
        operator_secret=Secret("sesame-operator"),
        subscriptions={"a": Subscription(secrets=(Secret("whsec_c2VzYW1l"),), require_basic=Secret("user:sesame-basic"))},
    )
    assert "sesame" not in f"{settings!r} {settings} {[settings.operator_secret]}"
    assert secret_values(settings) == {
        "sesame-webhook",
        "sesame-operator",
        "whsec_c2VzYW1l",
        "c2VzYW1l",
        "user:sesame-basic",
        "sesame-basic",
        "sesame%21",
        "sesame!",
    }


def test_a_secret_is_never_empty() -> None:
    """An empty secret would sign for anybody."""
    with pytest.raises(ValueError, match="empty"):
        Secret("")


@pytest.mark.parametrize("secrets", ["whsec_", "whsec_!", "not base64", "whsec_äöü"])
def test_a_standard_webhooks_secret_is_base64(secrets: str) -> None:
    """A secret of the scheme standard-webhooks that holds no key is refused, however the subscription is made."""
    with pytest.raises(InvalidInputError, match="base64"):
        Subscription(secrets=(Secret(secrets),), scheme="standard-webhooks")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_unsigned_is_for_loopback(host: str) -> None:
    """Without any secret the service may start on a loopback address if unsigned is allowed; they go to `default`."""
    settings = Settings(host=host, allow_unsigned=True)
    check_signing(settings)
    assert settings.subscriptions == {"default": Subscription()}


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (Settings(), "webhook_secret"),
        (Settings(subscriptions={"a": Subscription(secrets=(Secret("x"),)), "b": Subscription()}), "subscriptions.b.secrets"),
        (Settings(host="0.0.0.0", allow_unsigned=True), "host"),  # noqa: S104 - the address that must be refused
        (Settings(host="example.org", allow_unsigned=True), "host"),
        (Settings(host="::", webhook_secret=(Secret("x"),), allow_unsigned=True), "host"),
    ],
)
def test_unsigned_is_refused(settings: Settings, key: str) -> None:
    """The service doesn't start without a secret for each subscription, nor unsigned where others can reach it."""
    with pytest.raises(SettingsError) as caught:
        check_signing(settings)
    assert caught.value.problems[0].path == key


def test_signed_may_listen_anywhere() -> None:
    """With a secret for each subscription any address will do."""
    check_signing(Settings(host="::", webhook_secret=(Secret("x"),)))
