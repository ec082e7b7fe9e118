"""How much memory a process has, as its operating system counts it."""

import re
import sys
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage

MEBIBYTE = 1 << 20
_KIBIBYTE = 1 << 10
_STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """Memory of this process that is in use now; Linux alone tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


def peak_bytes() -> int:
    """The most memory that this process has had at once.

    On Linux it isn't `ru_maxrss`: that outlives exec, so a program that was started counts what the one had that started it.
    """
    if _STATUS.exists() and (peak := re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)):
        return int(peak[1]) * _KIBIBYTE
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else _KIBIBYTE)
