"""The bare concurrent client that the function is compared with, in a process of its own."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments import Environment
from machine import SERVER, on
from targets import Target

BARE = Path(__file__).parent / "apps/bare.py"


@dataclass
class Bare:
    """A client that creates what it is told, on the core of the servers."""

    process: subprocess.Popen[str]
    file: Path

    def create(
        self, objects: Iterable[str], connections: int = 1, reads: bool = False
    ) -> tuple[float, list[int]]:
        """Create objects; return the seconds of all together, and the microseconds of each."""
        self.file.write_text("\n".join(objects))
        order = f"{connections} {int(reads)} {self.file}\n"
        self.process.stdin.write(order)  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        seconds, each = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]
        return seconds, each


@contextmanager
def bare(
    environment: Environment, target: Target, folder: Path, collection: str = ""
) -> Iterator[Bare]:
    """Run such a client in the environment of what it is compared with."""
    told = json.loads(target.environ["BENCH_TARGET"])
    told["jobs"] = collection or told["jobs"]
    with on(SERVER):
        process = subprocess.Popen(
            [environment.python, BARE],
            env={"BENCH_TARGET": json.dumps(told)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        yield Bare(process, folder / "objects")
    finally:
        process.kill()
        process.wait()
