"""The machine: its cores, who runs on which, and what a tree of processes takes of its memory."""

import os
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
PINNED = len(CORES) > 1
SERVER = set(CORES[:1])
"""The core of what is measured."""
OTHERS = set(CORES[1:]) or SERVER
"""Those of the API and of who measures."""


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Let what is started in the block run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += tree(int(child))
    return found


def status(pids: Iterable[int], name: str) -> int:
    """Return a figure of /proc/…/status, summed over these processes: in KiB, if it is of memory."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.findall(rf"^{name}:\s+(\d+)", text, re.M)[0]) for text in texts)


def pss(pid: int) -> float:
    """Return the MiB of a tree of processes; what several share is counted once."""
    texts = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in tree(pid)]
    return sum(int(re.findall(r"^Pss: +(\d+)", text, re.M)[0]) for text in texts) / 1024


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a tree of processes has used."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """Return what a reader needs to know of this machine."""
    info = Path("/proc/cpuinfo").read_text()
    models = re.findall(r"^model name\s*: (.*)$", info, re.M) or [platform.machine()]
    memory = re.findall(r"^MemTotal: +(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {
        "processor": models[0],
        "cores": str(len(CORES)),
        "memory": f"{int(memory[0]) / 1024**2:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "pinned": "the server on one core, the API and who measures on the others"
        if PINNED
        else "no: there is one core",
    }
