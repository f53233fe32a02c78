"""How much memory this process has, and had at most; Linux tells it, elsewhere all is zero."""

import ctypes
import gc
from contextlib import suppress

MIB = 1024 * 1024


def resident() -> float:
    """Return what it has now, in MiB."""
    return _status("VmRSS")


def peak() -> float:
    """Return the most that it had since it was last forgotten, in MiB."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Let the peak be what there is now."""
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def give_back() -> None:
    """Give back what is free, so that what is left is held by something."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _status(name: str) -> float:
    with suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / MIB
    return 0.0
