"""The servers: each started once for a worker, when a test first asks for it."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from storage import open_engine
from storage.store import DatabaseStore
from tests.pull.installs import HERE, install_httpbin, install_node_modules, need
from tests.pull.processes import serving
from tests.pull.stored import Api
from tests.pull.wiremock import WireMock

LISTENING = r"listening (\d+)\n"

VEHICLES = [{"id": f"V{n:03}", "name": f"Truck {n}", "plate": f"B-XY {n}"} for n in range(1, 24)]
READINGS = [
    {"id": f"R{day:02}-{n}", "meterId": f"V00{n}", "date": f"2024-01-{day:02}", "km": 1000.25 * n + day}
    for day in range(1, 32)
    for n in (1, 2)
]


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest) -> Path:
    """A folder that all workers, and later sessions, share."""
    return Path(request.config.cache.mkdir("pull"))


@pytest.fixture(scope="session")
def node_modules(shared_folder: Path) -> Path:
    """The installed packages of package-lock.json."""
    return install_node_modules(shared_folder)


def _data_file(folder: Path) -> str:
    path = folder / "data.json"
    path.write_text(json.dumps({"vehicles": VEHICLES, "readings": READINGS, "empty": []}))
    return str(path)


@pytest.fixture(scope="session")
def json_server(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """json-server 0.17.4."""
    assert node_modules.is_dir()
    data = _data_file(tmp_path_factory.mktemp("json-server"))
    with serving([need("node"), str(HERE / "servers/json_server.cjs"), data], LISTENING) as url:
        yield url


@pytest.fixture(scope="session")
def json_server_beta(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """json-server 1.0.0-beta.15."""
    assert node_modules.is_dir()
    data = _data_file(tmp_path_factory.mktemp("json-server-beta"))
    with serving([need("node"), str(HERE / "servers/json_server_beta.mjs"), data], LISTENING) as url:
        yield url


@pytest.fixture(scope="session")
def oidc(node_modules: Path) -> Iterator[str]:
    """oidc-provider, with a resource that takes its tokens."""
    assert node_modules.is_dir()
    with serving([need("node"), str(HERE / "servers/oidc.mjs")], LISTENING) as url:
        yield url


@pytest.fixture(scope="session")
def oauth2_server(node_modules: Path) -> Iterator[str]:
    """oauth2-mock-server, with a resource that takes only its latest token."""
    assert node_modules.is_dir()
    with serving([need("node"), str(HERE / "servers/oauth2_mock.mjs")], LISTENING) as url:
        yield url


@pytest.fixture
def oauth2(oauth2_server: str) -> Iterator[httpx2.Client]:
    """A client of the same server's own controls, with its behaviour as it starts out."""
    with httpx2.Client(base_url=oauth2_server) as controls:
        controls.get("/set")
        yield controls


@pytest.fixture(scope="session")
def httpbin(shared_folder: Path) -> Iterator[str]:
    """Httpbin."""
    home = install_httpbin(shared_folder)
    command = [sys.executable, "-m", "flask", "--app", "httpbin", "run", "--host", "127.0.0.1", "--port", "0"]
    with serving(command, r"Running on http://127\.0\.0\.1:(\d+)", {"PYTHONPATH": str(home)}) as url:
        yield url


@pytest.fixture(scope="session")
def wiremock_server(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """WireMock, with a folder of its own for what it makes."""
    [jar] = (node_modules / "wiremock/build").glob("wiremock-standalone-*.jar")
    folder = str(tmp_path_factory.mktemp("wiremock"))
    options = ["--port", "0", "--bind-address", "127.0.0.1", "--root-dir", folder]
    with serving([need("java"), "-jar", str(jar), *options], r"port:\s+(\d+)\s") as url:
        yield url


@pytest.fixture
def wiremock(wiremock_server: str) -> Iterator[WireMock]:
    """WireMock without stubs and with an empty journal."""
    with httpx2.Client(base_url=wiremock_server) as controls:
        controls.post("/__admin/reset").raise_for_status()
        yield WireMock(wiremock_server, controls)


@pytest.fixture
def api(wiremock: WireMock) -> Api:
    """A provider without anything."""
    found = Api(wiremock)
    for path in ("/vehicles", "/meters", "/stands", "/months"):
        found.lists(path, [])
    return found


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[DatabaseStore]:
    """An empty store on each engine."""
    engine = open_engine(request.getfixturevalue(f"{request.param}_url"))
    yield DatabaseStore(engine)
    await engine.close()
