"""What a provider no longer lists: whether it may be deactivated.

A fetch that misses very much at once is likelier to be at fault than the things are.
"""

from typing import NamedTuple

from schemas.providers import Deactivation


class Verdict(NamedTuple):
    """Whether to deactivate, and why or why not, in words."""

    deactivate: bool
    said: str


def judge_absence(entity: str, active: int, missing: int, guard: Deactivation) -> Verdict:
    """Of `active` things that were listed until now `missing` are not any more.

    Nothing is done beyond both bounds of the guard: more than `count_max`, and more than `share_max` of what was active.
    """
    if not missing:
        return Verdict(deactivate=False, said="")
    if missing > guard.count_max and missing > guard.share_max * active:
        allowed = f"{guard.count_max} and {guard.share_max:.0%}"
        return Verdict(
            deactivate=False,
            said=f"{missing} of {active} {entity} were not listed, more than {allowed}: nothing was deactivated",
        )
    return Verdict(deactivate=True, said=f"{missing} of {active} {entity} are no longer listed and were deactivated")
