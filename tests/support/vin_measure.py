"""Precision and recall of suggestions over labelled draws, with assets found by their blocking keys."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from handlers.rules.vin_keys import probe_keys, stored_keys
from handlers.rules.vin_match import SUGGEST_FROM, SUGGEST_MARGIN, match, suggestion
from schemas.vin import AssetVin, Candidate
from tests.support.vin_draws import Draw

# How often another unit of the same type is still on a vehicle: one that was replaced and never unpaired.
OCCUPIED = 0.01


class KeyIndex:
    """What a store does with the keys: rows (key, asset), and a lookup of several keys at once."""

    def __init__(self, assets: Iterable[AssetVin]) -> None:
        self._rows: dict[str, list[AssetVin]] = defaultdict(list)
        for asset in assets:
            for key in stored_keys(asset.vin):
                self._rows[key].append(asset)

    def lookup(self, vin: str) -> list[AssetVin]:
        """Each asset once that has one of the keys."""
        return list({asset.registry_asset_id: asset for asset in self.touched(vin)}.values())

    def touched(self, vin: str) -> Iterator[AssetVin]:
        """The rows that a lookup reads."""
        return (asset for key in probe_keys(vin) for asset in self._rows.get(key, ()))


@dataclass
class Tally:
    """Counts over draws: all of them, those whose vehicle is in the fleet, those that can be decided, and what was suggested."""

    draws: int = 0
    present: int = 0
    decidable: int = 0
    right: int = 0
    wrong: int = 0
    right_of_decidable: int = 0

    def add(self, candidates: Sequence[Candidate], truth: str | None) -> None:
        """Count one draw whose true answer is the asset `truth`, or none."""
        suggested = suggestion(candidates)
        decidable = is_decidable(candidates, truth)
        right = suggested is not None and suggested == truth
        self.draws += 1
        self.present += truth is not None
        self.decidable += decidable
        self.right += right
        self.wrong += suggested is not None and not right
        self.right_of_decidable += right and decidable

    @property
    def precision(self) -> float:
        """The share of suggestions that were right."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of draws with a vehicle of the fleet for which that one was suggested."""
        return self.right / max(1, self.present)

    @property
    def recall_of_decidable(self) -> float:
        """The same, of the draws that can be decided."""
        return self.right_of_decidable / max(1, self.decidable)


@dataclass
class Measurement:
    """Tallies by fault, over all draws, and apart from them over those whose text spells another vehicle of the fleet."""

    total: Tally = field(default_factory=Tally)
    by_fault: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    spelling_another: Tally = field(default_factory=Tally)


def is_decidable(candidates: Sequence[Candidate], truth: str | None) -> bool:
    """Whether the true asset scores at least 0.90 and no other comes within 0.15 of it."""
    scores = {candidate.registry_asset_id: round(100 * candidate.score) for candidate in candidates}
    true_score = scores.pop(truth, 0) if truth else 0
    return true_score >= SUGGEST_FROM and true_score - max(scores.values(), default=0) >= SUGGEST_MARGIN


def as_assets(fleet: Sequence[str], seed: int) -> list[AssetVin]:
    """The fleet as the matching rules see it, a few of its vehicles occupied."""
    rng = random.Random(seed)  # noqa: S311 - draws that can be repeated, not secrets
    return [AssetVin(f"asset_{index}", None, vin, occupied=rng.random() < OCCUPIED) for index, vin in enumerate(fleet)]


def measure(assets: Sequence[AssetVin], draws: Iterable[Draw], count: int) -> Measurement:
    """Match `count` draws, and apart from them those whose text spells another vehicle: no rule on texts can tell them."""
    found = Measurement()
    index = KeyIndex(assets)
    for draw in draws:
        candidates = match(draw.sensor, index.lookup(draw.sensor))
        truth = None if draw.truth is None else assets[draw.truth].registry_asset_id
        if draw.spells is not None:
            found.spelling_another.add(candidates, truth)
            continue
        found.total.add(candidates, truth)
        found.by_fault[draw.fault.partition(",")[0]].add(candidates, truth)
        if found.total.draws == count:
            break
    return found
