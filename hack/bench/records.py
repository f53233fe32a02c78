"""What was measured: raw values under three names each, as they go into the JSON file."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Record:
    """What a row of values belongs to."""

    case: str
    environment: str
    variant: str


@dataclass
class Records:
    """All rows of values, in the order in which they began."""

    rows: dict[Record, tuple[list[float], list[float]]] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    def add(self, record: Record, value: float, mib: float | None = None) -> None:
        """Keep a value (milliseconds, a rate, MiB: the case says what), and the memory beside it."""
        values, memory = self.rows.setdefault(record, ([], []))
        values.append(round(value, 3))
        if mib is not None:
            memory.append(round(mib, 2))

    def progress(self, text: str) -> None:
        """Tell whoever waits how far it is."""
        print(f"{time.monotonic() - self._started:4.0f} s  {text}", file=sys.stderr, flush=True)

    def as_json(self) -> Iterator[dict[str, Any]]:
        """Return each row as an object of the file."""
        for record, (values, memory) in self.rows.items():
            yield {**vars(record), "values": values, "mib": memory}
