"""A manifest as its author wrote it: what the rules look at."""

from dataclasses import dataclass
from typing import Any

from function.tools.documents import Path, Text
from function.tools.findings import Finding


@dataclass(frozen=True)
class Written:
    """The YAML of a manifest, and what it says."""

    text: Text
    value: dict[str, Any]

    def find(self, code: str, path: Path, message: str) -> Finding:
        """Return a finding about the value at a path, or about what it would belong to."""
        return Finding(self.text.at(path), code, message)
