"""What streams that ask once for each record of another one know of those records, in one run."""

from collections import Counter
from collections.abc import Sequence

from receiver.pull.expressions import Document
from receiver.pull.mapping import NO_PARENT, Mapped, ParentValues, Quarantined, parent_values, refuse_parent
from receiver.pull.plan import children_of
from schemas.errors import InvalidInputError
from schemas.providers import Definition


class Parents:
    """The records of all streams that have children, as far as those need them."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._values: dict[str, dict[str, ParentValues]] = {name: {} for name in definition.streams}
        self._orphans: dict[str, list[Quarantined]] = {name: [] for name in definition.streams}
        self._unusable: Counter[str] = Counter()

    def note(self, name: str, raws: Sequence[Document], results: Sequence[Mapped | Quarantined]) -> None:
        """A page of a stream, as it came and as it was mapped."""
        for child in children_of(self._definition, name):
            for raw, result in zip(raws, results, strict=True):
                if isinstance(result, Mapped):
                    self._note(child, result.key, raw)
                else:
                    self._unusable[child] += 1

    def scopes(self, name: str) -> list[ParentValues]:
        """What a stream is to be asked for: once for each parent, or once."""
        return [NO_PARENT] if self._definition.streams[name].parent is None else list(self._values[name].values())

    def orphans(self, name: str) -> tuple[Quarantined, ...]:
        """The parents that lack what the stream's path needs of them."""
        return tuple(self._orphans[name])

    def unasked(self, name: str) -> int:
        """How many parents, or parents of those, can't be used at all, so that the stream isn't asked for them."""
        parent = self._definition.streams[name].parent
        return 0 if parent is None else self._unusable[name] + self.unasked(parent.stream)

    def _note(self, child: str, key: str, raw: Document) -> None:
        try:
            self._values[child].setdefault(key, parent_values(self._definition.streams[child], key, raw))
        except InvalidInputError as error:
            self._orphans[child].append(refuse_parent(key, raw, error))
