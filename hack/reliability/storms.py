"""`make storms`: too much at once, and senders that never end, through one door.

The function runs as in a cluster, before the embedded API in a process of its own. A
third process asks for its health all the while, and looks at what it takes.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
# The project, its tests' way to start it, the benchmark's embedded API, and what writes pages.
sys.path[:0] = [str(ROOT / part) for part in ("", "tests", "hack/bench", "hack")]

import marked  # noqa: E402
from bystander import Seen, watched  # noqa: E402
from function_process import doors, running  # noqa: E402
from notifications import NAMESPACE, notification  # noqa: E402
from senders import (  # noqa: E402
    CUT,
    crowd,
    empty_lists,
    nobodys,
    numbers,
    request,
    send,
)
from targets import Embedded, embedded  # noqa: E402

PROBE_SECONDS = 1.0
"""What a kubelet waits for."""
MEMORY = 256 * 1024 * 1024
"""What knative/service.yaml allows."""
THREADS = 150
"""gunicorn's 112, the 16 that ask the API, and a few."""
ANSWERS = {200, 413, 503, CUT}
"""A connection that is cut is tried again, as a 503 is."""
MOST = 4 * 1024 * 1024
"""The largest body that is taken."""


@dataclass(frozen=True)
class Storm:
    """What comes, the notifications in it that are to be settled, and the Jobs that are due for them."""

    title: str
    blow: Callable[[str], Counter[int]]
    settled: int
    due: int = 0


def one_of_5000(url: str) -> Counter[int]:
    return send(url, [notification(5000)])


def many_at_once(url: str) -> Counter[int]:
    return send(url, [notification(5) for _ in range(500)])


def large_at_once(url: str) -> Counter[int]:
    return send(url, [notification(2000) for _ in range(8)])


def many_large_at_once(url: str) -> Counter[int]:
    return send(
        url, [nobodys(5000, f"Nobody{number}", generatorURL="x" * 120) for number in range(64)]
    )


def bombs(make: Callable[[int], bytes]) -> Callable[[str], Counter[int]]:
    return lambda url: send(url, [make(MOST)] * 64, tries=1)


def beside(count: int, beginning: bytes, buffer: int = 0) -> Callable[[str], Counter[int]]:
    """Return a storm in which senders stall, and others want to be answered beside them."""

    def blow(url: str) -> Counter[int]:
        with crowd(url, count, beginning, buffer):
            return send(url, [notification(5) for _ in range(20)])

    return blow


STORMS = (
    Storm("one notification of 5,000 alerts", one_of_5000, 1, 5000),
    Storm("500 notifications of 5 alerts at once", many_at_once, 500, 2500),
    Storm("8 notifications of 2,000 alerts at once", large_at_once, 8, 16_000),
    Storm("64 of 5,000 at once, none with a definition", many_large_at_once, 64),
    Storm("64 bodies of 4 MiB at once: empty lists", bombs(empty_lists), 0),
    Storm("64 bodies of 4 MiB at once: one object with 320,000 keys", bombs(numbers), 0),
    Storm("1,000 connections that send nothing, and 20 notifications", beside(1000, b""), 20, 100),
    Storm(
        "1,000 half heads, and 20 notifications",
        beside(1000, b"POST / HTTP/1.1\r\nHost: "),
        20,
        100,
    ),
    Storm(
        "200 bodies that stall after 1 MiB, and 20 notifications",
        beside(200, request(b" " * 2**20, 2 * 2**20)),
        20,
        100,
    ),
    Storm(
        "20 senders that do not read their answers of 8 MB, and 20 notifications",
        beside(20, request(nobodys(5000, "é" * 200, fingerprint="é" * 60)), 4096),
        20,
        100,
    ),
)


@dataclass
class Row:
    """What came of one storm."""

    storm: Storm
    answers: Counter[int] = field(default_factory=Counter)
    repaired: list[str] = field(default_factory=list)
    """The pod of each Job's alert: no two alerts have the same."""
    seen: Seen = field(default_factory=Seen)

    @property
    def lost(self) -> int:
        return self.storm.due - len(set(self.repaired))

    @property
    def doubled(self) -> int:
        return len(self.repaired) - len(set(self.repaired))

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost or doubled, and the function stayed within its bounds."""
        return (
            self.lost == self.doubled == 0
            and self.answers[200] == self.storm.settled
            and set(self.answers) <= ANSWERS
            and self.seen.probe < PROBE_SECONDS
            and self.seen.memory < MEMORY
            and self.seen.threads < THREADS
        )

    def __str__(self) -> str:
        cells = (
            self.storm.title,
            f"{self.answers[200]:,}",
            f"{self.answers[503]:,}",
            f"{self.answers[413]:,}",
            f"{self.answers[CUT]:,}",
            f"{sum(n for code, n in self.answers.items() if code not in ANSWERS):,}",
            f"{self.storm.due:,}",
            f"{self.lost:,}",
            f"{self.doubled:,}",
            f"{self.seen.probe * 1000:,.0f} ms",
            f"{self.seen.memory / 2**20:,.0f} MiB",
            f"{self.seen.threads:,}",
            f"{self.seen.sockets:,}",
            "yes" if self.is_good else "**no**",
        )
        return marked.line(cells)


HEAD = (
    *("storm", "200", "503", "413", "cut", "other", "Jobs due", "lost", "doubled"),
    *("slowest probe", "memory", "threads", "sockets", "held"),
)


def main() -> int:
    """Let each storm blow, print the table, and return whether one did harm."""
    options = read_options(sys.argv[1:])
    header = marked.table(HEAD, ())
    lines = [header]
    print(header)
    failed = False
    for number in options.only or range(len(STORMS)):
        row = endure(STORMS[number], options.door)
        failed |= not row.is_good
        lines.append(str(row))
        print(row, flush=True)
    if options.write:
        marked.write(ROOT / "docs/reliability.md", {f"storms {options.door}": "\n".join(lines)})
    return int(failed)


def endure(storm: Storm, door: str) -> Row:
    """Start a function for a storm, and let it blow."""
    row = Row(storm)
    with started(door) as (url, pid, api):
        with watched(url, pid) as row.seen:
            row.answers = storm.blow(url)
        path = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        row.repaired = [pod_of(job) for job in api.ask("GET", path)["items"]]
    return row


def pod_of(job: dict[str, Any]) -> str:
    """Return the pod of the alert that a Job was made for."""
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    return str(json.loads(annotations["openfero.io/alert"])["labels"]["pod"])


@contextmanager
def started(door: str) -> Iterator[tuple[str, int, Embedded]]:
    """Run the function in a door, before an API with the sample definition."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        with (
            embedded(where) as api,
            running(door, where / "log", api.kubeconfig) as function,
        ):
            yield function.url, function.process.pid, api
            assert "Traceback" not in function.log.read_text(), function.log.read_text()[-2000:]


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="make storms", description=__doc__)
    parser.add_argument("--door", choices=doors(), default=doors()[-1])
    parser.add_argument("--only", type=int, action="append", help="the number of a storm, from 0")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
