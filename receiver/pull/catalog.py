"""The definitions that there are: one folder, read again whenever a file in it has changed."""

from pathlib import Path

import structlog
from msgspec import Struct

from handlers.provider_runs import ProviderKey
from receiver.pull.definition import LoadedDefinition, load_definition
from receiver.settings import Settings
from schemas.errors import InvalidInputError, NotFoundError
from schemas.provider_access import EnvironmentName

log = structlog.get_logger()

_Stamp = tuple[int, int]


class Entry(Struct, frozen=True):
    """One file: its definition, or what is wrong with it, with the file's name."""

    file: str
    loaded: LoadedDefinition | None
    problem: str = ""


class Catalog:
    """The providers of a folder by name; without a folder there are none."""

    def __init__(self, folder: str | None = None, environment: EnvironmentName = "production") -> None:
        self.environment: EnvironmentName = environment
        self._folder = None if folder is None else Path(folder)
        self._entries: dict[Path, tuple[_Stamp, Entry]] = {}
        self._missing = False

    def refresh(self) -> None:
        """Read what is new or changed. What can't be used is told in the log, each time that it changes."""
        if self._folder is None:
            return
        missing = not self._folder.is_dir()
        if missing and not self._missing:
            log.error("providers.no_folder", alert=True, folder=str(self._folder))
        self._missing = missing
        found: dict[Path, tuple[_Stamp, Entry]] = {}
        for path in sorted(self._folder.glob("*.toml")):
            try:
                status = path.stat()
            except OSError:
                continue  # it went as we looked
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._entries.get(path)
            found[path] = known if known and known[0] == stamp else (stamp, _read(path))
        self._entries = found

    def entries(self) -> list[Entry]:
        """Every file, in the order of their names. Of two definitions with one name the second is none."""
        taken: dict[str, str] = {}
        entries = []
        for _, entry in self._entries.values():
            if entry.loaded is not None:
                name = entry.loaded.definition.name
                first = taken.setdefault(name, entry.file)
                if first != entry.file:
                    entry = Entry(entry.file, None, f"{entry.file}: the provider {name} is defined in {first} already")  # noqa: PLW2901 - the same file
            entries.append(entry)
        return entries

    def all(self) -> dict[str, LoadedDefinition]:
        """The definitions that can be used, by name."""
        return {entry.loaded.definition.name: entry.loaded for entry in self.entries() if entry.loaded is not None}

    def get(self, name: str, organization_id: str | None = None) -> LoadedDefinition:
        """One of them. NotFoundError: there is none of this name, or it is of another organization."""
        loaded = self.all().get(name)
        if loaded is None or organization_id not in (None, loaded.definition.organization.lower()):
            raise NotFoundError(f"there is no provider {name!r}")
        return loaded

    def key(self, loaded: LoadedDefinition) -> ProviderKey:
        """What the store knows a provider by."""
        return ProviderKey(loaded.definition.organization.lower(), loaded.definition.name, self.environment)


def open_catalog(settings: Settings) -> Catalog:
    """The definitions of the settings' folder, read."""
    catalog = Catalog(settings.providers_folder, settings.providers_environment)
    catalog.refresh()
    return catalog


def _read(path: Path) -> Entry:
    try:
        return Entry(path.name, load_definition(path))
    except InvalidInputError as error:
        log.error("provider.definition_refused", alert=True, file=path.name, error=error.message)  # noqa: TRY400 - says it all
        return Entry(path.name, None, error.message)
